"""Loss from size and data with a power around the sum of both terms."""

from __future__ import annotations

from jaxlaws.laws.chinchilla import compute_optimal as _compute_optimal
from jaxlaws.spec import exponent, law, least, positive, power, quantity


@least({"C": lambda N, D: 6.0 * N * D})
def compute_optimal(C, *, E, A, B, alpha, beta, k):
    r"""Parameters and tokens that minimise the loss for `C` = 6 N D FLOP: those of `chinchilla`, since a power around
    the sum moves no minimum.
    """
    del k
    return _compute_optimal(C, E=E, A=A, B=B, alpha=alpha, beta=beta)


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.3, 3.0), unit="nats/token"),
        "A": positive(start=(1e2, 1e8)),
        "B": positive(start=(1e2, 1e8)),
        "alpha": exponent(start=(0.3, 1.5)),
        "beta": exponent(start=(0.3, 1.5)),
        "k": exponent(start=(0.2, 1.2), box=(1e-2, 5.0)),
    },
    linear=("E",),
    source="Videau et al. (2026), Skaling: Chinchilla's Exponents Meet Kaplan's Coupling, arXiv:2608.07222",
    bibtex="""
    @article{videau2026skaling,
      title={Skaling: Chinchilla's Exponents Meet Kaplan's Coupling},
      author={Videau, Mathurin and Youbi-Idrissi, Badr and Lopez-Paz, David and Ahuja, Kartik},
      journal={arXiv preprint arXiv:2608.07222},
      year={2026}
    }
    """,
    evidence="second-hand",
    derived={"compute_optimal": compute_optimal},
    limits=(
        "Read in others' full text; fitted values of k lie between .31 and .45 there, no full set was seen.",
        "A, B, alpha, beta and k trade off: with k = 1 it is `chinchilla`.",
    ),
)
def skaling(N, D, *, E, A, B, alpha, beta, k):
    r"""Loss of an `N`-parameter model after `D` tokens: $E + (A/N^\alpha + B/D^\beta)^k$.

    `E` is the loss of a perfect predictor. `A` and `B` price a finite model and finite data, with exponents `alpha` and
    `beta`; `k` below 1 lets the one limit what the other can gain.
    """
    return E + power(A * power(N, -alpha) + B * power(D, -beta), k)
