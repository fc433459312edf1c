"""Loss of acoustic models from size and hours of speech."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, law, positive, quantity


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.HOURS},
    output=quantity.LOSS,
    params={
        "L_inf": positive(start=(0.1, 1.0)),
        "N_c": positive(start=(1e4, 1e8), unit="parameters"),
        "D_c": positive(start=(1e0, 1e4), unit="hours"),
        "a": exponent(start=(0.3, 1.5), box=(0.05, 10.0)),
        "a_N": exponent(start=(0.1, 1.0)),
        "a_D": exponent(start=(0.1, 1.0)),
    },
    source="Droppo & Elibol (2021), Scaling Laws for Acoustic Models, arXiv:2106.09488 (abstract; the form is not verified)",
    bibtex="""
    @article{droppo2021scaling,
      title={Scaling Laws for Acoustic Models},
      author={Droppo, Jasha and Elibol, Oguz},
      journal={arXiv preprint arXiv:2106.09488},
      year={2021}
    }
    """,
    evidence="unverified",
    limits=(
        "The form is unverified: the abstract says one joint law of size, data and an irreducible loss, not which.",
        "No constants are known.",
        "With L_inf = 0 it is `kaplan_nd` under other names.",
    ),
)
def acoustic(N, D, *, L_inf, N_c, D_c, a, a_N, a_D):
    r"""Loss of an acoustic model of `N` parameters trained on `D` hours: $[L_\infty^{1/a} + (N_c/N)^{a_N/a} +
    (D_c/D)^{a_D/a}]^a$.

    Unverified: the formula is recalled, only that there is a joint law was read. `L_inf` is the irreducible loss,
    `N_c` and `D_c` are the size and the hours at which each term alone gives a loss of 1, `a_N` and `a_D` the exponents
    of either alone, and `a` says how sharply one bottleneck takes over from another.
    """
    # In logarithms: a small `a` makes the terms' powers overflow.
    terms = jnp.logaddexp(a_N / a * jnp.log(N_c / N), a_D / a * jnp.log(D_c / D))
    return jnp.exp(a * jnp.logaddexp(jnp.log(L_inf) / a, terms))
