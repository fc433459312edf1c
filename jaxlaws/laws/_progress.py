"""What this project's laws of curves have in common: the fall with progress, gradient noise, and the shift of a run."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from jaxlaws.spec import exponent, fixed, positive, power, real, reference

SOURCE = "jaxlaws (this project)"
BIBTEX = """
    @software{jaxlaws,
      title={jaxlaws: scaling laws as pure JAX functions},
      author={{The jaxlaws developers}},
      year={2026}
    }
    """
LINEAR = ("L0", "A", "B", "m", "d")

FALL = {
    "L0": positive(start=(0.5, 4.0), unit="nats/token"),
    "A": positive(start=(0.05, 5.0), unit="nats/token"),
    "B": positive(start=(0.01, 1.0), unit="nats/token"),
    "a": exponent(start=(0.1, 1.5)),
}
SHIFT = {
    "m": fixed(0.0, real(start=(-0.05, 0.05), box=(-10.0, 10.0), prior=(0.0, 0.1, 5e-4))),
    "d": fixed(0.0, real(start=(-0.005, 0.005), box=(-10.0, 10.0), prior=(0.0, 0.01, 5e-4), per="run")),
    "lr_ref": reference("peak_lr"),
}


def noise_level(curve: Any, k: Any, q: Any, lr_ref: Any) -> Any:
    r"""$N_t = e^{-k x_t/1000} N_{t-1} + (1 - e^{-k x_t/1000}) x_t^q$ from $N_0 = 0$, with $x = \eta/\eta_{ref}$."""
    rate = k / (1000.0 * lr_ref)
    # The noise lags behind x^q by what is left of its changes; a run that starts at a rate above 0 climbs from there.
    lag = curve.relax(rate, of=lambda lr: power(lr / lr_ref, q))
    first = power(curve.start / lr_ref, q) * jnp.exp(-rate * curve.area)
    return power(curve.lr / lr_ref, q) - first + lag


def run_shift(curve: Any, m: Any, d: Any, lr_ref: Any) -> Any:
    r"""$(m + d_{run})\,S^{-1.5}$ with $S = \sum x/1000$: what the order of a run's data does to it, fading with progress."""
    return (m + d) * power(curve.area / (1000.0 * lr_ref), -1.5)
