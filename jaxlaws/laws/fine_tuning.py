"""Loss after supervised fine-tuning on some samples."""

from __future__ import annotations

from jaxlaws.spec import exponent, law, positive, power, quantity

_SOURCE = (
    "Lin et al. (2024), Selecting Large Language Model to Fine-tune via Rectified Scaling Law, arXiv:2402.02314; "
    "and its official code"
)
_BIBTEX = """
    @article{lin2024selecting,
      title={Selecting Large Language Model to Fine-tune via Rectified Scaling Law},
      author={Lin, Haowei and Huang, Baizhou and Ye, Haotian and Chen, Qinyu and Wang, Zihao and others},
      journal={arXiv preprint arXiv:2402.02314},
      year={2024}
    }
"""


def zero_shot(*, B, D_l, beta, E):
    r"""Loss before any fine-tuning: $B/D_l + E$."""
    del beta
    return {"loss": B / D_l + E}


@law(
    inputs={"D": quantity.SAMPLES},
    output=quantity.LOSS,
    params={
        "B": positive(start=(1e1, 1e5)),
        "D_l": positive(start=(1e1, 1e4), unit="samples^beta"),
        "beta": exponent(start=(0.3, 1.2)),
        "E": positive(start=(0.3, 2.0), unit="nats/token"),
    },
    linear=("B", "E"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    derived={"zero_shot": zero_shot},
    limits=(
        "The authors fit without the loss before fine-tuning: it does not lie on the curve.",
        "While D is below D_l^(1/beta) the loss hardly moves: runs that end there do not determine beta or E.",
        "No parameters are shipped: 30 models on three data sets have released losses and scores of fits, which re-fits reach.",
    ),
)
def sft_rectified(D, *, B, D_l, beta, E):
    r"""Loss of a model fine-tuned on `D` samples: $B/(D_l + D^\beta) + E$.

    `D_l` is what the model knew of the task already, in samples to the power `beta`; `B` is the scale, `beta` the
    exponent after that, and `E` the floor. The released code writes $(A - E)/(1 + e^{\beta \ln D + b}) + E$, which is
    the same with $B = (A - E) e^{-b}$, $D_l = e^{-b}$.
    """
    return B / (D_l + power(D, beta)) + E


@law(
    inputs={"D": quantity.SAMPLES},
    output=quantity.LOSS,
    params={
        "B": positive(start=(1e-2, 1e1)),
        "beta": exponent(start=(0.1, 1.0)),
        "E": positive(start=(0.3, 2.0)),
        "alpha": exponent(start=(0.3, 1.5)),
    },
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    limits=("Has no plateau at few samples: root mean square log errors are up to 17 times those of `sft_rectified`.",),
)
def sft_vanilla(D, *, B, beta, E, alpha):
    r"""Loss of a model fine-tuned on `D` samples, as the paper's baseline has it: $(1/(B D^\beta) + E)^\alpha$.

    `B` and `beta` shape the fall with the samples, `E` is the floor before the outer power `alpha`.
    """
    return power(power(D, -beta) / B + E, alpha)
