"""Loss along a learning-rate curve: progress at a rate that curvature limits at first. A law of this project."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws._progress import BIBTEX, FALL, LINEAR, SHIFT, SOURCE, noise_level, run_shift
from jaxlaws.spec import exponent, fixed, law, positive, power, quantity


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        **FALL,
        "k": positive(start=(0.3, 100.0), box=(1e-3, 1e3), unit="1/(1000 peak-rate steps)"),
        "h": positive(start=(0.02, 10.0), box=(1e-4, 1e4), unit="peak rates/(1000 steps)"),
        "q": exponent(start=(0.55, 0.9), box=(0.1, 2.0)),
        "c": fixed(0.5, exponent(start=(0.3, 1.0), box=(1e-2, 2.0))),
        **SHIFT,
    },
    linear=LINEAR,
    source=SOURCE,
    bibtex=BIBTEX,
    evidence="checked",
    data=("lr_schedules", "mpl_curves"),
    limits=(
        "The form was found on the runs of lr_schedules with two peaks; test errors of mpl_curves were in view when c was set.",
        "Runs of one peak without the run shift, or without a cooldown, may leave h undetermined: errors double.",
        "Free m and d (the run shift) where runs have one peak and warm-up and saw their data in different orders; with "
        "different peaks, or one order, leave them out.",
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

    def limited(lr, step):
        y = lr / lr_ref
        return y * jnp.exp(-c * jnp.log1p(1000.0 * y / (h * step)))

    progress = curve.integral(limited) / 1000.0
    return L0 + A * power(progress, -a) + B * noise_level(curve, k, q, lr_ref) + run_shift(curve, m, d, lr_ref)
