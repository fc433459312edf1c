"""Loss when data are repeated."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.power import power as power_law
from jaxlaws.spec import exponent, law, least, pointer, positive, power, quantity, restated

_SOURCE = "Muennighoff et al. (2023), Scaling Data-Constrained Language Models, arXiv:2305.16264"
_BIBTEX = """
    @article{muennighoff2023scaling,
      title={Scaling Data-Constrained Language Models},
      author={Muennighoff, Niklas and Rush, Alexander M. and Barak, Boaz and Le Scao, Teven and Piktus, Aleksandra and others},
      journal={arXiv preprint arXiv:2305.16264},
      year={2023}
    }
"""
_C4 = "C4, 7M to 8.7B parameters, nats/token, alpha = beta tied, from 54 points seen once; then these held and "
_FROZEN = {
    "E": math.exp(0.6254804),
    "A": math.exp(6.255414),
    "B": math.exp(7.3049974),
    "alpha": 0.3526596,
    "beta": 0.3526596,
}


def _log_optimal_size(U, A, B, alpha, beta):
    """Logarithm of the size that `U` tokens, each seen once, would be best spent on."""
    log_G = jnp.log(alpha * A / (beta * B)) / (alpha + beta)
    return beta / alpha * (jnp.log(U) + log_G) + log_G


def _worth(repeats, star):
    """What `repeats` further passes (or times too many parameters) are worth: at most `star`."""
    return -star * jnp.expm1(-repeats / star)


def _seen_once(law, values, params):
    # With endless R_N a model is never too large for its data, and the law is that of data seen once.
    return law(values["N"], values["D"], values["D"], **{**params, "R_N": 1e15})


@least({"C": lambda N, D: 6.0 * N * D}, of=_seen_once)
def unlimited_optimal(C, *, E, A, B, alpha, beta, R_D, R_N):
    """Parameters and tokens that minimise the loss for `C` = 6 N D FLOP when no token need be seen twice."""
    del E, R_D, R_N
    half = alpha + beta
    N = jnp.exp(jnp.log(alpha * A / (beta * B)) / half) * power(C / 6.0, beta / half)
    return {"N": N, "D": C / 6.0 / N}


def optimal_size(U, *, E, A, B, alpha, beta, R_D, R_N):
    r"""Size of the model that `U` tokens, each seen once, are best spent on: $(U G)^{\beta/\alpha} G$, $G = (\alpha
    A/(\beta B))^{1/(\alpha+\beta)}$.
    """
    del E, R_D, R_N
    return {"N": jnp.exp(_log_optimal_size(U, A, B, alpha, beta))}


def effective_passes(passes, *, E, A, B, alpha, beta, R_D, R_N):
    r"""What `passes` over the data are worth in data seen once: $1 + R_D (1 - e^{-(passes-1)/R_D})$."""
    del E, A, B, alpha, beta, R_N
    return {"passes": 1.0 + _worth(passes - 1.0, R_D)}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "U": quantity.UNIQUE_TOKENS},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0), unit="nats/token"),
        "A": positive(start=(1e2, 1e4)),
        "B": positive(start=(1e2, 1e4)),
        "alpha": exponent(start=(0.2, 0.6)),
        "beta": exponent(start=(0.2, 0.6)),
        "R_D": positive(start=(1.0, 100.0), unit="passes"),
        "R_N": positive(start=(1.0, 100.0)),
    },
    linear=("E",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="checked",
    constants={
        "C4": (_C4 + "R_D and R_N fitted to 182 runs, some repeated", _FROZEN | {"R_D": 15.387756, "R_N": 5.309743}),
    },
    derived={
        "unlimited_optimal": unlimited_optimal,
        "optimal_size": optimal_size,
        "effective_passes": effective_passes,
    },
    data=("datablations",),
    limits=(
        "Published as a fit of R_D and R_N alone, the other five held: all at once, A and B move the size from which "
        "parameters are too many.",
        "On the 182 runs the objective has at least three minima in R_D, R_N: 15.4, 5.3 (published), 47, 2.3 and 95, 1.7, the "
        "lowest by .13 %: neither is well determined. The variants with one decay have R_D 2.9157 or R_N 713.",
        "The loss never rises with more passes: for damage by repetition use `bnsl`.",
    ),
)
def data_constrained(N, D, U, *, E, A, B, alpha, beta, R_D, R_N):
    r"""Loss of an `N`-parameter model after `D` tokens of which `U` are unique: $E + A/N'^\alpha + B/D'^\beta$, where
    repeats count less and less.

    $D' = U_D + U_D R_D (1 - e^{-(D/U_D - 1)/R_D})$ with $U_D = \min(U, D)$; $N'$ likewise with `R_N` and $U_N$, the
    smaller of `N` and the size that $U_D$ tokens seen once are best spent on. `R_D` and `R_N` are about how many repeats
    it takes until one is worth 1/e; `E`, `A`, `B`, `alpha`, `beta` are those of `chinchilla`.
    """
    unique = jnp.minimum(U, D)
    data = unique * (1.0 + _worth(D / unique - 1.0, R_D))
    log_base = jnp.minimum(jnp.log(N), _log_optimal_size(unique, A, B, alpha, beta))
    # Beyond e^50 times too many parameters nothing changes, and exponentials would overflow in float32.
    surplus = jnp.expm1(jnp.minimum(jnp.log(N) - log_base, 50.0))
    log_size = log_base + jnp.log1p(_worth(surplus, R_N))
    return E + A * jnp.exp(-alpha * log_size) + B * power(data, -beta)


_ONCE = "54 isoFLOP points on C4, each token seen once, nats/token; "

data_constrained_once = restated(
    chinchilla,
    "data_constrained_once",
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "tied": (_ONCE + "alpha = beta tied: what `data_constrained` builds on", _FROZEN),
        "untied": (
            _ONCE + "all five free",
            {
                "E": math.exp(0.63032365),
                "A": math.exp(5.9577184),
                "B": math.exp(7.9145365),
                "alpha": 0.33480313,
                "beta": 0.38289225,
            },
        ),
    },
    derived=("compute_optimal",),
    limits=("Tokens are seen once: with repeated data use `data_constrained`.",),
    doc="Loss on C4 of an `N`-parameter model after `D` tokens, each seen once.",
)


repeated_data_band = restated(
    power_law,
    "repeated_data_band",
    inputs={"N": quantity.PARAMETERS},
    output=quantity.EPOCHS,
    params={"A": positive(start=(1e4, 1e9)), "alpha": exponent(start=(0.2, 1.0))},
    source=(
        "Hernandez et al. (2022), Scaling Laws and Interpretability of Learning from Repeated Data, arXiv:2205.10487; as "
        "four texts agree"
    ),
    bibtex="""
    @article{hernandez2022repeated,
      title={Scaling Laws and Interpretability of Learning from Repeated Data},
      author={Hernandez, Danny and Brown, Tom and Conerly, Tom and DasSarma, Nova and Drain, Dawn and others},
      journal={arXiv preprint arXiv:2205.10487},
      year={2022}
    }
    """,
    evidence="second-hand",
    constants={
        "fewest": (
            "1e11 tokens, 10 % of them repeats: where half of the worst damage begins",
            {"A": 4.2e6, "alpha": 0.56},
        ),
        "most": ("1e11 tokens, 10 % of them repeats: where half of the worst damage ends", {"A": 5.1e7, "alpha": 0.50}),
    },
    limits=(
        "Noisy fits at one number of tokens and one share of repeats.",
        "It says where repeats hurt most, not how much: that is a share of the parameters lost, by inverting a clean law.",
        "The paper gives two figures for its 800M example, 340M and 400M.",
    ),
    doc="""
    Passes over a repeated part of the data at which a model of `N` parameters is hurt half as much as at worst.
    """,
)

token_crisis = pointer(
    "token_crisis",
    source=(
        "Xue et al. (2023), To Repeat or Not To Repeat: Insights from Scaling LLM under Token-Crisis, arXiv:2305.13230"
    ),
    bibtex="""
    @article{xue2023repeat,
      title={To Repeat or Not To Repeat: Insights from Scaling LLM under Token-Crisis},
      author={Xue, Fuzhao and Fu, Yao and Zhou, Wangchunshu and Zheng, Zangwei and You, Yang},
      journal={arXiv preprint arXiv:2305.13230},
      year={2023}
    }
    """,
    see=("data_constrained", "bnsl"),
    text=(
        "it shows how models get worse over many epochs, without a formula; `data_constrained` has gains that shrink, and "
        "only a broken power law can rise again"
    ),
)

data_pruning = pointer(
    "data_pruning",
    source="Sorscher et al. (2022), Beyond neural scaling laws: beating power law scaling via data pruning, arXiv:2206.14486",
    bibtex="""
    @article{sorscher2022beyond,
      title={Beyond neural scaling laws: beating power law scaling via data pruning},
      author={Sorscher, Ben and Geirhos, Robert and Shekhar, Shashank and Ganguli, Surya and Morcos, Ari S.},
      journal={arXiv preprint arXiv:2206.14486},
      year={2022}
    }
    """,
    see=("power_plus_constant", "m4", "bnsl"),
    text=(
        "its theory is of a teacher and student perceptron, by replica equations, and gives no finite formula for real "
        "data; fit each kept share of the data apart, and see by the curvature of ln y against ln x whether it beats a "
        "power law"
    ),
)
