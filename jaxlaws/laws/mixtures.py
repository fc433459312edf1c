"""Loss from the shares of several domains in the training data."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxlaws.spec import each, exponent, fixed, law, positive, power, quantity, real

_MIXING = (
    "Ye et al. (2024), Data Mixing Laws: Optimizing Data Mixtures by Predicting Language Modeling Performance, "
    "arXiv:2403.16952; and its official code"
)
_MIXING_BIBTEX = """
    @article{ye2024data,
      title={Data Mixing Laws: Optimizing Data Mixtures by Predicting Language Modeling Performance},
      author={Ye, Jiasheng and Liu, Peiju and Sun, Tianxiang and Zhou, Yunhua and Zhan, Jun and Qiu, Xipeng},
      journal={arXiv preprint arXiv:2403.16952},
      year={2024}
    }
"""
_PILE = (
    "70M parameters, step 30 000, five Pile super-domains, r1 to r5 academic, prose, dialogue, symbolic, internet; "
    "nats/token; "
)
_ROWS = {  # ln c, ln k and t as printed by the authors' notebook
    "academic": (0.9750, -2.1391, -10.0864, 2.7140, 2.7106, 2.6083, 1.5866),
    "prose": (1.2624, -2.1656, 1.3930, -4.6811, 0.7855, 1.8719, 0.5734),
    "dialogue": (1.1375, -7.1017, 6.7135, 6.2643, -31.8621, 6.6423, 6.2053),
    "symbolic": (0.4750, -3.6546, 3.3289, 3.6705, 3.1127, -16.4217, 3.1591),
    "internet": (1.2402, -1.9510, 1.1897, 0.8697, -0.5184, 1.7122, -3.0870),
}


def _pile(domain):
    ln_c, ln_k, *t = _ROWS[domain]
    about = _PILE + "validation loss on " + domain
    return about, {"c": math.exp(ln_c), "k": math.exp(ln_k), "t": tuple(t), "variant:domains": "5"}


def _pile_all():
    rows = tuple(_ROWS.values())
    values = {
        "c": tuple(math.exp(row[0]) for row in rows),
        "k": tuple(math.exp(row[1]) for row in rows),
        "t": tuple(row[2:] for row in rows),
    }
    return _PILE + "targets 1 to 5 in the same order", values | {"variant:targets": "5", "variant:domains": "5"}


def _dot(weights, shares):
    return sum(w * r for w, r in zip(weights, shares, strict=True))


@law(
    inputs={"r": each(quantity.SHARE, "domains")},
    output=quantity.LOSS,
    params={
        "c": positive(start=(0.5, 4.0), unit="nats/token"),
        "k": fixed(1.0, positive(start=(0.01, 1.0), unit="nats/token")),
        "t": each(real(start=(-4.0, 1.0), box=(-60.0, 20.0)), "domains"),
    },
    sizes={"domains": 3},
    linear=("c", "k"),
    redundant=(("k", "t"),),
    source=_MIXING,
    bibtex=_MIXING_BIBTEX,
    evidence="checked",
    data=("mixing_laws",),
    constants={domain: _pile(domain) for domain in _ROWS},
    limits=(
        "Shares add up to 1, so k and a common shift of t cannot be told apart: k is held at 1 unless freed, and a fit that "
        "frees it is rank-deficient.",
        "One validation domain at one size and step; the paper extrapolates steps and sizes by nested power laws first.",
        "Linear in the exponent: a domain that helps at first and harms later needs more than this.",
    ),
)
def data_mixing_exp(r, *, c, k, t):
    r"""Validation loss on one domain of a model that was trained on a mixture with shares `r`: $c + k\,e^{\sum_j t_j r_j}$.

    `r` are the shares `r1`, `r2`, ..., adding up to 1. `c` is what no mixture removes, `k` (held at 1) the scale of the
    rest, and `t` says what each domain does to it: negative where it helps.
    """
    return c + k * jnp.exp(_dot(t, r))


@law(
    inputs={"target": quantity.TARGET, "r": each(quantity.SHARE, "domains")},
    output=quantity.LOSS,
    params={
        "c": each(positive(start=(0.5, 4.0), unit="nats/token"), "targets"),
        "k": each(fixed(1.0, positive(start=(0.01, 1.0), unit="nats/token")), "targets"),
        "t": each(real(start=(-4.0, 1.0), box=(-60.0, 20.0)), "targets", "domains"),
    },
    sizes={"targets": 3, "domains": 3},
    linear=("c", "k"),
    redundant=(("k", "t"),),
    source=_MIXING,
    bibtex=_MIXING_BIBTEX,
    evidence="checked",
    data=("mixing_laws",),
    constants={"pile": _pile_all()},
    limits=(
        "The targets share no parameter: with one target at a time, `data_mixing_exp` fits the same and sooner.",
        "k and a common shift of each row of t cannot be told apart: each k is held at 1 unless freed.",
    ),
)
def data_mixing_targets(target, r, *, c, k, t):
    r"""Validation loss on domain number `target` of a model that was trained on a mixture with shares `r`: $c_i + k_i
    e^{\sum_j t_{ij} r_j}$ with i the target.

    All targets at once, in long form: a row observes the one that `target` (1, 2, ...) names. `r` are the shares, adding
    up to 1; `c`, `k` and the rows of `t` are those of `data_mixing_exp` for each target. What a mixture costs on the
    whole is the weighted sum over targets.
    """
    losses = [ci + ki * jnp.exp(_dot(ti, r)) for ci, ki, ti in zip(c, k, t, strict=True)]
    return sum(jnp.where(target == i, loss, 0.0) for i, loss in enumerate(losses, 1))


_OPTIMAL = "Shukor et al. (2025), Scaling Laws for Optimal Data Mixtures, arXiv:2507.09404"
_OPTIMAL_BIBTEX = """
    @article{shukor2025mixtures,
      title={Scaling Laws for Optimal Data Mixtures},
      author={Shukor, Mustafa and Bethune, Louis and Busbridge, Dan and Grangier, David and Fini, Enrico and El-Nouby, Alaaeldin
              and Ablin, Pierre},
      journal={arXiv preprint arXiv:2507.09404},
      year={2025}
    }
