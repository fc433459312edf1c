"""Bounds of convex optimisation as laws: what a schedule leaves of the starting distance and of the gradients' noise."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxlaws.spec import law, least, positive, quantity


def _noise(curve):
    """Sum over steps t <= T of eta_t^2 / (what is left of the rate after t), without the gradients' size.

    With R_t = eta_t + ... + eta_T, eta_t/R_{t+1} is the change of -ln R but for the last steps, where they differ by
    Euler's constant in all. By parts only the changes of the rate are left.
    """
    total = curve.area
    positive_lr = jnp.where(curve.lr > 0, curve.lr, 1.0)
    own = jnp.where(curve.lr > 0, curve.lr * (1.0 + np.euler_gamma + jnp.log(total / positive_lr)), 0.0)
    # A rate of exactly 0 has nothing left after it, where the bound itself is infinite: a thousandth of the rate before.
    passed = curve.anneal(lambda node, since: jnp.log(jnp.maximum(since.area, 1e-3 * node.before)))
    return own + (curve.start - curve.lr) * jnp.log(total) - passed


def best_scale(curve, *, L0, A, B):
    r"""Factor on the whole rate that minimises the law at each logged step, and the loss there: $\sqrt{A/(B S V)}$ and
    $L_0 + 2\sqrt{A B V/S}$.
    """
    noise = _noise(curve)
    return {"scale": jnp.sqrt(A / (B * curve.area * noise)), "loss": L0 + 2.0 * jnp.sqrt(A * B * noise / curve.area)}


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(1e-4, 1.0)),
        "B": positive(start=(1.0, 1e4)),
    },
    linear=("L0", "A", "B"),
    source="Schaipp et al. (2025), The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for "
    "Large Model Training, arXiv:2501.18965; bound of Defazio et al. (2023), arXiv:2310.07831",
    bibtex="""
    @inproceedings{schaipp2025surprising,
      title={The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training},
      author={Schaipp, Fabian and H{\\"a}gele, Alexander and Taylor, Adrien and Simsekli, Umut and Bach, Francis},
      booktitle={International Conference on Machine Learning},
      year={2025},
      note={arXiv:2501.18965}
    }
    """,
    evidence="derived",
    derived={"best_scale": best_scale},
    limits=(
        "Gradients of one size all along (the paper lets it fall in the first steps); A = M D^2/2 and B = M G^2/2 there.",
        "In the limit of many steps: within some steps of a drop by more than ten times it is short of the bound's spike.",
        "At a rate of exactly 0 the bound is infinite: end a schedule above it.",
        "A bound, not a model: its floor falls as the square root of the steps, slower than losses do at first.",
    ),
    data=("lr_schedules",),
)
def convex_bound(curve, *, L0, A, B):
    r"""Loss at each step of a run, as the bound of convex optimisation has it: $L_0 + A/S_T + B\,[\eta_T + \sum_{t<T}
    \eta_t^2/(S_T - S_t)]$, with $S$ the summed rate.

    `curve` is the run's learning rate, its warm-up included. `L0` is the floor, `A` the price of the starting distance
    and `B` that of the gradients' noise, which a decay of the rate takes off. The three terms of the printed bound
    are these two: the sums over t and k telescope.
    """
    return L0 + A / curve.area + B * _noise(curve)


@least()
def best_rate(step, *, L0, a, b):
    r"""Rate that minimises the loss after `step` steps: $\sqrt{a/(b T)}$, where the loss is $L_0 + 2\sqrt{a b/T}$."""
    del L0
    return {"lr": jnp.sqrt(a / (b * step))}


@law(
    inputs={"step": quantity.STEP, "lr": quantity.LEARNING_RATE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "a": positive(start=(1e-2, 1e2)),
        "b": positive(start=(1.0, 1e3)),
    },
    linear=("L0", "a", "b"),
    source="Bu, Xu & Mao (2026), Convex Dominance in Deep Learning I: A Scaling Law of Loss and Learning Rate, arXiv:2602.07145",
    bibtex="""
    @inproceedings{bu2026convex,
      title={Convex Dominance in Deep Learning I: A Scaling Law of Loss and Learning Rate},
      author={Bu, Zhiqi and Xu, Shiyun and Mao, Jialin},
      booktitle={International Conference on Learning Representations},
      year={2026},
      note={arXiv:2602.07145}
    }
    """,
    evidence="second-hand",
    derived={"best_rate": best_rate},
    limits=(
        "One shape of schedule a fit: its constants are part of a and b.",
        "The best rate falls as the square root of the steps, whatever the data; measured exponents differ.",
    ),
)
def convex_dominance(step, lr, *, L0, a, b):
    r"""Loss after `step` steps of a schedule with peak `lr`: $L_0 + a/(T\eta) + b\,\eta$.

    `L0` is the floor, `a` the price of the starting distance (their q1 squared), `b` that of the noise (q2 squared).
    """
    return L0 + a / (step * lr) + b * lr
