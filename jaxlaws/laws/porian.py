"""Porian et al.: the best size for a compute under settings that lead from Kaplan's exponent to .5, and rules of thumb."""

from __future__ import annotations

from jaxlaws.laws.power import power, power_plus_constant, rising_power
from jaxlaws.spec import exponent, positive, quantity, restated

_SOURCE = (
    "Porian et al. (2024), Resolving Discrepancies in Compute-Optimal Scaling of Language Models, arXiv:2406.19146"
)
_BIBTEX = """
    @inproceedings{porian2024resolving,
      title={Resolving Discrepancies in Compute-Optimal Scaling of Language Models},
      author={Porian, Tomer and Wortsman, Mitchell and Jitsev, Jenia and Schmidt, Ludwig and Carmon, Yair},
      booktitle={Advances in Neural Information Processing Systems},
      year={2024},
      note={arXiv:2406.19146}
    }
"""
_RW = "RefinedWeb, 1.25e16 to 2.56e19 FLOP (6 N D), the authors' stored fit, unrounded; "
# name: (what, exponent and scale of N*(C), then A, E and exponent of the loss along it)
_SETTINGS = {
    "kaplan": (
        "Kaplan's setting: N without output head, long warm-up, one long cosine; training loss",
        (0.8337679322841748, 4.509820786815405e-08),
        (1322.3534107405858, 2.6599070063616916, 0.1751780689789408),
    ),
    "head": (
        "N with the output head, long warm-up, one long cosine; validation loss",
        (0.7008992037256913, 1.61058462465226e-05),
        (774487.0883597707, 2.860936744577546, 0.3331300237380728),
    ),
    "warmup": (
        "N with the output head, short warm-up, one long cosine; validation loss",
        (0.6035277580839369, 0.00134215784099468),
        (963055.1568382459, 3.2330015637431444, 0.3532592058208147),
    ),
    "decay": (
        "N with the output head, short warm-up, a cosine for each length; validation loss",
        (0.5714248897446623, 0.004781425268667283),
        (562235.9076102892, 3.0818375280021324, 0.3358659537109581),
    ),
    "tuned": (
        "N with the output head, short warm-up, constant rate, rate, batch and beta2 tuned; validation loss",
        (0.49702879549161855, 0.11819903781389161),
        (128.93191387679073, 2.0055567801262706, 0.10596965150600296),
    ),
}

porian_size = restated(
    rising_power,
    "porian_size",
    inputs={"C": quantity.FLOP},
    output=quantity.PARAMETERS,
    rename={"A": "G", "alpha": "a"},
    params={"G": positive(start=(1e-8, 1e1), unit="parameters"), "a": exponent(start=(0.3, 1.0))},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="checked",
    constants={key: (_RW + about, {"G": scale, "a": slope}) for key, (about, (slope, scale), _) in _SETTINGS.items()},
    aliases=("porian_isoflop",),
    limits=(
        "What counts as a parameter, the warm-up, the decay and the tuning move the exponent from .83 to .50.",
        "Optima lie on an interpolation of few sizes a compute: at the edge of the grid there is none.",
    ),
    data=("porian_isoflop",),
    doc="Best size for C FLOP.",
)

porian_loss = restated(
    power_plus_constant,
    "porian_loss",
    inputs={"C": quantity.FLOP},
    params={"A": positive(start=(1e1, 1e7)), "alpha": exponent(start=(0.05, 0.6))},
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        key: (_RW + about, dict(zip(("A", "E", "alpha"), values, strict=True)))
        for key, (about, _, values) in _SETTINGS.items()
    },
    limits=("Three parameters on some twelve computes: E ranges from 2.0 to 3.2 among settings of the same data.",),
    data=("porian_isoflop",),
    doc="Loss of the best model for C FLOP.",
)

_RULE = "models of 25M to 110M parameters, beta2 tuned besides; "
_TABLE = "as the Step Law paper tabulates it, read in a transcription of that table"

porian_lr = restated(
    power,
    "porian_lr",
    inputs={"N": quantity.PARAMETERS},
    output=quantity.LEARNING_RATE,
    rename={"A": "c"},
    params={"c": positive(start=(1e-1, 1e2)), "alpha": exponent(start=(0.1, 0.9))},
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "rule": (
            _RULE + "the rounded rule of the code, .0047 (N/108e6)^-1/3",
            {"c": 0.0047 * 108e6 ** (1 / 3), "alpha": 1 / 3},
        ),
        "table": (_TABLE, {"c": 3.7, "alpha": 0.36}),
    },
    limits=("Fitted from 25M to 110M parameters: beyond that it is an extrapolation.",),
    doc="Best learning rate of an N-parameter model at its best amount of data.",
)

porian_batch = restated(
    rising_power,
    "porian_batch",
    inputs={"N": quantity.PARAMETERS},
    output=quantity.BATCH,
    rename={"A": "c"},
    params={"c": positive(start=(1e-2, 1e2), unit="tokens")},
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "rule": (
            _RULE + "the rounded rule of the code, 160 (N/108e6)^2/3 sequences of 2,048 tokens",
            {"c": 160 * 2048 * 108e6 ** (-2 / 3), "alpha": 2 / 3},
        ),
        "table": (_TABLE + "; tokens", {"c": 0.7576, "alpha": 0.703}),
    },
    limits=(
        "Fitted from 25M to 110M parameters: beyond that it is an extrapolation.",
        "Two units in print: sequences of 2,048 in the code, tokens in the table (164 against 160 sequences at 108M).",
    ),
    doc="Best batch in tokens of an N-parameter model at its best amount of data.",
)
