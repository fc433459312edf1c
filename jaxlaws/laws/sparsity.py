"""Loss of models with sparse weights."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, law, positive, power, quantity


def dense_gain(S, *, a_S, b_S, c_S, b_N, a_D, b_D, c):
    r"""How many times as many parameters a dense model needs as this one has left at sparsity `S`: $[(a_S + c_S) / (a_S
    (1-S)^{b_S} + c_S)]^{1/b_N}$.
    """
    del a_D, b_D, c
    return {"factor": power((a_S + c_S) / (a_S * power(1.0 - S, b_S) + c_S), 1.0 / b_N)}


@law(
    inputs={"S": quantity.SPARSITY, "N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "a_S": positive(start=(1.0, 1e4)),
        "b_S": exponent(start=(0.3, 2.0)),
        "c_S": positive(start=(1.0, 1e4)),
        "b_N": exponent(start=(0.1, 0.8)),
        "a_D": positive(start=(1e7, 1e10), unit="tokens (or images)"),
        "b_D": exponent(start=(0.1, 1.2)),
        "c": positive(start=(0.3, 5.0), unit="nats/token"),
    },
    linear=("a_S", "c_S", "c"),
    source="Frantar et al. (2023), Scaling Laws for Sparsely-Connected Foundation Models, arXiv:2309.08520",
    bibtex="""
    @article{frantar2023sparse,
      title={Scaling Laws for Sparsely-Connected Foundation Models},
      author={Frantar, Elias and Riquelme, Carlos and Houlsby, Neil and Alistarh, Dan and Evci, Utku},
      journal={arXiv preprint arXiv:2309.08520},
      year={2023}
    }
    """,
    evidence="checked",
    constants={
        "ViT": (
            "ViT on JFT-4B, 112 runs, D in images, nats; from the released notebook, whose units are 1e6 parameters and "
            "1e9 images",
            {
                "a_S": 1.30485411 * 1e6**0.39222675,
                "b_S": 0.82101251,
                "c_S": 2.07506343 * 1e6**0.39222675,
                "b_N": 0.39222675,
                "a_D": 0.27818217 ** (1.0 / 0.88979104) * 1e9,
                "b_D": 0.88979104,
                "c": 4.51669257,
            },
        ),
        "T5-refit": (
            "T5 on C4, 48 released runs, nats/token; re-fit of ours (Huber 1e-3 on logs), not the authors' constants, "
            "which we have not seen in print; b_S, b_D and c are loosely determined",
            {"a_S": 10.71, "b_S": 1.345, "c_S": 41.62, "b_N": 0.2317, "a_D": 6.77e8, "b_D": 0.385, "c": 0.830},
        ),
    },
    derived={"dense_gain": dense_gain},
    limits=(
        "`N` counts what is not zero: a model of 1e8 weights at S = .75 has N = 2.5e7.",
        "On the 48 T5 runs b_S of .72 and 1.34 and c of .65 and .83 do about equally well.",
        "A survey prints it with the data term inside the sparsity's bracket: wrong.",
    ),
)
def sparse_foundation(S, N, D, *, a_S, b_S, c_S, b_N, a_D, b_D, c):
    r"""Loss of a model with `N` weights that are not zero and a share `S` of zeros: $(a_S (1-S)^{b_S} + c_S) N^{-b_N} +
    (a_D/D)^{b_D} + c$.

    `N` excludes embeddings, `D` are tokens or images. `a_S`, `b_S` and `c_S` say what zeros bring at equal `N`, `b_N` is
    the exponent of size, `a_D` and `b_D` scale and exponent of data, `c` the floor.

    >>> gain = sparse_foundation.derived["dense_gain"](0.75, **sparse_foundation.constants["ViT"].params)
    >>> float(gain["factor"]).__round__(2)
    2.17
    """
    return (a_S * power(1.0 - S, b_S) + c_S) * power(N, -b_N) + jnp.exp(b_D * jnp.log(a_D / D)) + c
