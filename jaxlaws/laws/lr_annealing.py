"""Loss along a learning-rate curve: forward area less annealing area."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, fixed, law, positive, power, quantity, real


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0)),
        "C": positive(start=(0.01, 5.0)),
        "alpha": exponent(start=(0.1, 1.2)),
        "lam": fixed(0.999, real(start=(0.99, 0.9999), box=(0.9, 0.99999))),
    },
    linear=("L0", "A", "C"),
    source="Tissue, Wang & Wang (2024), Scaling Law with Learning Rate Annealing, arXiv:2408.11029",
    bibtex="""
    @article{tissue2024scaling,
      title={Scaling Law with Learning Rate Annealing},
      author={Tissue, Howe and Wang, Venus and Wang, Lu},
      journal={arXiv preprint arXiv:2408.11029},
      year={2024}
    }
    """,
    variants={"warmup": ("peak", "counted")},
    constants={
        "594M": (
            "Fig. 2: 594M LLaMA-like, FineWeb, 4M-token batch, peak 2e-4, warm-up 500 counted as if at peak; fitted to a "
            "constant and a cosine run of 20 000 steps; nats/token",
            {"L0": 2.628, "A": 0.429, "C": 0.411, "alpha": 0.550, "lam": 0.999},
        ),
        "OLMo-1B": (
            "public log, cosine, validation loss on the Pile, nats/token",
            {"L0": 2.152, "A": 1.067, "C": 0.205, "alpha": 0.556, "lam": 0.999},
        ),
    },
    evidence="checked",
    data=(
        "lr_schedules",
        "mpl_curves",
    ),
    limits=(
        "Linear in the schedule's decay: the best schedule under a cap is to stay at the peak and drop to 0.",
        "Improves without bound as the learning rate grows: never choose a peak with it.",
        "Steps at rate 0 still lower the loss: do not pad a schedule with them.",
    ),
)
def lr_annealing(curve, *, L0, A, C, alpha, lam):
    r"""Loss at each step of a run: $L_0 + A S_1^{-\alpha} - C S_2$, with $S_1 = \sum_{i\le s} \eta_i$ and
    $S_2 = \sum_{i\le s} \sum_{k\le i} (\eta_{k-1} - \eta_k)\lambda^{i-k}$.

    `curve` is the run's learning rate. `L0` is the floor, `A` and `alpha` shape the fall with the summed rate `S1`,
    `C` is what a unit of annealing area gains, and `lam` is the memory per step (.999 in every experiment of the
    paper, so held there unless freed). Needs a run whose rate falls: on constant runs `C` has no meaning. Warm-up
    counts as if at the peak; `variant(warmup="counted")` counts the climb.
    """
    # With e = relaxing part of the drops, S2 = (eta_0 - eta_s - e)/(1 - lam): linear in the schedule, one recurrence.
    lag = curve.relax(-jnp.log(lam), clock="steps")
    annealed = (curve.start - curve.lr - lag) / (1.0 - lam)
    return L0 + A * power(curve.area, -alpha) - C * annealed
