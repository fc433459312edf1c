"""Loss from model size, batch and steps, each with its own power."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, law, least, positive, power, quantity


def _of_one_size(law, values, params):
    return law(N=1e9, batch=values["batch"], step=values["step"], **params)  # the size moves no best batch


@least({"D": lambda batch, step: batch * step}, of=_of_one_size)
def best_batch(D, *, E, A, P, Q, a, b, c):
    r"""Batch and steps that minimise the loss for `D` tokens: $M^* = (bP/(cQ))^{1/(b+c)} D^{c/(b+c)}$, $K^* = D/M^*$."""
    del E, A, a
    batch = jnp.exp((jnp.log(b * P) - jnp.log(c * Q)) / (b + c)) * power(D, c / (b + c))
    return {"batch": batch, "step": D / batch}


def chinchilla_form(*, E, A, P, Q, a, b, c):
    r"""The law at the best batch, in the names of `chinchilla`: $\alpha = a$, $\beta = bc/(b+c)$."""
    shift = (jnp.log(b * P) - jnp.log(c * Q)) / (b + c)
    B = P * jnp.exp(-b * shift) + Q * jnp.exp(c * shift)
    return {"E": E, "A": A, "B": B, "alpha": a, "beta": b * c / (b + c)}


@law(
    inputs={"N": quantity.PARAMETERS, "batch": quantity.BATCH, "step": quantity.STEP},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.3, 3.0), unit="nats/token"),
        "A": positive(start=(1e1, 1e4)),
        "P": positive(start=(1e0, 1e4)),
        "Q": positive(start=(1e0, 1e4)),
        "a": exponent(start=(0.1, 1.0)),
        "b": exponent(start=(0.1, 1.0)),
        "c": exponent(start=(0.1, 1.0)),
    },
    linear=("E", "A", "P", "Q"),
    source="Schaipp (2026), How to Allocate Your Tokens? Scaling Laws with Training Steps and Batch Size, arXiv:2607.01487",
    bibtex="""
    @article{schaipp2026how,
      title={How to Allocate Your Tokens? Scaling Laws with Training Steps and Batch Size},
      author={Schaipp, Fabian},
      journal={arXiv preprint arXiv:2607.01487},
      year={2026}
    }
    """,
    evidence="second-hand",
    derived={"best_batch": best_batch, "chinchilla_form": chinchilla_form},
    aliases=("3tl",),
    limits=(
        "The learning rate is no input: use runs whose rate was tuned for each size, batch and length.",
        "Three powers and a floor: two batches for each (N, D) are said to suffice, one is not enough.",
        "A run that diverged or was tuned badly moves the floor: drop cells far above their neighbours.",
    ),
    data=("steplaw",),
)
def three_term(N, batch, step, *, E, A, P, Q, a, b, c):
    r"""Loss of an `N`-parameter model after `step` steps of `batch` tokens: $E + A/N^a + P/M^b + Q/K^c$, $M$ the batch,
    $K$ the steps.

    `E` is the loss that nothing removes; `A`, `P` and `Q` are what a small model, a small batch and few steps add, with
    exponents `a`, `b` and `c`. For a given number of tokens there is a best batch; there the law is `chinchilla`.
    """
    return E + A * power(N, -a) + P * power(batch, -b) + Q * power(step, -c)
