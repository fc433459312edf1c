"""Scaling collapse: normalised curves of all sizes fall on one, and the rate shifts it by the gradient's noise."""

from __future__ import annotations

from jaxlaws.spec import exponent, law, positive, power, quantity, reference

_SOURCE = (
    "Qiu et al. (2025), Scaling Collapse Reveals Universal Dynamics in Compute-Optimally Trained Neural Networks, "
    "arXiv:2507.02119"
)
_BIBTEX = """
    @inproceedings{qiu2025scaling,
      title={Scaling Collapse Reveals Universal Dynamics in Compute-Optimally Trained Neural Networks},
      author={Qiu, Shikai and Xiao, Lechao and Wilson, Andrew Gordon and Pennington, Jeffrey and Agarwala, Atish},
      booktitle={International Conference on Machine Learning},
      year={2025},
      note={arXiv:2507.02119}
    }
"""
SHARE_DONE = quantity.Quantity(
    "x", "share of the compute-optimal horizon that is done", "fraction", typical=(0.02, 1.0)
)
REDUCED = quantity.Quantity("ell", "reducible loss over its final value", "ratio")
NOISE = quantity.Quantity("g", "trace of the preconditioned gradient covariance", "as logged", typical=(0.1, 10.0))


@law(
    inputs={"x": SHARE_DONE},
    output=REDUCED,
    params={"mu": exponent(start=(0.05, 1.0)), "nu": exponent(start=(0.05, 1.0))},
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="derived",
    papers=("2509.25087",),
    limits=(
        "Ours, for a loss that is a sum of two powers at a constant rate: the paper normalises measured curves instead.",
        "Curves collapse only at the compute-optimal horizon, equal tokens a parameter and a tuned rate or weight decay.",
        "The floor must be subtracted first; each run is normalised by its own last loss, which ties seeds together.",
    ),
)
def collapse(x, *, mu, nu):
    r"""Reducible loss over its final value, when a share `x` of the compute-optimal horizon is done: $(\nu\,x^{-\mu} +
    \mu)/(\mu + \nu)$, for every size.

    `mu` is the exponent of training time and `nu` that of size, of a loss $L_0 + a\,t^{-\mu} + b\,p^{-\nu}$: at its
    best horizon the two terms stand in the ratio $\nu/\mu$ whatever the size.
    """
    return (nu * power(x, -mu) + mu) / (mu + nu)


@law(
    inputs={"curve": quantity.CURVE, "g": NOISE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0)),
        "a": exponent(start=(0.1, 1.2)),
        "alpha": positive(start=(0.01, 1.0)),
        "lr_ref": reference("peak_lr"),
    },
    linear=("L0", "A", "alpha"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    limits=(
        "Loss at a constant rate is put as a power of the summed rate here; the paper takes it from a run.",
        "Without a logged g give a column of ones: the excess loss is then proportional to the rate of the moment.",
        "The loss follows the rate at once: just after a drop it comes down too early (`multi_power` waits).",
    ),
    data=("mpl_curves", "lr_schedules"),
)
def collapse_schedule(curve, g, *, L0, A, a, alpha, lr_ref):
    r"""Loss at each step of a run: $L_0 + A S^{-a} + \alpha\,(\eta/\eta_{peak} - 1)\,g$, with $S$ the summed rate.

    `curve` is the run's learning rate and `lr_ref` the peak of the fitted runs; `g` is the trace of the preconditioned
    gradient covariance where it was logged. `L0`, `A` and `a` shape the loss at a constant rate, `alpha` is what the
    noise of the full rate costs.
    """
    return L0 + A * power(curve.area, -a) + alpha * (curve.lr / lr_ref - 1.0) * g
