"""Loss over learning rate and batch: basins around a best pair that moves with size and data."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, fixed, law, least, positive, power, quantity, real

_EVOSLD = (
    "Lin et al. (2025), EvoSLD: Automated Neural Scaling Law Discovery with Large Language Models, arXiv:2507.21184"
)
_EVOSLD_BIBTEX = """
    @article{lin2025evosld,
      title={EvoSLD: Automated Neural Scaling Law Discovery with Large Language Models},
      author={Lin, Haowei and Wang, Xiangyu and Ma, Jianzhu and Liang, Yitao},
      journal={arXiv preprint arXiv:2507.21184},
      year={2025},
      note={Version 1; later versions are titled Can Language Models Discover Scaling Laws?}
    }
"""


@least()
def surface_best(N, D, *, A, B, C, Q, P, F, G, alpha, beta, gamma, zeta, eta, sequence):
    """Rate and batch in tokens that minimise the loss: the centre of the basin."""
    del A, B, C, Q, P, alpha, beta
    return {"lr": F * power(N, gamma) * power(D, zeta), "batch": sequence * G * power(D, eta)}


@law(
    inputs={
        "N": quantity.PARAMETERS,
        "D": quantity.TOKENS,
        "lr": quantity.LEARNING_RATE,
        "batch": quantity.BATCH,
    },
    output=quantity.LOSS,
    params={
        "A": positive(start=(1e1, 1e4)),
        "B": positive(start=(1e0, 1e3)),
        "C": positive(start=(1e-3, 2.0), unit="nats/token"),
        "Q": positive(start=(1e2, 1e4)),
        "P": positive(start=(1e-2, 1.0)),
        "F": positive(start=(1e-3, 1e1)),
        "G": positive(start=(1e-3, 1.0), unit="sequences"),
        "alpha": exponent(start=(0.1, 0.6)),
        "beta": exponent(start=(0.03, 0.5)),
        "gamma": real(start=(-1.2, -0.5), box=(-3.0, 3.0)),
        "zeta": real(start=(0.1, 0.7), box=(-3.0, 3.0)),
        "eta": exponent(start=(0.1, 0.8)),
        "sequence": fixed(2048.0, positive(start=(512.0, 4096.0), box=(1.0, 1e6), unit="tokens")),
    },
    linear=("A", "B", "C", "Q", "P"),
    source=_EVOSLD,
    bibtex=_EVOSLD_BIBTEX,
    evidence="second-hand",
    constants={
        "steplaw": (
            "Step Law runs, batch in sequences of 2,048 tokens; nats/token",
            {
                "A": 262.1391390253,
                "B": 7.0285480778,
                "C": 1.36139e-5,
                "Q": 1278.595377817,
                "P": 0.0492669572,
                "F": 0.3242085567,
                "G": 0.0302367305,
                "alpha": 0.2675128792,
                "beta": 0.0745644645,
                "gamma": -1.0579829431,
                "zeta": 0.6497664883,
                "eta": 0.3503114242,
                "sequence": 2048.0,
            },
        )
    },
    derived={"best": surface_best},
    limits=(
        "Quadratic in the rate itself, where measured basins are quadratic in its logarithm: it scores below zero out of sample.",
        "Found by search, not by theory; `lr_batch_basin` is the shape to fit.",
        "The unit of the batch is not stated: sequences of 2,048 explain 94 % of the Step Law losses, tokens none.",
    ),
    data=("steplaw",),
    ranges={"N": (2e8, 2e9), "lr": (1e-4, 1e-2), "batch": (3e4, 3e6)},
)
def lr_batch_surface(N, D, lr, batch, *, A, B, C, Q, P, F, G, alpha, beta, gamma, zeta, eta, sequence):
    r"""Loss at peak rate `lr` and `batch` tokens: $A D^{-\alpha} + B N^{-\beta} + C + Q (\eta - \eta_0)^2 + P (\ln b +
    b_0/b)$, with $\eta_0 = F N^\gamma D^\zeta$ and $b_0 = G D^\eta$.

    `b` is the batch in units of `sequence` tokens. `A`, `alpha` price finite data `D` and `B`, `beta` a finite model
    `N`; `C` is a constant, `Q` and `P` how steep the basin is in rate and batch; `F`, `gamma`, `zeta` place the best
    rate, `G` and `eta` the best batch.
    """
    b = batch / sequence
    off = lr - F * power(N, gamma) * power(D, zeta)
    basin = Q * off * off + P * (jnp.log(b) + G * power(D, eta) / b)
    return A * power(D, -alpha) + B * power(N, -beta) + C + basin


def _centre(N, D, c, gamma, delta, d, epsilon):
    lr = jnp.log(c) - gamma * jnp.log(N) + delta * jnp.log(D)
    return lr, jnp.log(d) + epsilon * jnp.log(D)


@least()
def basin_best(N, D, *, E, A, B, U, V, rho, alpha, beta, c, gamma, delta, d, epsilon):
    """Rate and batch in tokens that minimise the loss: the centre of the basin."""
    del E, A, B, U, V, rho, alpha, beta
    lr, batch = _centre(N, D, c, gamma, delta, d, epsilon)
    return {"lr": jnp.exp(lr), "batch": jnp.exp(batch)}


@least()
def best_lr_at_batch(N, D, batch, *, E, A, B, U, V, rho, alpha, beta, c, gamma, delta, d, epsilon):
    r"""Best rate for a given `batch`: $\ln\eta = \ln\eta^* - \rho\sqrt{V/U}\,\ln(b/b^*)$."""
    del E, A, B, alpha, beta
    lr, centre = _centre(N, D, c, gamma, delta, d, epsilon)
    return {"lr": jnp.exp(lr - rho * jnp.sqrt(V / U) * (jnp.log(batch) - centre))}


@law(
    inputs={
        "N": quantity.PARAMETERS,
        "D": quantity.TOKENS,
        "lr": quantity.LEARNING_RATE,
        "batch": quantity.BATCH,
    },
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.3, 3.0), unit="nats/token"),
        "A": positive(start=(1e1, 1e4)),
        "B": positive(start=(1e1, 1e4)),
        "U": positive(start=(3e-3, 0.1), unit="nats/token"),
        "V": positive(start=(3e-3, 0.1), unit="nats/token"),
        "rho": real(start=(-0.7, 0.3), box=(-0.99, 0.99)),
        "alpha": exponent(start=(0.1, 0.6)),
        "beta": exponent(start=(0.1, 0.6)),
        "c": positive(start=(1e-1, 1e2)),
        "gamma": real(start=(0.2, 0.9), box=(-3.0, 3.0)),
        "delta": real(start=(0.1, 0.5), box=(-3.0, 3.0)),
        "d": positive(start=(1e-2, 1e2), unit="tokens"),
        "epsilon": real(start=(0.3, 0.7), box=(-3.0, 3.0)),
    },
    linear=("E", "A", "B"),
    source="jaxlaws (this project)",
    bibtex="""
    @software{jaxlaws,
      title={jaxlaws: scaling laws as pure JAX functions},
      author={{The jaxlaws developers}},
      year={2026}
    }
    """,
    evidence="derived",
    derived={"best": basin_best, "best_lr_at_batch": best_lr_at_batch},
    limits=(
        "A parabola in logarithms: fit the rows near the basin's floor, not those that diverged or hardly learnt.",
        "Fitted to Step Law sizes below 5e8 it errs by .011 nats on the larger two, `lr_batch_surface` by .018.",
        "The far side of the rate is a cliff, not a parabola: never read a stability limit off it.",
        "The final rate and the schedule are part of the constants.",
    ),
    data=("steplaw",),
    ranges={"N": (1e8, 1e10), "D": (1e9, 1e12), "lr": (2e-4, 5e-3), "batch": (5e4, 5e6)},
)
def lr_batch_basin(N, D, lr, batch, *, E, A, B, U, V, rho, alpha, beta, c, gamma, delta, d, epsilon):
    r"""Loss at peak rate `lr` and `batch` tokens: $E + A/N^\alpha + B/D^\beta + U x^2 + 2\rho\sqrt{UV}\,x y + V y^2$, with
    $x = \ln(\eta/\eta^*)$, $y = \ln(b/b^*)$, $\eta^* = c N^{-\gamma} D^\delta$ and $b^* = d D^\epsilon$.

    `E`, `A`, `alpha`, `B` and `beta` are those of `chinchilla` for a tuned run of `N` parameters and `D` tokens. `U`
    and `V` are what an e-fold off the best rate and batch costs, `rho` how far a larger batch wants a larger rate
    (below 0). `c`, `gamma`, `delta` place the best rate as in `step_law`, `d` and `epsilon` the best batch.
    """
    best_lr, best_batch = _centre(N, D, c, gamma, delta, d, epsilon)
    x, y = jnp.log(lr) - best_lr, jnp.log(batch) - best_batch
    basin = U * x * x + 2.0 * rho * jnp.sqrt(U * V) * x * y + V * y * y
    return E + A * power(N, -alpha) + B * power(D, -beta) + basin


@law(
    inputs={"x": quantity.ANY},
    output=quantity.SCORE,
    params={f"c{i}": real(start=(0.5 * 2.0**-i, 2.0 * 2.0**-i), box=(-1e6, 1e6)) for i in range(6)},
    linear=("c0", "c1", "c2", "c3", "c4", "c5"),
    source=_EVOSLD,
    bibtex=_EVOSLD_BIBTEX,
    evidence="second-hand",
    aliases=("u_shaped_polynomial",),
    limits=(
        "A baseline for U-shaped scores, nothing more: outside the fitted range it leaves for infinity.",
        "Six numbers for a bend: with few points it passes through all of them.",
    ),
    ranges={"x": (0.1, 10.0)},
)
def poly5(x, *, c0, c1, c2, c3, c4, c5):
    r"""Score as a polynomial in the logarithm of one quantity: $\sum_{i=0}^5 c_i (\ln x)^i$.

    `x` is any positive quantity, best scaled so that it lies around 1; `c0`, `c1`, `c2`, `c3`, `c4` and `c5` are the
    coefficients.
    """
    z = jnp.log(x)
    return c0 + z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * c5))))
