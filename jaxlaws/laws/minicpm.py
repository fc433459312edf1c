"""MiniCPM's law of size and data, and its batch rule."""

from __future__ import annotations

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.power import power
from jaxlaws.spec import exponent, positive, quantity, restated

_SOURCE = (
    "Hu et al. (2024), MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies, "
    "arXiv:2404.06395"
)
_BIBTEX = """
    @article{hu2024minicpm,
      title={MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies},
      author={Hu, Shengding and Tu, Yuge and Han, Xu and He, Chaoqun and Cui, Ganqu and others},
      journal={arXiv preprint arXiv:2404.06395},
      year={2024}
    }
"""
_GRID = "six sizes from .04 to 2B parameters, six decays each at 10 N to 60 N tokens, WSD, loss a byte; printed in N, D / 1e9; "


def _per_billion(C_N, a, C_D, b, L0):
    return {"L0": L0, "C_N": C_N * 1e9**a, "C_D": C_D * 1e9**b, "a": a, "b": b}


minicpm_nd = restated(
    chinchilla,
    "minicpm_nd",
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS_PER_BYTE,
    rename={"E": "L0", "A": "C_N", "B": "C_D", "alpha": "a", "beta": "b"},
    params={
        "L0": positive(start=(0.1, 0.8), unit="nats/byte"),
        "C_N": positive(start=(1e0, 1e3)),
        "C_D": positive(start=(1e0, 1e3)),
    },
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "average": (_GRID + "average domain, amplitudes second-hand", _per_billion(7.15e-2, 0.29, 3.00e-1, 0.23, 0.31)),
        "UltraText": (_GRID + "UltraText", _per_billion(0.0754, 0.30, 0.292, 0.30, 0.25)),
        "Yayi": (_GRID + "Yayi", _per_billion(0.153, 0.19, 0.376, 0.17, 0.35)),
    },
    derived=("compute_optimal",),
    limits=(
        "The printed constants hide their unit: N and D in 1e9. Here they are absolute.",
        "Loss a byte: not comparable with a loss a token.",
        "The printed 192 tokens a parameter (K^2 = .01, eta = -.10) is at 1e21 FLOP with unrounded constants; these give 184.",
    ),
    doc="Loss a byte of an N-parameter model after D tokens under WSD, each run decayed.",
)

minicpm_bs = restated(
    power,
    "minicpm_bs",
    inputs={"loss": quantity.LOSS},
    output=quantity.BATCH,
    rename={"A": "c", "alpha": "beta"},
    params={
        "c": positive(start=(1e7, 1e11), unit="tokens"),
        "beta": exponent(start=(2.0, 9.0), box=(0.1, 20.0)),
    },
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "C4": (
            "models of .009, .03 and .17B, six batches each, parabolas through points of equal loss; loss on C4, tokens",
            {"c": 1.21e9, "beta": 6.24},
        )
    },
    aliases=("minicpm_batch",),
    limits=(
        "The loss is that of C4 with their tokeniser, in nats a token.",
        "The Step Law paper's table prints 2e18 / L^6.24 for it: a misprint of 1.21e9.",
        "Beside it stands a learning rate of .01 at the base width, stable from .04 to 2.1B under tensor-program scaling.",
    ),
    doc="Best batch in tokens where the training loss is to be L.",
)
