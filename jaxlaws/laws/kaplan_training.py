"""Loss from model size, steps and batch: Kaplan's laws of training, and the trajectory at any batch that they imply."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.kaplan import NEVER_MIX, SETUP
from jaxlaws.laws.power import KAPLAN, KAPLAN_BIBTEX
from jaxlaws.solvers import bracketed_root
from jaxlaws.spec import equals, exponent, law, positive, power, quantity

_BATCH = "B* is 2e8 in the body, 2.1e8 in Table 5 and Fig. 10: 5 % of every critical batch."


@equals("loss")
def steps_to_loss(N, loss, *, Nc, Sc, alpha_N, alpha_S):
    r"""Steps at a very large batch to reach `loss`: $S_{min} = S_c\,[L - (N_c/N)^{\alpha_N}]^{-1/\alpha_S}$; NaN below
    the loss that `N` parameters can reach.
    """
    left = loss - jnp.exp(alpha_N * jnp.log(Nc / N))
    return {"step": jnp.where(left > 0, Sc * power(left, -1.0 / alpha_S), jnp.nan)}


def size_penalty(ratio, *, Nc, Sc, alpha_N, alpha_S):
    r"""Compute and steps of a model `ratio` times the compute-efficient size, against those of that size, to the same
    loss: steps $[1 + (\alpha_S/\alpha_N)(1 - ratio^{-\alpha_N})]^{-1/\alpha_S}$, compute `ratio` times that.
    """
    del Nc, Sc
    steps = power(1.0 - alpha_S / alpha_N * jnp.expm1(-alpha_N * jnp.log(ratio)), -1.0 / alpha_S)
    return {"C": ratio * steps, "step": steps}


@law(
    inputs={"N": quantity.PARAMETERS, "step": quantity.STEP},
    output=quantity.LOSS,
    params={
        "Nc": positive(start=(1e11, 1e16), unit="parameters"),
        "Sc": positive(start=(1e2, 1e5), unit="steps"),
        "alpha_N": exponent(start=(0.02, 0.4)),
        "alpha_S": exponent(start=(0.2, 1.5)),
    },
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    evidence="checked",
    constants={"kaplan": (SETUP + "Table 3", {"Nc": 6.5e13, "Sc": 2.1e3, "alpha_N": 0.077, "alpha_S": 0.76})},
    derived={"steps_to_loss": steps_to_loss, "size_penalty": size_penalty},
    limits=(
        "After the warm-up, late part of the curve, data not repeated.",
        "`step` is the number at a batch far above the critical one (`kaplan_smin` converts).",
        NEVER_MIX,
    ),
)
def kaplan_ns(N, step, *, Nc, Sc, alpha_N, alpha_S):
    r"""Loss of an `N`-parameter model after `step` steps at a large batch: $(N_c/N)^{\alpha_N} +
    (S_c/S_{min})^{\alpha_S}$.

    `N` excludes embeddings. `Nc` and `Sc` are the size and the steps at which each term is 1; `alpha_N` and `alpha_S`
    are their exponents.

    >>> float(kaplan_ns.constants["kaplan"](N=1e9, step=1e4)).__round__(4)
    2.6528
    """
    return jnp.exp(alpha_N * jnp.log(Nc / N)) + jnp.exp(alpha_S * jnp.log(Sc / step))


@law(
    inputs={"loss": quantity.LOSS},
    output=quantity.BATCH,
    params={"Bstar": positive(start=(1e6, 1e10), unit="tokens"), "alpha_B": exponent(start=(0.05, 1.0))},
    linear=("Bstar",),
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    evidence="checked",
    constants={
        "kaplan": (SETUP + "body of the paper; tokens", {"Bstar": 2e8, "alpha_B": 0.21}),
        "kaplan-table": (SETUP + "Table 5 (App. A) and Fig. 10; tokens", {"Bstar": 2.1e8, "alpha_B": 0.21}),
    },
    limits=(
        _BATCH,
        "In tokens, and by the definition Emin/Smin: rules that allow 20 % more steps give another number.",
        "The Step Law paper's table prints 2e18 L^-4.76 for it: a misprint of 2e8.",
    ),
)
def kaplan_bcrit(loss, *, Bstar, alpha_B):
    r"""Critical batch in tokens at the training loss `loss`: $B_* / L^{1/\alpha_B}$.

    `Bstar` is the critical batch at a loss of 1, `alpha_B` its exponent. There, a run takes twice the least steps and
    twice the least tokens.

    >>> float(kaplan_bcrit.constants["kaplan"](loss=3.0)).__round__(-4)
    1070000.0
    """
    return Bstar * power(loss, -1.0 / alpha_B)


@law(
    inputs={"step": quantity.STEP, "batch": quantity.BATCH, "loss": quantity.LOSS},
    output=quantity.STEP,
    params={"Bstar": positive(start=(1e6, 1e10), unit="tokens"), "alpha_B": exponent(start=(0.1, 1.0))},
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    constants={
        "kaplan": (SETUP + "body of the paper; tokens", {"Bstar": 2e8, "alpha_B": 0.21}),
        "kaplan-table": (SETUP + "Table 5 (App. A) and Fig. 10; tokens", {"Bstar": 2.1e8, "alpha_B": 0.21}),
    },
    limits=(_BATCH, "The same factor converts compute the other way: Cmin = C / (1 + B/Bcrit)."),
)
def kaplan_smin(step, batch, loss, *, Bstar, alpha_B):
    r"""Steps that a very large batch would have needed to where `step` steps at `batch` tokens came: $S / (1 +
    B_{crit}(L)/B)$, with $B_{crit} = B_*/L^{1/\alpha_B}$.

    `loss` is the loss that was reached, `Bstar` the critical batch at a loss of 1, `alpha_B` its exponent.
    """
    return step / (1.0 + Bstar / batch * power(loss, -1.0 / alpha_B))


def efficient_frontier(C, *, Nc, Sc, Bstar, alpha_N, alpha_S, alpha_B):
    r"""Best size, loss and training for `C` FLOP counted at a small batch ($C = 6 N B_{crit} S_{min}$).

    $N = N_c (C/C_c)^{\alpha_C/\alpha_N} (1 + \alpha_N/\alpha_S)^{1/\alpha_N}$ with $1/\alpha_C = 1/\alpha_N +
    1/\alpha_S + 1/\alpha_B$ and $C_c = 6 N_c B_* S_c (1 + \alpha_N/\alpha_S)^{1/\alpha_S + 1/\alpha_N}
    (\alpha_S/\alpha_N)^{1/\alpha_S}$; the loss is $(1 + \alpha_N/\alpha_S)$ times that of `N` parameters trained for
    ever. A run at the critical batch itself takes twice these steps and twice this compute.
    """
    alpha_C = 1.0 / (1.0 / alpha_N + 1.0 / alpha_S + 1.0 / alpha_B)
    more = jnp.log1p(alpha_N / alpha_S)
    log_Cc = jnp.log(6.0) + jnp.log(Nc) + jnp.log(Bstar) + jnp.log(Sc)
    log_Cc = log_Cc + (1.0 / alpha_S + 1.0 / alpha_N) * more + jnp.log(alpha_S / alpha_N) / alpha_S
    log_N = jnp.log(Nc) + alpha_C / alpha_N * (jnp.log(C) - log_Cc) + more / alpha_N
    loss = jnp.exp(more + alpha_N * (jnp.log(Nc) - log_N))
    batch = Bstar * power(loss, -1.0 / alpha_B)
    N = jnp.exp(log_N)
    return {"N": N, "loss": loss, "batch": batch, "step": C / (6.0 * N * batch), "Cc": jnp.exp(log_Cc)}


@law(
    inputs={"N": quantity.PARAMETERS, "step": quantity.STEP, "batch": quantity.BATCH},
    output=quantity.LOSS,
    params={
        "Nc": positive(start=(1e11, 1e16), unit="parameters"),
        "Sc": positive(start=(1e2, 1e5), unit="steps"),
        "Bstar": positive(start=(1e6, 1e10), unit="tokens"),
        "alpha_N": exponent(start=(0.02, 0.4)),
        "alpha_S": exponent(start=(0.2, 1.5)),
        "alpha_B": exponent(start=(0.1, 1.0), box=(1e-2, 10.0)),
    },
    source="Su et al. (2024), Unraveling the Mystery of Scaling Laws: Part I, arXiv:2403.06563; forms of Kaplan et al. (2020), "
    "arXiv:2001.08361",
    bibtex="""
    @article{su2024unraveling,
      title={Unraveling the Mystery of Scaling Laws: Part I},
      author={Su, Hui and Tian, Zhi and Shen, Xiaoyu and Cai, Xunliang},
      journal={arXiv preprint arXiv:2403.06563},
      year={2024}
    }
    """,
    evidence="derived",
    constants={
        "kaplan": (
            SETUP + "Kaplan's Table 3 and body put into the trajectory, not constants of Su et al.; batch in tokens",
            {"Nc": 6.5e13, "Sc": 2.1e3, "Bstar": 2e8, "alpha_N": 0.077, "alpha_S": 0.76, "alpha_B": 0.21},
        ),
        "kaplan-table": (
            SETUP + "the same with the critical batch of Kaplan's Table 5",
            {"Nc": 6.5e13, "Sc": 2.1e3, "Bstar": 2.1e8, "alpha_N": 0.077, "alpha_S": 0.76, "alpha_B": 0.21},
        ),
    },
    derived={"efficient_frontier": efficient_frontier},
    aliases=("kaplan_trajectory",),
    limits=(
        "Of Su et al. only the abstract was read: the equation follows from Kaplan's laws, and no constants of theirs ship.",
        "After the warm-up, late part of the curve; constant learning rate or one tuned for each length.",
        _BATCH,
    ),
)
def su_traj(N, step, batch, *, Nc, Sc, Bstar, alpha_N, alpha_S, alpha_B):
    r"""Loss of an `N`-parameter model after `step` steps at `batch` tokens: the root of $L = (N_c/N)^{\alpha_N} +
    [(S_c/S)(1 + B_*/(B\,L^{1/\alpha_B}))]^{\alpha_S}$.

    The loss stands on both sides, because the critical batch depends on it: with an endless `batch` this is
    `kaplan_ns`. The right side falls with L, so there is one root, and its derivatives follow from the equation. `Nc`
    and `Sc` are the size and steps at which each term is 1, `Bstar` the critical batch at a loss of 1; `alpha_N`,
    `alpha_S` and `alpha_B` are their exponents.
    """
    # In y = log L, where nothing overflows however small the exponents are.
    floor = alpha_N * jnp.log(Nc / N)

    def right(y):
        steps = jnp.log(Sc / step) + jnp.logaddexp(0.0 * y, jnp.log(Bstar / batch) - y / alpha_B)
        return jnp.logaddexp(floor, alpha_S * steps)

    # The root lies between the floor and the right side there; a bracket wider by 1 keeps its signs apart in rounding.
    # Some 12 halvings and 12 secants leave 1e-6 of it at most, and the two last steps of Newton nothing.
    return jnp.exp(bracketed_root(lambda y: y - right(y), floor - 1.0, right(floor) + 1.0, trips=24))
