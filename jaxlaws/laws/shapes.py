"""One quantity, four shapes, from a power to a sigmoid: the estimators M1 to M4."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxlaws.spec import exponent, law, positive, power, quantity, real

_SOURCE = (
    "Alabdulmohsin, Neyshabur & Zhai (2022), Revisiting Neural Scaling Laws in Language and Vision, arXiv:2209.06640"
)
_BIBTEX = """
    @article{alabdulmohsin2022revisiting,
      title={Revisiting Neural Scaling Laws in Language and Vision},
      author={Alabdulmohsin, Ibrahim and Neyshabur, Behnam and Zhai, Xiaohua},
      journal={arXiv preprint arXiv:2209.06640},
      year={2022}
    }
"""
_X = "The paper's x is the number of examples seen; its loss is often 1 - accuracy."


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={"beta": positive(start=(0.3, 1e2)), "c": real(start=(-0.8, -0.05), box=(-10.0, 10.0))},
    linear=("beta",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    limits=(_X, "No floor: worst of the four at extrapolation."),
)
def m1(x, *, beta, c):
    r"""Loss as a power of `x`: $\beta x^c$.

    `beta` is the loss at x = 1, `c` the exponent, of either sign; `power` is the same with the sign turned.
    """
    return beta * power(x, c)


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={
        "e_inf": real(start=(0.0, 0.5), box=(0.0, 1e3)),
        "beta": positive(start=(0.3, 1e2)),
        "c": real(start=(-0.8, -0.05), box=(-10.0, 0.0)),
    },
    linear=("e_inf", "beta"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    limits=(_X, "`power_plus_constant` is the same with the sign of the exponent turned."),
)
def m2(x, *, e_inf, beta, c):
    r"""Loss that falls to a floor: $e_\infty + \beta x^c$.

    `e_inf` is the floor, `beta` the rest at x = 1, `c` the exponent, not above 0.
    """
    return e_inf + beta * power(x, c)


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={
        "beta": positive(start=(0.3, 1e2)),
        "gamma": positive(start=(1e-6, 1e-3), box=(1e-15, 1e3)),
        "c": exponent(start=(0.05, 0.8)),
    },
    linear=("beta",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    limits=(_X, "The floor beta gamma^c falls with beta and rises with gamma: they trade off in short curves."),
)
def m3(x, *, beta, gamma, c):
    r"""Loss that levels off where 1/x falls below `gamma`: $\beta (1/x + \gamma)^c$.

    `beta` is the scale and `c` the exponent, not negative; the floor is $\beta \gamma^c$.
    """
    return beta * power(1.0 / x + gamma, c)


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={
        "e_inf": real(start=(0.0, 0.5), box=(0.0, 1e3)),
        "e_0": positive(start=(1.0, 4.0), box=(1e-3, 1e4)),
        "beta": positive(start=(1.0, 1e2), box=(1e-9, 1e30)),
        "c": real(start=(-0.8, -0.1), box=(-10.0, 0.0)),
        "alpha": exponent(start=(0.3, 1.5), box=(1e-3, 20.0)),
    },
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    limits=(
        _X,
        "Needs e_inf < loss < e_0; e_0 is only determined where the curve has left its start.",
        "The released code looks the loss up on 10 000 points between the two; here it is the root itself.",
    ),
)
def m4(x, *, e_inf, e_0, beta, c, alpha):
    r"""Loss that falls as a sigmoid from `e_0` to `e_inf`: the y with $(y - e_\infty)/(e_0 - y)^\alpha = \beta x^c$.

    `e_0` is the loss of a model that has learnt nothing, `e_inf` that of endless `x`. `beta` and `c` are the scale and
    the exponent, not above 0, of the middle part, and `alpha` says how it leaves the start: towards 0 it is `m2`, at 1 a
    logistic curve in $\ln x$.
    """
    width = e_0 - e_inf
    # With u = (y - e_inf)/width and z = logit u: ln u - alpha ln(1 - u) = rise. Logarithms keep both ends of u exact, and the
    # left side grows with z from one end of the line to the other, straight but for one bend: Newton's steps reach the one
    # root from anywhere, with no bracket.
    rise = jnp.log(beta) + c * jnp.log(x) + (alpha - 1.0) * jnp.log(width)

    def newton(z, alpha, rise):
        side = jax.nn.sigmoid(z)
        residual = alpha * jax.nn.softplus(z) - jax.nn.softplus(-z) - rise
        return z - residual / (1.0 - side + alpha * side)

    first = jax.lax.stop_gradient((jnp.where(rise > 0, rise / alpha, rise), alpha, rise))
    z, _, _ = jax.lax.fori_loop(0, 10, lambda _, now: (newton(*now), *now[1:]), first)
    # Each further step doubles the order to which the root follows the parameters: two give third derivatives.
    z = newton(newton(z, alpha, rise), alpha, rise)
    return e_inf + width * jax.nn.sigmoid(z)
