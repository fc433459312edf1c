"""Loss from size and data, where the power of data depends on the size."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import law, power, quantity, real


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS_PER_CHARACTER,
    params={
        "s": real(start=(-0.04, -0.01), box=(-10.0, 10.0)),
        "q": real(start=(0.1, 0.22), box=(-1.0, 1.0)),
        "S": real(start=(-0.3, 0.3), box=(-30.0, 30.0)),
        "B": real(start=(50.0, 110.0), box=(-1e3, 1e3)),
        "b": real(start=(-0.15, -0.07), box=(-1.0, 1.0)),
        "Q": real(start=(-8.0, -3.0), box=(-60.0, 60.0)),
        "A": real(start=(-0.2, -0.08), box=(-10.0, 10.0)),
        "a": real(start=(0.08, 0.16), box=(-1.0, 1.0)),
        "E": real(start=(0.1, 0.7), box=(-30.0, 30.0)),
    },
    source="Li et al. (2025), Farseer: A Refined Scaling Law in Large Language Models, arXiv:2506.10972",
    bibtex="""
    @article{li2025farseer,
      title={Farseer: A Refined Scaling Law in Large Language Models},
      author={Li, Houyi and Zheng, Wenzhen and Wang, Qiufeng and others},
      journal={arXiv preprint arXiv:2506.10972},
      year={2025}
    }
    """,
    evidence="second-hand",
    limits=(
        "Two third-party texts agree on the form; the constants could not be confirmed, so none ship.",
        "The authors fit it piece by piece, size after size; nine parameters at once need a wide grid of N and D.",
        "There is no closed form of the best size: minimise along 6 N D = C.",
        "The released grid gives bits a character, N without embeddings.",
    ),
)
def farseer(N, D, *, s, q, S, B, b, Q, A, a, E):
    r"""Loss of an `N`-parameter model after `D` tokens: $e^{s N^q + S} + e^{B N^b + Q} D^{-\exp(A N^a + E)}$.

    The first term is the floor of a size, with `s`, `q` and `S`; the second what finite data add: its amplitude has
    `B`, `b` and `Q`, its exponent `A`, `a` and `E`. `N` excludes embeddings; bits a character.
    """
    log_decay = jnp.exp(A * power(N, a) + E) * jnp.log(D)
    return jnp.exp(s * power(N, q) + S) + jnp.exp(B * power(N, b) + Q - log_decay)
