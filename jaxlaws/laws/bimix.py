"""Loss of a domain from its own share of the mixture and the steps."""

from __future__ import annotations

from jaxlaws.spec import exponent, fixed, law, positive, power, quantity


@law(
    inputs={"r": quantity.SHARE, "s": quantity.STEP},
    output=quantity.LOSS,
    params={
        "A": fixed(1.0, positive(start=(0.1, 10.0))),
        "alpha": exponent(start=(0.02, 0.4)),
        "B": positive(start=(1.0, 1e2)),
        "beta": exponent(start=(0.1, 1.0)),
        "C": positive(start=(0.5, 4.0), unit="nats/token"),
    },
    linear=("B", "C"),
    source="Ge et al. (2024), BiMix: A Bivariate Data Mixing Law for Language Model Pretraining, arXiv:2405.14908",
    bibtex="""
    @article{ge2024bimix,
      title={BiMix: A Bivariate Data Mixing Law for Language Model Pretraining},
      author={Ge, Ce and Ma, Zhijian and Chen, Daoyuan and Li, Yaliang and Ding, Bolin},
      journal={arXiv preprint arXiv:2405.14908},
      year={2024}
    }
    """,
    evidence="read",
    redundant=(("A", "B", "C"),),
    limits=(
        "One domain at a time: fit it `by` domain. A domain's loss depends on its own share alone.",
        "A is redundant with B and C, so it is held at 1; freed, the fit is rank-deficient.",
        "No constants are printed. Errors at the last step: .16 to .19 % mean, .95 % at worst.",
    ),
)
def bimix(r, s, *, A, alpha, B, beta, C):
    r"""Loss of a domain that is a share `r` of the data after `s` steps: $(A/r^\alpha)(B/s^\beta + C)$.

    `A` (held at 1) and `alpha` say what a small share costs, `B` and `beta` how the loss falls with the steps, and `C`
    is its floor at a share of 1. `s` may count tokens instead.
    """
    return A * power(r, -alpha) * (B * power(s, -beta) + C)