"""
_OPTIMAL_LIMITS = (
    "No constants are printed.",
    "One target loss at a time; for several, minimise the weighted sum of their laws on the simplex.",
    "Fit on mixtures with every share at least .1: about 10 of them for 3 or 4 domains, 20 for 6 to 8.",
)
_INPUTS = {"N": quantity.PARAMETERS, "D": quantity.TOKENS, "h": each(quantity.SHARE, "domains")}
_E = positive(start=(0.5, 3.0), unit="nats/token")
_AMPLITUDE = positive(start=(1e1, 1e4))
_EXPONENT = exponent(start=(0.15, 0.6))
_WEIGHT = each(positive(start=(0.3, 10.0), box=(1e-6, 1e6)), "domains")
_POWER = each(exponent(start=(0.1, 1.0)), "domains")


def _bias(h, C, g):
    return 1.0 / sum(c * power(share, e) for c, share, e in zip(C, h, g, strict=True))


@law(
    inputs=_INPUTS,
    output=quantity.LOSS,
    params={
        "E": _E,
        "A": _AMPLITUDE,
        "B": _AMPLITUDE,
        "alpha": _EXPONENT,
        "beta": _EXPONENT,
        "C": _WEIGHT,
        "g": _POWER,
    },
    sizes={"domains": 3},
    linear=("E", "A", "B"),
    source=_OPTIMAL + ", Eq. 2.4",
    bibtex=_OPTIMAL_BIBTEX,
    evidence="read",
    limits=(*_OPTIMAL_LIMITS, "The best mixture depends on neither size nor data: `optimal_mixture_joint` lets it."),
)
def optimal_mixture_additive(N, D, h, *, E, A, B, alpha, beta, C, g):
    r"""Loss on a target of an `N`-parameter model after `D` tokens of a mixture with shares `h`: $E + 1/\sum_i C_i
    h_i^{g_i} + A N^{-\alpha} + B D^{-\beta}$.

    `h` are the shares `h1`, `h2`, ..., adding up to 1. `C` and `g` say what each domain gives to the target; `E`, `A`,
    `B`, `alpha` and `beta` are as in `chinchilla`.
    """
    return E + _bias(h, C, g) + A * power(N, -alpha) + B * power(D, -beta)


@law(
    inputs=_INPUTS,
    output=quantity.LOSS,
    params={
        "E": _E,
        "A": _AMPLITUDE,
        "B": _AMPLITUDE,
        "alpha": _EXPONENT,
        "beta": _EXPONENT,
        "C": _WEIGHT,
        "g": real(start=(-2.0, -0.3), box=(-10.0, 10.0)),
    },
    sizes={"domains": 3},
    linear=("E", "A", "B"),
    source=_OPTIMAL + ", Eq. 6.1",
    bibtex=_OPTIMAL_BIBTEX,
    evidence="read",
    limits=(*_OPTIMAL_LIMITS, "A public re-implementation of the joint law uses this bias instead of its own."),
)
def optimal_mixture_simple(N, D, h, *, E, A, B, alpha, beta, C, g):
    r"""Loss on a target as in `optimal_mixture_additive`, with one exponent for all domains: $E + (\sum_i C_i h_i)^g + A
    N^{-\alpha} + B D^{-\beta}$.

    `N`, `D` and the shares `h` as there; `C` weighs the domains and `g` is the common exponent, negative where the
    domains help. `E`, `A`, `B`, `alpha`, `beta` are as in `chinchilla`.
    """
    return E + power(_dot(C, h), g) + A * power(N, -alpha) + B * power(D, -beta)


@law(
    inputs=_INPUTS,
    output=quantity.LOSS,
    params={
        "E": _E,
        "alpha": _EXPONENT,
        "beta": _EXPONENT,
        "gA": exponent(start=(0.5, 1.5)),
        "gB": exponent(start=(0.5, 1.5)),
        "C": _WEIGHT,
        "g": _POWER,
        "CA": each(_AMPLITUDE, "domains"),
        "CB": each(_AMPLITUDE, "domains"),
    },
    sizes={"domains": 3},
    linear=("E",),
    source=_OPTIMAL + ", Eq. 2.5",
    bibtex=_OPTIMAL_BIBTEX,
    evidence="read",
    limits=(
        *_OPTIMAL_LIMITS,
        "5 + 4 k parameters for k domains. Its training error cannot be above the additive law's; out of sample it sometimes is "
        "(GitHub 2.51 % against 1.17 %).",
        "The paper's full form, whose exponents move with the mixture too, is not here: its count of parameters (2 k + 1 more) "
        "could not be matched to a formula.",
    ),
)
def optimal_mixture_joint(N, D, h, *, E, alpha, beta, gA, gB, C, g, CA, CB):
    r"""Loss on a target of an `N`-parameter model after `D` tokens of a mixture with shares `h`, whose best mixture moves
    with size and data: $E + 1/\sum_i C_i h_i^{g_i} + A_h N^{-\alpha} + B_h D^{-\beta}$, $A_h = (\sum_i C^A_i
    h_i)^{g_A}$, $B_h = (\sum_i C^B_i h_i)^{g_B}$.

    `E`, `alpha`, `beta` are as in `chinchilla`, `C` and `g` as in `optimal_mixture_additive`. `CA` with `gA`, and `CB`
    with `gB`, say how each domain prices size and data. With `gA` = `gB` = 1 and equal entries it is the additive law.
    """
    of_size, of_data = power(_dot(CA, h), gA), power(_dot(CB, h), gB)
    return E + _bias(h, C, g) + of_size * power(N, -alpha) + of_data * power(D, -beta)
