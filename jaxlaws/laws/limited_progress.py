"""Loss along a learning-rate curve: progress at a rate that curvature limits at first. A law of this project."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, fixed, law, positive, power, quantity, real, reference


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        "L0": positive(start=(0.5, 4.0), unit="nats/token"),
        "A": positive(start=(0.05, 5.0), unit="nats/token"),
        "B": positive(start=(0.01, 1.0), unit="nats/token"),
        "a": exponent(start=(0.1, 1.5)),
        "k": positive(start=(0.3, 100.0), box=(1e-3, 1e3), unit="1/(1000 peak-rate steps)"),
        "h": positive(start=(0.02, 10.0), box=(1e-4, 1e4), unit="peak rates/(1000 steps)"),
        "q": exponent(start=(0.55, 0.9), box=(0.1, 2.0)),
        "c": fixed(0.5, exponent(start=(0.3, 1.0), box=(1e-2, 2.0))),
        "m": fixed(0.0, real(start=(-0.05, 0.05), box=(-10.0, 10.0), prior=(0.0, 0.1, 5e-4))),
        "d": fixed(0.0, real(start=(-0.005, 0.005), box=(-10.0, 10.0), prior=(0.0, 0.01, 5e-4), per="run")),
        "lr_ref": reference("peak_lr"),
    },
    linear=("L0", "A", "B", "m", "d"),
    source="jaxlaws (this project)",
    bibtex="""
    @software{jaxlaws,
      title={jaxlaws: scaling laws as pure JAX functions},
      author={{The jaxlaws developers}},
      year={2026}
    }
    """,
    evidence="checked",
    data=("lr_schedules", "mpl_curves"),
    limits=(
        "The form was found on the runs of lr_schedules with two peaks; test errors of mpl_curves were in view when c was set.",
        "Runs of one peak without the run shift, or without a cooldown, may leave h undetermined: errors double.",
        "Free m and d (the run shift) where all runs have one peak and warm-up; with different peaks leave them out.",
    ),
)
def limited_progress(curve, *, L0, A, B, a, k, h, q, c, m, d, lr_ref):
    r"""Loss at each step of a run: $L_0 + A\,P^{-a} + B\,N + (m + d_{run})\,S^{-1.5}$, with $x = \eta/\eta_{ref}$ and $t$
    in thousands of steps, $P = \sum x\,(1 + x/(h t))^{-c}/1000$, $S = \sum x/1000$ and $N_t = e^{-k x_t/1000} N_{t-1} +
    (1 - e^{-k x_t/1000}) x_t^q$ from $N_0 = 0$.

    `curve` is the run's learning rate and `lr_ref` the peak of the fitted runs, stored with the fit. Early on a larger
    rate buys little progress `P`; the rate `h t` beyond which that is so grows with training, and a rate far below it
    counts in full. `c` is how much is lost there, held at 1/2. `L0`, `A` and `a` shape the fall with progress. Gradient
    noise `N` follows the rate to the power `q` at speed `k`, and costs `B` at the peak. The run shift is off (`m` = `d`
    = 0) unless freed: `m` is common, `d` belongs to each run (its data order), both held near 0 by a prior. Give runs
    equal weight: `weights="run"`.
    """
    x = curve.lr / lr_ref
    rate = k / (1000.0 * lr_ref)
    # The noise lags behind x^q by what is left of its changes; a run that starts at a rate above 0 climbs from there.
    lag = curve.relax(rate, of=lambda lr: power(lr / lr_ref, q))
    first = power(curve.start / lr_ref, q) * jnp.exp(-rate * curve.area)
    noise = power(x, q) - first + lag

    def limited(lr, step):
        y = lr / lr_ref
        return y * jnp.exp(-c * jnp.log1p(1000.0 * y / (h * step)))

    progress = curve.integral(limited) / 1000.0
    shift = (m + d) * power(curve.area / (1000.0 * lr_ref), -1.5)
    return L0 + A * power(progress, -a) + B * noise + shift
