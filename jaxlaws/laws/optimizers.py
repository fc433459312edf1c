"""Wen et al.: losses and best settings of optimisers over sizes and over multiples of the Chinchilla data."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.power import power as falling
from jaxlaws.spec import equals, exponent, law, positive, power, quantity, real, restated

_SOURCE = "Wen et al. (2025), Fantastic Pretraining Optimizers and Where to Find Them, arXiv:2509.02046"
_BIBTEX = """
    @article{wen2025fantastic,
      title={Fantastic Pretraining Optimizers and Where to Find Them},
      author={Wen, Kaiyue and Hall, David and Ma, Tengyu and Liang, Percy},
      journal={arXiv preprint arXiv:2509.02046},
      year={2025}
    }
"""
MULTIPLE = quantity.Quantity("r", "training tokens over 20 tokens a parameter", "ratio", typical=(0.5, 16.0))


@equals("loss")
def data_to_reach(loss, *, a, b, B):
    r"""Multiple of the Chinchilla data at which the curve comes to `loss`: $((L - b)/a)^{-1/B}$; NaN below `b`. Over
    the multiple that another optimiser needed, it is that one's speed-up.
    """
    above = loss > b
    return {"r": jnp.where(above, power(jnp.where(above, loss - b, 1.0) / a, -1.0 / B), jnp.nan)}


@law(
    inputs={"r": MULTIPLE},
    output=quantity.LOSS,
    params={
        "a": positive(start=(0.05, 2.0)),
        "b": positive(start=(1.5, 3.5), unit="nats/token"),
        "B": exponent(start=(0.1, 1.5)),
    },
    linear=("a", "b"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    derived={"data_to_reach": data_to_reach},
    limits=(
        "One fit a model size, four points (1, 2, 4, 8): three parameters leave one degree of freedom.",
        "The constants of the authors' fits were not obtained.",
    ),
)
def optimizers_wen(r, *, a, b, B):
    r"""Loss of one model size after `r` times the Chinchilla data (20 tokens a parameter): $a\,r^{-B} + b$.

    `b` is the floor of that size and `a` what once the data leave above it; `B` is the exponent.
    """
    return a * power(r, -B) + b


@law(
    inputs={"N": quantity.PARAMETERS, "r": MULTIPLE},
    output=quantity.Quantity("h", "best value of a hyper-parameter", "as given"),
    params={
        "A": positive(start=(1e-2, 1e4)),
        "p": real(start=(-1.0, -0.1), box=(-3.0, 3.0)),
        "q": real(start=(-1.0, -0.1), box=(-3.0, 3.0)),
        "C": positive(start=(1e-5, 1e-1)),
    },
    linear=("A", "C"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    limits=(
        "In the multiple r of the Chinchilla data, not in D.",
        "The authors start at p = q = -.5; twelve settings for four parameters.",
    ),
)
def optimizers_wen_setting(N, r, *, A, p, q, C):
    r"""Best value of a hyper-parameter for `N` parameters at `r` times the Chinchilla data: $A\,N^p r^q + C$.

    `N` excludes embeddings. `A` is the scale, `p` and `q` the exponents, `C` what remains for a large model.
    """
    return A * power(N, p) * power(r, q) + C


_FOUR = "130M to 1.2B parameters without embeddings at 4 times the Chinchilla data; log-log line through the four tabled losses, "


def _line(optimiser, c, alpha):
    return (_FOUR + f"{optimiser}, recomputed as the authors' script has it", {"c": c, "alpha": alpha})


optimizers_wen_size = restated(
    falling,
    "optimizers_wen_size",
    inputs={"N": quantity.PARAMETERS},
    rename={"A": "c"},
    params={"c": positive(start=(1e0, 1e2))},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="checked",
    constants={
        "AdamW": _line("AdamW", 14.728405676, 0.0797357406),
        "NAdamW": _line("NAdamW", 14.733957206, 0.0798111696),
        "Muon": _line("Muon", 13.976278705, 0.0773478273),
        "Soap": _line("Soap", 13.899852138, 0.0770470721),
    },
    limits=(
        "No floor: do not extrapolate. At 7B it puts Muon behind AdamW by .004 nats, which is the form's doing.",
        "The script labels these losses 1x; they are those of 4x.",
    ),
    doc="Loss of an optimiser's best N-parameter model at four times the Chinchilla data.",
)
