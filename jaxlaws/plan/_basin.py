"""The shape that sweeps of rate and batch are fitted with: a basin in logarithms above a floor that each cell has for itself."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import fixed, law, positive, quantity, real


@law(
    inputs={
        "N": quantity.PARAMETERS,
        "D": quantity.TOKENS,
        "lr": quantity.LEARNING_RATE,
        "batch": quantity.BATCH,
    },
    output=quantity.LOSS,
    params={
        "floor": positive(start=(0.5, 10.0), unit="nats/token", per="cell"),
        "U": positive(start=(1e-3, 3e-2)),
        "V": positive(start=(1e-3, 3e-2)),
        "rho": real(start=(-0.7, 0.3), box=(-0.99, 0.99)),
        "lr0": positive(start=(3e-4, 1e-2)),
        "gamma": real(start=(0.0, 1.0), box=(-3.0, 3.0)),
        "delta": real(start=(-0.2, 0.5), box=(-3.0, 3.0)),
        "batch0": positive(start=(1e5, 2e6), unit="tokens"),
        "nu": real(start=(-0.5, 0.5), box=(-3.0, 3.0)),
        "epsilon": real(start=(0.2, 0.8), box=(-3.0, 3.0)),
        "N0": fixed(1e9, positive(start=(1e8, 1e10), unit="parameters")),
        "D0": fixed(2e10, positive(start=(1e9, 1e12), unit="tokens")),
    },
    source="jaxlaws (this project)",
    evidence="derived",
    limits=("The far side of the rate is a cliff, not a parabola: never read a stability limit off it.",),
)
def basin(N, D, lr, batch, *, floor, U, V, rho, lr0, gamma, delta, batch0, nu, epsilon, N0, D0):
    r"""Loss at peak rate `lr` and `batch` tokens: $F\,e^{U x^2 + 2\rho\sqrt{UV}\,x y + V y^2}$ with $x = \ln(\eta/\eta^*)$,
    $y = \ln(b/b^*)$, $\eta^* = \eta_0 (N/N_0)^{-\gamma} (D/D_0)^\delta$ and $b^* = b_0 (N/N_0)^\nu (D/D_0)^\epsilon$.

    `floor` is the lowest loss of a cell, the runs of one `N` and `D`; `U`, `V` the share of it that an e-fold off the best rate
    and batch costs, `rho` how far a larger batch wants a larger rate (below 0). `lr0` and `batch0` are the best pair at `N0`
    parameters and `D0` tokens; `gamma`, `delta`, `nu` and `epsilon` say how it moves.
    """
    n, d = jnp.log(N / N0), jnp.log(D / D0)
    x = jnp.log(lr / lr0) + gamma * n - delta * d
    y = jnp.log(batch / batch0) - nu * n - epsilon * d
    return floor * jnp.exp(U * x * x + 2.0 * rho * jnp.sqrt(U * V) * x * y + V * y * y)
