"""Loss along a learning-rate curve: forward area less annealing area."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, fixed, law, positive, power, quantity, real

_SOURCE = "Tissue, Wang & Wang (2024), Scaling Law with Learning Rate Annealing, arXiv:2408.11029"
_BIBTEX = """
    @article{tissue2024scaling,
      title={Scaling Law with Learning Rate Annealing},
      author={Tissue, Howe and Wang, Venus and Wang, Lu},
      journal={arXiv preprint arXiv:2408.11029},
      year={2024}
    }
"""
_MEMORY = fixed(0.999, real(start=(0.99, 0.9999), box=(0.9, 0.99999)))
_TRAPS = (
    "Linear in the schedule's decay: the best schedule under a cap is to stay at the peak and drop to 0.",
    "Improves without bound as the learning rate grows: never choose a peak with it.",
    "Steps at rate 0 still lower the loss: do not pad a schedule with them.",
)


def annealing_area(curve, lam):
    """Sum over steps of the changes' exponential memory, S2: linear in the schedule, one recurrence."""
    # With e = relaxing part of the drops, S2 = (eta_0 - eta_s - e)/(1 - lam).
    lag = curve.relax(-jnp.log(lam), clock="steps")
    return (curve.start - curve.lr - lag) / (1.0 - lam)


