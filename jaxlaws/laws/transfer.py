"""Downstream scores and losses against pretraining data."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.power import power_plus_constant
from jaxlaws.spec import Quantity, exponent, law, positive, power, quantity, restated

SCORE = Quantity("score", "translation score (BLEU, COMET, ROUGE)", "points", typical=(1.0, 50.0))

_SOURCE = "Isik et al. (2024), Scaling Laws for Downstream Task Performance of Large Language Models, arXiv:2402.04177"
_BIBTEX = """
    @article{isik2024scaling,
      title={Scaling Laws for Downstream Task Performance of Large Language Models},
      author={Isik, Berivan and Ponomareva, Natalia and Hazimeh, Hussein and Paparas, Dimitris and Vassilvitskii, Sergei
              and Koyejo, Sanmi},
      journal={arXiv preprint arXiv:2402.04177},
      year={2024}
    }
"""
_LIMITS = (
    "Holds only where pretraining and task are aligned (both languages in the pretraining data).",
    "T5 of 770M and 3B alone: there is no law of size. Coefficients are in the paper's tables 3-6, not seen.",
)


@law(
    inputs={"D_p": quantity.TOKENS},
    output=SCORE,
    params={
        "A": positive(start=(1.0, 1e3)),
        "alpha": exponent(start=(0.1, 1.0)),
        "beta": exponent(start=(0.3, 2.0)),
    },
    source=_SOURCE + ", Eq. 1",
    bibtex=_BIBTEX,
    evidence="second-hand",
    aliases=("transfer_bleu_loglaw",),
    limits=(
        *_LIMITS,
        "Needs A D_p^alpha above 1.",
        "Breaks where data are not aligned while cross-entropy keeps falling: look for the break in the score.",
        "Scale is weakly identified: A enters through a logarithm.",
    ),
)
def transfer_bleu(D_p, *, A, alpha, beta):
    r"""Score of a fine-tuned translation model after `D_p` pretraining tokens, none repeated: $(\ln(A
    D_p^{\alpha}))^{\beta}$.

    `A` and `alpha` set the logarithm, `beta` is the power of it. Read in two write-ups that agree, not in the paper.
    """
    return power(jnp.log(A) + alpha * jnp.log(D_p), beta)


transfer_ce = restated(
    power_plus_constant,
    "transfer_ce",
    inputs={"D_p": quantity.TOKENS},
    output=quantity.LOSS,
    source=_SOURCE + ", Eq. 3",
    bibtex=_BIBTEX,
    evidence="second-hand",
    limits=(
        *_LIMITS,
        "Keeps falling where the score breaks: it says nothing about alignment.",
        "The paper's text says Huber 1e-3, its table captions 1e-5.",
    ),
    doc=r"""Cross-entropy of a fine-tuned translation model after `D_p` pretraining tokens: $E + A D_p^{-\alpha}$.

    `E` is the loss that no pretraining removes, `A` the reducible loss at one token, `alpha` its exponent. Read in two
    write-ups that agree, not in the paper.
    """,
)
