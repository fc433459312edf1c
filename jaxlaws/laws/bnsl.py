"""Curves whose slope changes at breaks: broken neural scaling laws."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import each, law, positive, quantity, real


def slopes(*, a, b, c0, c, d, f):
    r"""Log-log slopes of $y - a$ far from the breaks, before the first and after each: $-(c_0 + \dots + c_k)$."""
    del a, b, d, f
    total, out = c0, {"slope0": -c0}
    for k, change in enumerate(c, 1):
        total = total + change
        out[f"slope{k}"] = -total
    return out


@law(
    inputs={"x": quantity.ANY},
    output=quantity.LOSS,
    params={
        "a": real(start=(0.0, 0.5), box=(0.0, 1e3)),
        "b": positive(start=(0.5, 1e2)),
        "c0": real(start=(0.0, 0.3), box=(-10.0, 10.0)),
        "c": each(real(start=(0.2, 1.5), box=(-30.0, 30.0)), "breaks"),
        "d": each(lambda i: positive(start=(10.0 ** (1 + i), 10.0 ** (3 + i)), box=(1e-6, 1e30)), "breaks"),
        "f": each(positive(start=(0.05, 1.5), box=(1e-3, 30.0)), "breaks"),
    },
    sizes={"breaks": 1},
    linear=("a", "b"),
    source="Caballero et al. (2022), Broken Neural Scaling Laws, arXiv:2210.14891; and its official code",
    bibtex="""
    @article{caballero2022broken,
      title={Broken Neural Scaling Laws},
      author={Caballero, Ethan and Gupta, Kshitij and Rish, Irina and Krueger, David},
      journal={arXiv preprint arXiv:2210.14891},
      year={2022}
    }
    """,
    evidence="checked",
    constants={
        "addition": (
            "noiseless simulation of 4-digit addition, x = training examples, nats; the released code",
            {
                "a": 0.41388453071629455,
                "b": 2.2772722897737556,
                "c0": 0.055077348404973955,
                "c": (5.662903816010331,),
                "d": (612.5836172918001,),
                "f": (0.059193036393742314,),
            },
        ),
        "figure-1": (
            "drawn in the paper's Fig. 1, not fitted to anything",
            {
                "a": 1e-3,
                "b": 4.66e3,
                "c0": 0.05,
                "c": (0.49, -0.811, 2.1),
                "d": (3e6, 1e14, 2e20),
                "f": (1.1, 1.425, 0.05),
                "variant:breaks": "3",
            },
        ),
    },
    derived={"slopes": slopes},
    data=("bnsl_addition",),
    limits=(
        "3 + 3 n parameters for n breaks: a break beyond the data is not determined by them.",
        "Breaks may be exchanged; give each its own start or bounds when there are several.",
        "Sharp breaks (small f) need a start near d: a grid over d and f, as the released code does, or many starts.",
        "A survey describes it as a law of size and data with two pieces: wrong.",
    ),
)
def bnsl(x, *, a, b, c0, c, d, f):
    r"""Loss, or any score, along `x`, with breaks: $a + b\,x^{-c_0} \prod_i (1 + (x/d_i)^{1/f_i})^{-c_i f_i}$.

    `a` is the limit, `b` the scale, `c0` the first slope. At the break `d` (one for each i, ascending) the slope changes
    by `c`, of either sign, over a stretch that `f` sets: small is sharp. `variant(breaks="3")` has three.
    """
    # (x/d)^(1/f) overflows for small f; its logarithm does not. Near a break the logarithm of the ratio keeps the digits that
    # the difference of logarithms loses.
    bends = sum(ci * fi * jnp.logaddexp(jnp.log(x / di) / fi, 0.0) for ci, di, fi in zip(c, d, f, strict=True))
    return a + b * jnp.exp(-c0 * jnp.log(x) - bends)
