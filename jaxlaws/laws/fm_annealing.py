"""Loss along a learning-rate curve, with a momentum of its decay as an Adam step would make it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxlaws.spec import exponent, law, positive, power, quantity

_BETA1, _BETA2, _GAIN, _TINY = 0.9, 0.999, 1e5, 1e-8


@law(
    inputs={"curve": quantity.CURVE, "N": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0)),
        "B": positive(start=(1.0, 1e3)),
        "C": positive(start=(1e-3, 1.0)),
        "alpha": exponent(start=(0.1, 1.2)),
        "beta": exponent(start=(0.05, 0.5)),
    },
    linear=("L0", "A", "B", "C"),
    source="Wang et al. (2026), Scaling and Transferability of Annealing Strategies in Large Language Model Training, "
    "arXiv:2512.13705",
    bibtex="""
    @inproceedings{wang2026scaling,
      title={Scaling and Transferability of Annealing Strategies in Large Language Model Training},
      author={Wang, Siqi and Chen, Zhengyu and Xiao, Teng and Lv, Zheqi and Yang, Jinluan and Cai, Xunliang and Wang, Jingang
              and Li, Xiaomeng},
      booktitle={AAAI Conference on Artificial Intelligence},
      year={2026},
      note={arXiv:2512.13705}
    }
    """,
    limits=(
        "The momentum is updated once a logged row: it depends on how often the run was logged.",
        "The released code subtracts C M, its page adds it: the sign here is the code's.",
        "No constants are printed; the paper fits raw, not log, residuals.",
    ),
    data=("mpl_curves", "lr_schedules"),
)
def fm_annealing(curve, N, *, L0, A, B, C, alpha, beta):
    r"""Loss at each logged step of a run of an `N`-parameter model: $L_0 + A S^{-\alpha} + B N^{-\beta} - C M$.

    `curve` is the run's learning rate; $S$ is its sum from logged row to logged row. $M$ sums $\hat m/\sqrt{\hat v}$ over
    rows, with Adam's moments (.9, .999, the second times 1e5) of the drop times the steps between rows. `L0` is the
    floor, `A` and `alpha` shape the fall with S, `B` and `beta` price a finite model, `C` is what a unit of M gains.
    """
    steps = jnp.diff(curve.step, prepend=jnp.zeros_like(curve.step[:1]))
    moved = -jnp.diff(curve.lr, prepend=curve.lr[:1]) * steps

    def update(moments, drop):
        first, second, power1, power2 = moments
        first = _BETA1 * first + (1.0 - _BETA1) * drop
        second = _BETA2 * second + (1.0 - _BETA2) * _GAIN * drop * drop
        power1, power2 = _BETA1 * power1, _BETA2 * power2
        size = jnp.sqrt(second / (1.0 - power2) + _TINY) + _TINY
        return (first, second, power1, power2), first / (1.0 - power1) / size

    zero = jnp.zeros_like(curve.lr[0])
    momentum = jnp.cumsum(jax.lax.scan(update, (zero, zero, zero + 1.0, zero + 1.0), moved)[1])
    forward = jnp.cumsum(curve.lr * steps)
    return L0 + A * power(forward, -alpha) + B * power(N, -beta) - C * momentum
