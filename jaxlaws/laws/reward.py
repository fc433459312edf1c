"""Gold reward against how far a policy has moved: over-optimisation of a proxy reward."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import Quantity, fixed, law, most, positive, quantity, real

REWARD = Quantity("reward", "gold reward above that of the initial policy", "standard deviations", "raw")
WIN_RATE = Quantity("win_rate", "win rate as a judge says", "fraction", "raw")

_SOURCE = "Gao, Schulman & Hilton (2022), Scaling Laws for Reward Model Overoptimization, arXiv:2210.10760"
_BIBTEX = """
    @article{gao2022scaling,
      title={Scaling Laws for Reward Model Overoptimization},
      author={Gao, Leo and Schulman, John and Hilton, Jacob},
      journal={arXiv preprint arXiv:2210.10760},
      year={2022}
    }
"""
_LIMITS = (
    "No coefficient is printed in the paper; readings of its figures disagree with each other, so none is shipped.",
    "Two write-ups swap the best-of-n and the RL form.",
)


@most()
def peak_of_best_of_n(*, alpha, beta):
    r"""Distance at which the gold reward is highest: $d^* = \alpha/(2\beta)$."""
    return {"d": alpha / (2.0 * beta)}


def best_reward_of_best_of_n(*, alpha, beta):
    r"""Gold reward there: $R^* = \alpha^2/(4\beta)$."""
    return {"reward": alpha * alpha / (4.0 * beta)}


def best_of_n(n, *, alpha, beta):
    r"""KL divergence in nats of the best of `n` samples, $\ln n - (n-1)/n$, its square root, and the gold reward there."""
    kl = jnp.log(n) - (n - 1.0) / n
    d = jnp.sqrt(kl)
    return {"KL": kl, "d": d, "reward": d * (alpha - beta * d)}


@law(
    inputs={"d": quantity.DISTANCE},
    output=REWARD,
    params={"alpha": positive(start=(0.2, 1.0)), "beta": positive(start=(0.02, 0.2))},
    linear=("alpha", "beta"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="second-hand",
    derived={"peak": peak_of_best_of_n, "best_reward": best_reward_of_best_of_n, "best_of_n": best_of_n},
    limits=(*_LIMITS, "The caption of Fig. 12 calls d* the maximum score: it is where the maximum lies."),
)
def gao_bon(d, *, alpha, beta):
    r"""Gold reward of the best of n samples, chosen by a proxy, at distance `d`: $d\,(\alpha - \beta d)$.

    `d` is the square root of the KL divergence from the initial policy, in nats. `alpha` is what a small step gains and
    `beta` what over-optimisation costs; both vary about linearly with the logarithm of the proxy's size.
    """
    return d * (alpha - beta * d)


@most()
def peak_of_rl(*, alpha, beta):
    r"""Distance at which the gold reward is highest: $d^* = e^{\alpha/\beta - 1}$."""
    return {"d": jnp.exp(alpha / beta - 1.0)}


def best_reward_of_rl(*, alpha, beta):
    r"""Gold reward there: $R^* = \beta d^*$."""
    return {"reward": beta * jnp.exp(alpha / beta - 1.0)}


@law(
    inputs={"d": quantity.DISTANCE},
    output=REWARD,
    params={"alpha": positive(start=(0.2, 1.0)), "beta": positive(start=(0.05, 0.3))},
    linear=("alpha", "beta"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="second-hand",
    derived={"peak": peak_of_rl, "best_reward": best_reward_of_rl},
    limits=(*_LIMITS, "The slope at d = 0 is infinite: do not use it near the initial policy."),
)
def gao_rl(d, *, alpha, beta):
    r"""Gold reward of a policy trained by RL on a proxy, at distance `d`: $d\,(\alpha - \beta \ln d)$.

    `d` is the square root of the KL divergence from the initial policy, in nats. `alpha` hardly depends on the proxy's
    size, `beta` falls with it. With k rounds of training and new comparisons, $\beta d \ln k$ is added.
    """
    return d * (alpha - beta * jnp.log(d))


@law(
    inputs={"d": quantity.DISTANCE},
    output=WIN_RATE,
    params={
        "alpha": positive(start=(0.02, 0.5)),
        "beta": positive(start=(0.01, 0.2)),
        "y0": fixed(0.0, real(start=(0.0, 0.6), box=(-1.0, 1.0), unit="fraction")),
    },
    linear=("alpha", "beta", "y0"),
    source="Rafailov et al. (2024), Scaling Laws for Reward Model Overoptimization in Direct Alignment Algorithms, "
    "arXiv:2406.02900; one summary",
    bibtex="""
    @article{rafailov2024scaling,
      title={Scaling Laws for Reward Model Overoptimization in Direct Alignment Algorithms},
      author={Rafailov, Rafael and Chittepu, Yaswanth and Park, Ryan and Sikchi, Harshit and Hejna, Joey and others},
      journal={arXiv preprint arXiv:2406.02900},
      year={2024}
    }
    """,
    evidence="unverified",
    limits=(
        "The form is unverified: it was read in one summary. No coefficients were seen.",
        "The offset y0 is this library's addition, held at 0 unless freed: a raw win rate does not start at 0.",
    ),
)
def daa_overopt(d, *, alpha, beta, y0):
    r"""Win rate of a policy trained by DPO, IPO or SLiC at distance `d` from its reference: $y_0 + d\,(\alpha - \beta
    \ln d)$.

    Unverified, from one summary. `d` is the square root of the KL divergence in nats, `alpha` and `beta` are as in
    `gao_rl`, and `y0` is the win rate before training.
    """
    return y0 + d * (alpha - beta * jnp.log(d))
