"""The functional scaling law: loss in intrinsic time, with gradient noise that a kernel forgets."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxlaws.spec import exponent, fixed, law, positive, power, quantity, real

_SOURCE = (
    "Li et al. (2025), Functional Scaling Laws in Kernel Regression: Loss Dynamics and Learning Rate Schedules, "
    "arXiv:2509.19189"
)
_BIBTEX = """
    @inproceedings{li2025functional,
      title={Functional Scaling Laws in Kernel Regression: Loss Dynamics and Learning Rate Schedules},
      author={Li, Binghui and Chen, Fengling and Huang, Zixun and Wang, Lean and Wu, Lei},
      booktitle={Advances in Neural Information Processing Systems},
      year={2025},
      note={arXiv:2509.19189}
    }
"""


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "c1": positive(start=(0.05, 5.0)),
        "c2": positive(start=(1.0, 1e3)),
        "c3": positive(start=(0.1, 30.0)),
        "c4": positive(start=(1e2, 1e5)),
        "s": exponent(start=(0.1, 1.0)),
        "gamma": exponent(start=(0.1, 1.2), box=(1e-2, 10.0)),
    },
    linear=("L0", "c1", "c2"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    aliases=("functional_scaling_law", "fsl"),
    variants={"warmup": ("excluded", "counted")},
    limits=(
        "No fitted constants are printed. The authors fit an 8-1-1 run (drops at 80 and 90 %) and predict WSD and cosine.",
        "The climb of the warm-up is left out, as by the authors, who fit rows after it; others' code adds an offset.",
        "c2, c3, c4 and gamma trade off: it is `multi_power` with gamma = 0 and a weight for early drops.",
        "On `mpl_curves` c3 runs to its bound: early drops want no weight of their own, and a fit says rank-deficient. Hold c3 "
        "there (at 1e4 the mean error on unseen schedules is .0044 nats at 25M and .0043 at 100M).",
        "Third parties find it no better than `lr_annealing` on the authors' GPT runs (RMSE .040 against .035).",
    ),
    data=("mpl_curves", "lr_schedules"),
)
def fsl_practical(curve, *, L0, c1, c2, c3, c4, s, gamma):
    r"""Loss at each step of a run: $L_0 + c_1 T^{-s} - c_2 \sum_{i\le k} (\eta_{i-1} - \eta_i)(c_3 + T_i^{-s})\,[1 - (1 +
    c_4 (T_k - T_i))^{-\gamma}]$, with $T$ the summed rate.

    `curve` is the run's learning rate. `L0` is the floor, `c1` and `s` shape the fall in intrinsic time; `c2` is what a
    unit of decay gains, more while the loss still falls (`c3` says how much of it does not depend on that), `c4` and
    `gamma` how fast the noise is forgotten. Drops of the warm-up are left out; `variant(warmup="counted")` has them.
    """

    def kernel(node, since):
        begun = jnp.where(node.drop != 0, node.area + node.lr, 1.0)  # T_i; a masked node may have none
        passed = jnp.maximum(since.area - node.lr, 0.0)
        return (c3 + power(begun, -s)) * -jnp.expm1(-gamma * jnp.log1p(c4 * passed))

    return L0 + c1 * power(curve.area, -s) - c2 * curve.anneal(kernel)


_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(4)


def _overlap(z, rest, k, s, a):
    """Integral over y from 0 to z of (1 + k(z + rest - y))^-a (1 + k y)^-s.

    Each half in the logarithm of the factor that bends there, where four points of Gauss give some five digits.
    """
    half, whole = 0.5 * z, (k * (z + rest))[..., None]

    def gauss(low, high, f):
        shape = (1,) * jnp.ndim(low) + (-1,)
        points, weights = (jnp.asarray(p, dtype=high.dtype).reshape(shape) for p in (_POINTS, _WEIGHTS))
        middle, radius = 0.5 * (low + high), 0.5 * (high - low)
        return radius * jnp.sum(weights * f(middle[..., None] + radius[..., None] * points), axis=-1)

    # y = (e^w - 1)/k, then z + rest - y = (e^v - 1)/k.
    early = gauss(
        0.0 * z, jnp.log1p(k * half), lambda w: jnp.exp((1.0 - s) * w - a * jnp.log(2.0 + whole - jnp.exp(w)))
    )
    late = gauss(
        jnp.log1p(k * rest),
        jnp.log1p(k * (rest + half)),
        lambda v: jnp.exp((1.0 - a) * v - s * jnp.log(2.0 + whole - jnp.exp(v))),
    )
    return (early + late) / k


@law(
    inputs={"curve": quantity.CURVE, "N": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="as the loss"),
        "c0": positive(start=(1.0, 1e3)),
        "c1": positive(start=(0.5, 5.0)),
        "c2": positive(start=(0.5, 50.0)),
        "c3": positive(start=(0.5, 50.0)),
        "s": exponent(start=(0.2, 1.0)),
        "beta": real(start=(1.3, 3.0), box=(1.01, 30.0)),
        "k": fixed(1.0, positive(start=(1.0, 1e3))),
    },
    linear=("L0", "c0", "c1", "c2", "c3"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    variants={"warmup": ("counted",)},
    limits=(
        "A theory of one-pass SGD on power-law kernel regression, up to constants: for language models use `fsl_practical`.",
        "Proved for s <= 1 - 1/beta, and beyond while T <= const N^beta. The batch must be constant: it is part of c2 and c3.",
        "In the continuous limit: each rate well below 1/k.",
        "e(T) and both noise terms look alike on a short run: only predictions come back there.",
    ),
)
def fsl_theory(curve, N, *, L0, c0, c1, c2, c3, s, beta, k):
    r"""Risk at each step of a run with `N` features: $L_0 + c_0 N^{-s\beta} + c_1 e(T) + \int_0^T K(T - z)\,[c_2 e(z) +
    c_3]\,\eta(z)\,dz$, with $e(t) = (1 + k t)^{-s}$ and $K(t) = (1 + k t)^{-(2 - 1/\beta)}$ in the summed rate $T$.

    `curve` is the run's learning rate. `L0` is the floor (half the label noise), `c0` prices a finite width, `c1` the
    part of the target not learnt yet; `c2` and `c3` are the noise of the gradient by the error and by the labels. `s`
    says how hard the target is and `beta` how fast the kernel's eigenvalues fall; `k` is a unit of time, held at 1.
    """
    a = 2.0 - 1.0 / beta

    def forgotten(t):  # integral of K from 0 to t
        return -jnp.expm1((1.0 - a) * jnp.log1p(k * t)) / (k * (a - 1.0))

    # By parts: what a constant rate would give, and for each change of the rate the part before it.
    T = curve.area
    noise_error = curve.lr * _overlap(T, 0.0 * T, k, s, a) + curve.anneal(
        lambda node, since: _overlap(node.area, since.area, k, s, a)
    )
    noise_label = curve.lr * forgotten(T) + curve.anneal(
        lambda node, since: forgotten(node.area + since.area) - forgotten(since.area)
    )
    risk = L0 + c0 * power(N, -s * beta) + c1 * jnp.exp(-s * jnp.log1p(k * T))
    return risk + c2 * noise_error + c3 * noise_label


def best_batches(share, *, E, A, B, s, beta, lr_unit):
    r"""Shape of the best batch over a run in the easy regime (s > 1 - 1/beta), against its last value, at `share` in
    units of intrinsic time before the end: $(1 + t)^{1/(2\beta) - 1}$.
    """
    del E, A, B, s, lr_unit
    return {"batch": jnp.exp((0.5 / beta - 1.0) * jnp.log1p(share))}


@law(
    inputs={"step": quantity.STEP, "lr": quantity.LEARNING_RATE, "batch": quantity.BATCH},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.1, 10.0)),
        "B": positive(start=(1e4, 1e8), unit="tokens"),
        "s": exponent(start=(0.1, 1.0)),
        "beta": real(start=(1.3, 3.0), box=(1.01, 30.0)),
        "lr_unit": fixed(1.0, positive(start=(1e-3, 10.0))),
    },
    linear=("E", "A", "B"),
    source="Wang et al. (2026), Fast Catch-Up, Late Switching: Optimal Batch Size Scheduling via Functional Scaling Laws, "
    "arXiv:2602.14208",
    bibtex="""
    @inproceedings{wang2026fast,
      title={Fast Catch-Up, Late Switching: Optimal Batch Size Scheduling via Functional Scaling Laws},
      author={Wang, Jinbo and Li, Binghui and Zhou, Zhanpeng and Wang, Mingze and Sun, Yuxuan and Zhang, Jiaqi
              and Cai, Xunliang and Wu, Lei},
      booktitle={International Conference on Learning Representations},
      year={2026},
      note={arXiv:2602.14208}
    }
    """,
    papers=("2509.19189",),
    evidence="second-hand",
    derived={"best_batches": best_batches},
    limits=(
        "Here for a constant rate and batch, where the integral over the run has a closed form; the paper varies the batch.",
        "In the hard regime (s < 1 - 1/beta) the best batch is the smallest until a vanishing last part of the run.",
    ),
)
def fsl_batch(step, lr, batch, *, E, A, B, s, beta, lr_unit):
    r"""Loss after `step` steps at a constant rate `lr` and `batch`: $E + A (1 + t)^{-s} + B\,(\eta/b)\,[1 - (1 +
    t)^{-(1 - 1/\beta)}]/(1 - 1/\beta)$, with $t$ the summed rate over `lr_unit`.

    `E` is the floor, `A` and the exponent `s` what is not learnt yet, `B` the gradient noise at one token a step;
    `beta` says how fast noise is forgotten. `lr_unit` is the unit of the summed rate, held at 1.
    """
    log_t = jnp.log1p(step * lr / lr_unit)
    rate = 1.0 - 1.0 / beta
    return E + A * jnp.exp(-s * log_t) - B * lr / batch * jnp.expm1(-rate * log_t) / rate


def best_decay(share, *, c, s, beta):
    r"""Best rate in the easy regime (s >= 1 - 1/beta), against its peak, when a `share` of the steps is done: $(1 -
    share)^{2\beta - 1}$.
    """
    del c, s
    return {"lr": power(1.0 - share, 2.0 * beta - 1.0)}


@law(
    inputs={"step": quantity.STEP},
    output=quantity.LEARNING_RATE,
    params={
        "c": positive(start=(1e-3, 1e2)),
        "s": exponent(start=(0.6, 2.0)),
        "beta": fixed(2.0, real(start=(1.2, 2.4), box=(1.01, 30.0))),
    },
    linear=("c",),
    source="Li et al. (2026), Optimal Learning-Rate Schedules under Functional Scaling Laws: Power Decay and "
    "Warmup-Stable-Decay, arXiv:2602.06797",
    bibtex="""
    @article{li2026optimal,
      title={Optimal Learning-Rate Schedules under Functional Scaling Laws: Power Decay and Warmup-Stable-Decay},
      author={Li, Binghui and Wang, Zilin and Chen, Fengling and Zhao, Shiyang and Zheng, Ruiheng and Wu, Lei},
      journal={arXiv preprint arXiv:2602.06797},
      year={2026}
    }
    """,
    derived={"best_decay": best_decay},
    redundant=(("s", "beta"),),
    limits=(
        "Only the abstract was read; no constants are known.",
        "For easy targets, s >= 1 - 1/beta. For hard ones the best schedule stays at the highest rate and decays at the end.",
        "s and beta enter through one exponent: hold one of them.",
    ),
)
def fsl_opt_lr(step, *, c, s, beta):
    r"""Best peak learning rate for a horizon of `step` steps: $c\,S^{-(s - 1 + 1/\beta)/(s + 1/\beta)}$.

    `c` is the rate at one step, `s` says how hard the target is and `beta` (held at 2 unless freed) how fast the
    kernel's eigenvalues fall. The best schedule then falls as $(1 - z/S)^{2\beta - 1}$.
    """
    return c * power(step, -(s - 1.0 + 1.0 / beta) / (s + 1.0 / beta))