def _set(L0, A, alpha, C):
    return {"L0": L0, "A": A, "C": C, "alpha": alpha, "lam": 0.999}


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0)),
        "C": positive(start=(0.01, 5.0)),
        "alpha": exponent(start=(0.1, 1.2)),
        "lam": _MEMORY,
    },
    linear=("L0", "A", "C"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    variants={"warmup": ("peak", "counted")},
    constants={
        "594M": (
            "Fig. 2: 594M LLaMA-like, FineWeb, 4M-token batch, peak 2e-4, warm-up 500 counted as if at peak; fitted to a "
            "constant and a cosine run of 20 000 steps; nats/token",
            {"L0": 2.628, "A": 0.429, "C": 0.411, "alpha": 0.550, "lam": 0.999},
        ),
        "594M-long": (
            "the same model, fitted to a constant and a cosine run of 60 000 steps, end at 10 % of the peak; nats/token",
            _set(2.610, 0.449, 0.528, 0.347),
        ),
        "293M": (
            "293M LLaMA-like, 2M-token batch, peak 2e-4, warm-up 100 counted as if at peak; runs of 30 000 steps; nats/token",
            _set(2.761, 0.517, 0.491, 0.458),
        ),
        "MoE": (
            "8 experts of 106M, top 2; constant, cosine and WSD runs of 60 000 steps; nats/token",
            _set(2.801, 0.424, 0.619, 0.347),
        ),
        "1704M": (
            "1704M LLaMA-like, 1.4T tokens, peak 6e-4, warm-up 1000 counted as if at peak; runs of 30 000 steps; nats/token",
            _set(2.788, 0.906, 0.416, 0.254),
        ),
        "BLOOM-176B": ("public log, cosine, nats/token", _set(1.918, 0.688, 0.523, 1.832)),
        "OLMo-1B": (
            "public log, cosine, validation loss on the Pile, nats/token",
            _set(2.152, 1.067, 0.556, 0.205),
        ),
    },
    evidence="checked",
    data=(
        "lr_schedules",
        "mpl_curves",
    ),
    limits=(
        *_TRAPS,
        "Warm-up counts as if at the peak: constants fitted on the real ramp belong to another curve (S1 doubles there).",
        "Fit at least one run that decays: on constant runs the column of C is 0.",
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
    return L0 + A * power(curve.area, -alpha) - C * annealing_area(curve, lam)


def _of_millions(L0, A, alpha, B, beta, C, gamma):
    return {
        "L0": L0,
        "A": A,
        "B": B * 1e6**beta,
        "C": C * 1e6**-gamma,
        "alpha": alpha,
        "beta": beta,
        "gamma": gamma,
        "lam": 0.999,
    }


@law(
    inputs={"curve": quantity.CURVE, "N": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.3, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0)),
        "B": positive(start=(1.0, 300.0)),
        "C": positive(start=(5e-3, 1.0)),
        "alpha": exponent(start=(0.1, 1.2)),
        "beta": exponent(start=(0.05, 0.5)),
        "gamma": exponent(start=(0.01, 0.4)),
        "lam": _MEMORY,
    },
    linear=("L0", "A", "B", "C"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="checked",
    variants={"warmup": ("peak", "counted")},
    constants={
        "A": (
            "Fig. 7b: 85M to 904M, peak 2e-4, warm-up 500, 60 000 steps of cosine to 10 %, 4M-token batch; nats/token; printed "
            "for N in millions",
            _of_millions(1.504, 0.440, 0.546, 3.067, 0.158, 0.273, 0.052),
        ),
        "C": (
            "Fig. 28: 19M to 1720M, peak 1.381e-3, warm-up 500, 143 000 steps of cosine to 0, 4M-token batch; nats/token; "
            "printed for N in millions",
            _of_millions(1.412, 0.921, 0.761, 2.562, 0.137, 0.069, 0.117),
        ),
    },
    limits=(
        *_TRAPS,
        "The paper does not state the unit of N: only millions reproduce its plotted curves. Here N is absolute.",
    ),
)
def lr_annealing_n(curve, N, *, L0, A, B, C, alpha, beta, gamma, lam):
    r"""Loss at each step of a run of an `N`-parameter model: $L_0 + A S_1^{-\alpha} + B N^{-\beta} - C N^{\gamma} S_2$.

    $S_1$ and $S_2$ are those of `lr_annealing`, over the learning rate of `curve`; `N` excludes embeddings. `L0` is the
    floor of a large model, `A` and `alpha` shape the fall with the summed rate, `B` and `beta` price a finite model,
    `C` is what a unit of annealing area gains at one parameter and `gamma` how that grows; `lam` is the memory per
    step, held at .999.
    """
    gain = C * power(N, gamma) * annealing_area(curve, lam)
    return L0 + A * power(curve.area, -alpha) + B * power(N, -beta) - gain


AREA_BEFORE = quantity.Quantity("S1_pt", "summed rate of the pre-training", "1", typical=(0.3, 30.0))
ANNEALED_BEFORE = quantity.Quantity("S2_pt", "annealing area of the pre-training", "1", typical=(0.02, 2.0))


def _shift(L0, A, alpha, B, E, beta, C1, C2):
    return {"L0": L0, "A": A, "C1": C1, "C2": C2, "B": B, "E": E, "alpha": alpha, "beta": beta, "lam": 0.999}


_SHIFT = "FineWeb to Knowledge-Pile, LLaMA-like of 106M to 1.7B, one figure, WSD and cosine together; nats/token; "


@law(
    inputs={"curve": quantity.CURVE, "S1_pt": AREA_BEFORE, "S2_pt": ANNEALED_BEFORE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0)),
        "C1": positive(start=(0.01, 5.0)),
        "C2": positive(start=(0.01, 5.0)),
        "B": real(start=(-1.0, 1.5), box=(-100.0, 100.0), unit="nats/token"),
        "E": positive(start=(3.0, 1e4)),
        "alpha": exponent(start=(0.1, 1.2)),
        "beta": exponent(start=(0.05, 0.5)),
        "lam": _MEMORY,
    },
    linear=("L0", "A", "C1", "C2", "B"),
    source="Wang et al. (2025), Learning Dynamics in Continual Pre-Training for Large Language Models, arXiv:2505.07796",
    bibtex="""
    @article{wang2025learning,
      title={Learning Dynamics in Continual Pre-Training for Large Language Models},
      author={Wang, Xingjin and Tissue, Howe and Wang, Lu and Li, Linjing and Zeng, Daniel Dajun},
      journal={arXiv preprint arXiv:2505.07796},
      year={2025}
    }
    """,
    papers=("2408.11029",),
    variants={"warmup": ("peak", "counted")},
    constants={
        "old-domain": (_SHIFT + "loss on FineWeb", _shift(3.057, 0.490, 0.497, 0.366, 28.0, 0.189, 0.299, 0.298)),
        "new-domain": (
            _SHIFT + "loss on Knowledge-Pile",
            _shift(3.024, 0.412, 0.677, -0.666, 5662.0, 0.146, 0.278, 0.324),
        ),
    },
    limits=(
        *_TRAPS,
        "`B` is above 0 for the old domain's loss and below 0 for the new one's.",
        "B, E and beta trade off until the shift has levelled out.",
    ),
)
def cpt_annealing(curve, S1_pt, S2_pt, *, L0, A, C1, C2, B, E, alpha, beta, lam):
    r"""Loss at each step of continual pre-training: $L_0 + A (S_1^{pt} + S_1)^{-\alpha} - C_1 S_2^{pt} - C_2 S_2 + B\,[1 -
    (1 + E S_1)^{-\beta}]$.

    $S_1$ and $S_2$ are those of `lr_annealing` over the learning rate of `curve`, the continued run alone; `S1_pt` and
    `S2_pt` are what the pre-training before it had summed up. `L0`, `A` and `alpha` are as there, `C1` and `C2` what a
    unit of annealing area gains before and after, `B` the final shift of the loss by the new data, `E` and `beta` how
    fast it comes; `lam` is the memory per step, held at .999.
    """
    shift = -jnp.expm1(-beta * jnp.log1p(E * curve.area))
    annealed = C1 * S2_pt + C2 * annealing_area(curve, lam)
    return L0 + A * power(S1_pt + curve.area, -alpha) - annealed + B * shift
