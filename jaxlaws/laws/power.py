"""One quantity, one power: the generic forms that many papers use."""

from __future__ import annotations

from jaxlaws.spec import exponent, law, positive, quantity
from jaxlaws.spec import power as raised

KAPLAN = "Kaplan et al. (2020), Scaling Laws for Neural Language Models, arXiv:2001.08361"
KAPLAN_BIBTEX = """
    @article{kaplan2020scaling,
      title={Scaling Laws for Neural Language Models},
      author={Kaplan, Jared and McCandlish, Sam and Henighan, Tom and Brown, Tom B. and Chess, Benjamin and Child, Rewon
              and Gray, Scott and Radford, Alec and Wu, Jeffrey and Amodei, Dario},
      journal={arXiv preprint arXiv:2001.08361},
      year={2020}
    }
"""


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={"A": positive(start=(1e-1, 1e3)), "alpha": exponent(start=(0.01, 1.0))},
    linear=("A",),
    source="generic; with x = N, D or C the single-variable laws of " + KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    aliases=("power_law",),
    evidence="read",
    limits=("There is no floor: it goes to 0 as x grows, so do not extrapolate it far.",),
)
def power(x, *, A, alpha):
    r"""Loss that falls with one quantity without a floor: $A\,x^{-\alpha}$.

    `x` is any positive quantity: parameters, tokens, compute, steps (name its column with `--column x=...`). `A` is
    the loss at x = 1 and `alpha` the slope on log-log axes.

    >>> power(x=1e8, A=10.0, alpha=0.1)
    Array(1.5848932, dtype=float32)
    """
    return A * raised(x, -alpha)


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.1, 3.0), unit="nats/token"),
        "A": positive(start=(1e-1, 1e4)),
        "alpha": exponent(start=(0.05, 1.0)),
    },
    linear=("E", "A"),
    source="generic; as in Henighan et al. (2020), Scaling Laws for Autoregressive Generative Modeling, arXiv:2010.14701",
    bibtex="""
    @article{henighan2020scaling,
      title={Scaling Laws for Autoregressive Generative Modeling},
      author={Henighan, Tom and Kaplan, Jared and Katz, Mor and Chen, Mark and Hesse, Christopher and others},
      journal={arXiv preprint arXiv:2010.14701},
      year={2020}
    }
    """,
    aliases=("power_law_plus_constant",),
    evidence="read",
    limits=("Fewer than a decade of x leaves E and alpha hardly apart: look at what trades off.",),
)
def power_plus_constant(x, *, E, A, alpha):
    r"""Loss that falls with one quantity towards a floor: $E + A\,x^{-\alpha}$.

    `x` is any positive quantity. `E` is the loss that no `x` removes, `A` the reducible loss at x = 1, `alpha` its
    slope.
    """
    return E + A * raised(x, -alpha)


@law(
    inputs={"x": quantity.ANY},
    output=quantity.ANY,
    params={"A": positive(start=(1e-3, 1e3)), "alpha": exponent(start=(0.05, 1.2))},
    linear=("A",),
    source="generic; as in the rules for the best batch and size of " + KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    limits=("A rule read off its own optima: outside the range of its runs it is an extrapolation.",),
)
def rising_power(x, *, A, alpha):
    r"""A quantity that grows with another, such as the best batch with data: $A\,x^{\alpha}$.

    `x` is any positive quantity. `A` is the value at x = 1 and `alpha` the slope on log-log axes.

    >>> round(float(rising_power(x=1e10, A=0.5, alpha=0.5)))
    50000
    """
    return A * raised(x, alpha)
