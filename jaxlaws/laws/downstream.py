"""Downstream accuracy as a sigmoid."""

from __future__ import annotations

import jax

from jaxlaws.spec import law, positive, quantity, real


@law(
    inputs={"loss": quantity.LOSS},
    output=quantity.ACCURACY,
    params={
        "a": real(start=(-0.9, -0.3), box=(-2.0, 2.0), unit="fraction"),
        "b": real(start=(0.6, 1.0), box=(-1.0, 2.0), unit="fraction"),
        "k": positive(start=(1.0, 10.0), box=(1e-3, 1e3), unit="1/nat"),
        "L0": real(start=(1.0, 2.5), box=(-50.0, 50.0), unit="nats/token"),
    },
    linear=("a", "b"),
    source="Bhagia et al. (2024), Establishing Task Scaling Laws via Compute-Efficient Model Ladders, arXiv:2412.04403",
    bibtex="""
    @article{bhagia2024establishing,
      title={Establishing Task Scaling Laws via Compute-Efficient Model Ladders},
      author={Bhagia, Akshita and Liu, Jiacheng and Wettig, Alexander and Heineman, David and Tafjord, Oyvind and others},
      journal={arXiv preprint arXiv:2412.04403},
      year={2024}
    }
    """,
    papers=("2405.10938",),
    evidence="unverified",
    ranges={"loss": (0.5, 3.5)},
    data=("olmo_ladder", "obs_scaling"),
    limits=(
        "The form is unverified: generic, as the two papers' data are described; no constants are shipped.",
        "Before accuracy has left chance, k and L0 are not determined, and nothing says where the ceiling is.",
    ),
)
def sigmoid(loss, *, a, b, k, L0):
    r"""Accuracy on a task of a model with a loss of `loss` on its right answers: $b + a/(1 + e^{-k (loss - L_0)})$.

    `b` is the accuracy at the lowest losses, $a + b$ that of chance (`a` is negative), `L0` the loss half way, and `k` how
    steep it is there. Any quantity may stand for the loss, such as the logarithm of compute. Unverified.
    """
    return b + a * jax.nn.sigmoid(k * (loss - L0))
