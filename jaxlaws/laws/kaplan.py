"""Kaplan's joint law of model size and data."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.power import KAPLAN, KAPLAN_BIBTEX
from jaxlaws.spec import exponent, law, positive, quantity


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "Nc": positive(start=(1e11, 1e16), unit="parameters"),
        "Dc": positive(start=(1e11, 1e15), unit="tokens"),
        "alpha_N": exponent(start=(0.02, 0.4)),
        "alpha_D": exponent(start=(0.02, 0.4)),
    },
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    constants={
        "kaplan": (
            "Table 2: WebText2, 1024-token context, N without embeddings, nats/token",
            {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
        ),
        "Pythia": (
            "Pythia in 16 bits, beside the damage of quantization in arXiv:2411.17691; N without embeddings, nats/token",
            {"Nc": 4.74e19, "Dc": 7.63e10, "alpha_N": 0.045, "alpha_D": 0.399},
        ),
    },
    evidence="checked",
    limits=(
        "No irreducible loss: it goes to 0 with growing N and D.",
        "The constants of Kaplan's other joint fits (of N and steps) differ: never mix them.",
    ),
)
def kaplan_nd(N, D, *, Nc, Dc, alpha_N, alpha_D):
    r"""Loss of an `N`-parameter model trained on `D` tokens until it stops improving: $[(N_c/N)^{\alpha_N/\alpha_D} +
    D_c/D]^{\alpha_D}$.

    `N` excludes embeddings. `Nc` and `Dc` are the size and data at which each term alone gives a loss of 1; `alpha_N`
    and `alpha_D` are the exponents of either alone.

    >>> float(kaplan_nd.constants["kaplan"](N=1e9, D=22e9)).__round__(4)
    2.3693
    """
    # In logarithms: with alpha_N much above alpha_D the first term alone overflows.
    terms = jnp.logaddexp(alpha_N / alpha_D * jnp.log(Nc / N), jnp.log(Dc / D))
    return jnp.exp(alpha_D * terms)
