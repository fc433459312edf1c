"""Gemstones: size and data, and the shape of the model besides."""

from __future__ import annotations

import math

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.spec import exponent, law, positive, power, quantity, restated

_SOURCE = "McLeish et al. (2025), Gemstones: A Model Suite for Multi-Faceted Scaling Laws, arXiv:2502.06857"
_BIBTEX = """
    @article{mcleish2025gemstones,
      title={Gemstones: A Model Suite for Multi-Faceted Scaling Laws},
      author={McLeish, Sean and Kirchenbauer, John and Miller, David Yu and Singh, Siddharth and Bhatele, Abhinav
              and Goldblum, Micah and Panda, Ashwinee and Goldstein, Tom},
      journal={arXiv preprint arXiv:2502.06857},
      year={2025}
    }
"""
_SETUP = "22 shapes, .05 to 2B parameters, 4M-token batch, Huber 1e-4 on logs, nats/token; stored as logarithms; "
_CONSTANT = (
    "Warm-up of 80M tokens, then a constant rate: the hot losses are not annealed, those after a cooldown are lower."
)


def _set(alpha, beta, a, b, e):
    return {"E": math.exp(e), "A": math.exp(a), "B": math.exp(b), "alpha": alpha, "beta": beta}


gemstones = restated(
    chinchilla,
    "gemstones",
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    params={"B": positive(start=(1e2, 1e8)), "A": positive(start=(1e1, 1e4))},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="checked",
    constants={
        "hot": (
            _SETUP + "all tokens at the constant rate",
            _set(0.2989180518, 0.6928331414, 5.4574988414, 14.9719740349, 0.7663168139),
        ),
        "cooldown": (
            _SETUP + "after a cooldown of 10 %",
            _set(0.2970133066, 0.6903991635, 5.3627962101, 14.9717677508, 0.7458889548),
        ),
        "half-rate": (_SETUP + "half the learning rate", _set(0.32780, 0.67769, 5.87526, 14.90944, 0.79670)),
        "no-embeddings": (
            _SETUP + "hot, N without embeddings",
            _set(0.2844092028, 0.6731628979, 5.1054557426, 14.5643952293, 0.7666011695),
        ),
        "like-chinchilla": (
            _SETUP + "24 hot points sampled as Chinchilla's",
            _set(0.2845070338, 0.4494161333, 4.9946926692, 9.8396405924, 0.7131557174),
        ),
    },
    derived=("compute_optimal",),
    limits=(
        "The stored fits had not converged: after the cooldown the same objective is .6 % lower at beta = .586 instead of .690.",
        "Which tokens and shapes enter moves the exponent of N* from .46 to .80.",
        _CONSTANT,
        "Points of one run are correlated, and the files are subsets of each other: never pool them.",
    ),
    data=("gemstones",),
    doc="Loss of an N-parameter model after D tokens at a constant rate.",
)


@law(
    inputs={
        "width": quantity.WIDTH,
        "depth": quantity.DEPTH,
        "N": quantity.PARAMETERS,
        "D": quantity.TOKENS,
    },
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.3, 3.0), unit="nats/token"),
        "W": positive(start=(0.1, 1e2)),
        "P": positive(start=(0.1, 1e2)),
        "A": positive(start=(1e1, 1e5)),
        "B": positive(start=(1e2, 1e6)),
        "omega": exponent(start=(0.1, 1.0)),
        "pi": exponent(start=(0.1, 1.0)),
        "alpha": exponent(start=(0.1, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
    },
    linear=("E", "W", "P", "A", "B"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "hot": (
            _SETUP + "all tokens at the constant rate",
            {
                "E": math.exp(0.39245797),
                "W": math.exp(1.4520106404),
                "P": math.exp(-0.0781020281),
                "A": math.exp(7.9700333376),
                "B": math.exp(10.0594263846),
                "omega": 0.2446914313,
                "pi": 0.3871516764,
                "alpha": 0.5000838843,
                "beta": 0.4761055541,
            },
        )
    },
    limits=(
        "Width, depth and size move together: 22 shapes tell the four terms apart only just.",
        _CONSTANT,
    ),
    data=("gemstones",),
)
def gemstones_shape(width, depth, N, D, *, E, W, P, A, B, omega, pi, alpha, beta):
    r"""Loss of a model of a `width`, a `depth` and `N` parameters after `D` tokens: $E + W/width^{\omega} + P/depth^{\pi}
    + A/N^\alpha + B/D^\beta$.

    `E` is the loss that nothing removes; `W`, `P`, `A` and `B` are what a narrow, a shallow, a small model and few
    tokens add, with exponents `omega`, `pi`, `alpha` and `beta`. `N` counts embeddings.
    """
    shape = W * power(width, -omega) + P * power(depth, -pi)
    return E + shape + A * power(N, -alpha) + B * power(D, -beta)
