"""Loss of mixtures of experts."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.chinchilla import chinchilla
from jaxlaws.laws.power import power as power_law
from jaxlaws.spec import exponent, law, least, positive, power, quantity, real, restated

_LN10 = 2.302585092994046


_CLARK = "Clark et al. (2022), Unified Scaling Laws for Routed Language Models, arXiv:2202.01169"
_CLARK_BIBTEX = """
    @article{clark2022unified,
      title={Unified Scaling Laws for Routed Language Models},
      author={Clark, Aidan and de las Casas, Diego and Guy, Aurelia and Mensch, Arthur and Paganini, Michela and others},
      journal={arXiv preprint arXiv:2202.01169},
      year={2022}
    }
"""
_KRAJEWSKI = "Krajewski et al. (2024), Scaling Laws for Fine-Grained Mixture of Experts, arXiv:2402.07871"
_KRAJEWSKI_BIBTEX = r"""
    @article{krajewski2024finegrained,
      title={Scaling Laws for Fine-Grained Mixture of Experts},
      author={Krajewski, Jakub and Ludziejewski, Jan and Adamczewski, Kamil and Pi{\'o}ro, Maciej and others},
      journal={arXiv preprint arXiv:2402.07871},
      year={2024}
    }
"""


def saturated_experts(E, E_start, E_max):
    """Experts that count: `E_start` for one, `E_max` for endlessly many."""
    return 1.0 / (1.0 / (E - 1.0 + 1.0 / (1.0 / E_start - 1.0 / E_max)) + 1.0 / E_max)


def _experts():
    return {
        "E_start": positive(start=(1.2, 6.0), box=(1.0001, 40.0), unit="experts"),
        "E_max": positive(start=(60.0, 1000.0), box=(45.0, 1e7), unit="experts"),
    }


def cutoff(*, a, b, c, d, E_start, E_max):
    r"""Size of the dense model from which on experts bring nothing: $10^{-b/c}$."""
    del a, d, E_start, E_max
    return {"N": jnp.exp(-_LN10 * b / c)}


def dense_equivalent(N, E, *, a, b, c, d, E_start, E_max):
    """Size of the dense model with the loss of `N` parameters a token and `E` experts."""
    del d
    x, one, many = jnp.log10(N), jnp.log10(E_start), jnp.log10(saturated_experts(E, E_start, E_max))
    return {"N": jnp.exp(_LN10 * ((a + c * many) * x + b * (many - one)) / (a + c * one))}


_ROUTED = "up to 512 experts in every other layer, one number of tokens, validation loss in nats/token; three digits"


@law(
    inputs={"N": quantity.PARAMETERS, "E": quantity.EXPERTS},
    output=quantity.LOSS,
    params={
        "a": real(start=(-0.15, -0.03), box=(-2.0, 0.0)),
        "b": real(start=(-0.25, -0.03), box=(-3.0, 0.0)),
        "c": positive(start=(3e-3, 0.03), box=(1e-6, 1.0)),
        "d": real(start=(0.8, 1.6), box=(-5.0, 10.0)),
        **_experts(),
    },
    source=_CLARK + "; form restated by arXiv:2502.05172",
    bibtex=_CLARK_BIBTEX,
    evidence="checked",
    constants={
        "S-BASE": (
            "S-BASE routing; " + _ROUTED,
            {"a": -0.082, "b": -0.108, "c": 0.009, "d": 1.104, "E_start": 1.847, "E_max": 314.478},
        ),
        "RL-R": (
            "routing by reinforcement learning; " + _ROUTED,
            {"a": -0.083, "b": -0.126, "c": 0.012, "d": 1.111, "E_start": 1.880, "E_max": 469.982},
        ),
        "HASH": (
            "routing by hash; " + _ROUTED,
            {"a": -0.087, "b": -0.136, "c": 0.012, "d": 1.157, "E_start": 4.175, "E_max": 477.741},
        ),
    },
    derived={"cutoff": cutoff, "dense_equivalent": dense_equivalent},
    ranges={"N": (1e7, 3e9), "E": (1.0, 512.0)},
    data=("routed_lm",),
    limits=(
        "Logarithms are base 10: with natural ones the constants give a third of the loss.",
        "Constants as two texts agree, scored on the released runs (R2 .995, .979, .991 for the three).",
        "Printed sizes beyond which routing stops helping (937B, 85B, 83B) need more digits of c: these give 1.0e12, 3.2e10, "
        "2.2e11.",
        "One number of tokens: there is no D in it.",
    ),
)
def routed_moe(N, E, *, a, b, c, d, E_start, E_max):
    r"""Loss of a model with `N` parameters a token and `E` experts a routed layer: $\log_{10} L = a \log_{10} N + b
    \log_{10} \hat E + c \log_{10} N \log_{10} \hat E + d$.

    $1/\hat E = 1/(E - 1 + (1/E_{start} - 1/E_{max})^{-1}) + 1/E_{max}$: `E_start` for one expert, `E_max` for endlessly
    many. `a` and `b` (below 0) are the slopes of size and experts, `c` above 0 says that experts help large models less,
    `d` is the level.
    """
    x, y = jnp.log10(N), jnp.log10(saturated_experts(E, E_start, E_max))
    return jnp.exp(_LN10 * (a * x + b * y + c * x * y + d))


routed_dense = restated(
    power_law,
    "routed_dense",
    inputs={"N": quantity.PARAMETERS},
    params={"A": positive(start=(1.0, 1e2)), "alpha": exponent(start=(0.02, 0.3))},
    source=_CLARK,
    bibtex=_CLARK_BIBTEX,
    evidence="second-hand",
    constants={
        "dense": (
            "dense models at one number of tokens, validation loss in nats/token; printed as (3.568e13/N)^.078",
            {"A": 3.568e13**0.078, "alpha": 0.078},
        ),
    },
    limits=("One number of tokens, and no floor.", "Constants as two texts agree."),
    doc="Loss of a dense model of `N` parameters, beside which routed ones are held.",
)


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "G": quantity.GRANULARITY},
    output=quantity.LOSS,
    params={
        "c": positive(start=(0.1, 2.0), unit="nats/token"),
        "g": positive(start=(0.3, 30.0)),
        "a": positive(start=(3.0, 100.0)),
        "b": positive(start=(3.0, 300.0)),
        "alpha": exponent(start=(0.05, 0.3)),
        "beta": exponent(start=(0.05, 0.3)),
        "gamma": exponent(start=(0.2, 1.5)),
    },
    linear=("c", "g", "a", "b"),
    source=_KRAJEWSKI,
    bibtex=_KRAJEWSKI_BIBTEX,
    evidence="checked",
    constants={
        "MoE": (
            "expansion rate 64, granularity 1 to 16, N all parameters, nats/token; three digits",
            {"c": 0.47, "g": 2.1, "a": 18.1, "b": 30.8, "alpha": 0.115, "beta": 0.147, "gamma": 0.58},
        ),
    },
    limits=(
        "`N` is all parameters, d^2 (8 E + 4) a block with E = 64: 43 times the active ones, 12 d^2 a block. With the active "
        "ones the constants err by .3 to .8 nats.",
        "Three-digit exponents leave the printed optima .011 to .023 too low, all on one side.",
        "Dense models have constants of their own: `fine_grained_dense`.",
    ),
)
def fine_grained_moe(N, D, G, *, c, g, a, b, alpha, beta, gamma):
    r"""Loss of a mixture of experts that are cut into `G` smaller ones each: $c + (g/G^\gamma + a)/N^\alpha +
    b/D^\beta$.

    `N` counts all parameters, not the active ones; `D` tokens. `c` is the floor; `a` with `alpha` prices size, `b` with
    `beta` data, and `g` with `gamma` coarse experts.
    """
    return c + (g * power(G, -gamma) + a) * power(N, -alpha) + b * power(D, -beta)


fine_grained_dense = restated(
    chinchilla,
    "fine_grained_dense",
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    rename={"E": "c", "A": "a", "B": "b"},
    params={"a": positive(start=(3.0, 100.0)), "b": positive(start=(3.0, 300.0))},
    source=_KRAJEWSKI,
    bibtex=_KRAJEWSKI_BIBTEX,
    constants={
        "dense": (
            "dense models, nats/token; three digits",
            {"c": 0.47, "a": 16.3, "b": 26.7, "alpha": 0.126, "beta": 0.127},
        ),
    },
    derived=("compute_optimal",),
    limits=("Three-digit exponents; its floor is that of the mixtures' fit.",),
    doc="Loss of a dense model, beside which fine-grained mixtures of experts are held.",
)


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "S": quantity.SPARSITY},
    output=quantity.LOSS,
    params={
        "a": positive(start=(1e2, 1e5)),
        "b": positive(start=(1e2, 1e5)),
        "c": positive(start=(0.05, 3.0)),
        "d": positive(start=(1.0, 1e2)),
        "e": positive(start=(0.2, 2.0), unit="nats/token"),
        "alpha": exponent(start=(0.3, 1.0)),
        "beta": exponent(start=(0.2, 0.8)),
        "lam": real(start=(-0.6, -0.05), box=(-5.0, 5.0)),
        "delta": exponent(start=(0.03, 0.6)),
        "gamma": exponent(start=(0.05, 0.3)),
    },
    linear=("a", "b", "c", "d", "e"),
    source=(
        "Abnar et al. (2025), Parameters vs FLOPs: Scaling Laws for Optimal Sparsity for Mixture-of-Experts Language Models, "
        "arXiv:2501.12370; as two transcriptions agree"
    ),
    bibtex="""
    @article{abnar2025parameters,
      title={Parameters vs FLOPs: Scaling Laws for Optimal Sparsity for Mixture-of-Experts Language Models},
      author={Abnar, Samira and Shah, Harshay and Busbridge, Dan and Mohamed Elnouby Ali, Alaaeldin and others},
      journal={arXiv preprint arXiv:2501.12370},
      year={2025}
    }
    """,
    evidence="second-hand",
    constants={
        "published": (
            "Huber 1e-3 by L-BFGS, S = (E - K)/E, nats/token",
            {
                "a": 16612.50,
                "b": 5455.67,
                "c": 0.4598,
                "d": 17.26,
                "e": 0.94,
                "alpha": 0.5962,
                "beta": 0.3954,
                "lam": -0.1666,
                "delta": 0.1603,
                "gamma": 0.1595,
            },
        ),
    },
    limits=(
        "R2 is 99 % on what was fitted and 68 % on what was held out (S = .98): do not extrapolate in sparsity.",
        "`lam` is negative: the third term falls with sparsity. Whether `N` counts all parameters is not in what was seen.",
    ),
)
def moe_sparsity_isoflop(N, D, S, *, a, b, c, d, e, alpha, beta, lam, delta, gamma):
    r"""Loss of a mixture of experts with a share `S` of its experts idle: $a/N^\alpha + b/D^\beta + c/(1-S)^\lambda +
    d/((1-S)^\delta N^\gamma) + e$.

    `N` parameters, `D` tokens. `a`, `b`, `alpha`, `beta` are those of a dense model; `c` with the signed exponent `lam`
    ($\lambda$), and `d` with `delta` and `gamma`, are what sparsity changes; `e` is the floor.
    """
    busy = 1.0 - S
    return (
        a * power(N, -alpha)
        + b * power(D, -beta)
        + c * power(busy, -lam)
        + d * power(busy, -delta) * power(N, -gamma)
        + e
    )


def at_experts(E, *, a, alpha, delta, gamma, b, beta, omega, zeta, c, E_start, E_max):
    """The `chinchilla` law that `E` experts leave, in its names; exponents above 0."""
    log_E = jnp.log(saturated_experts(E, E_start, E_max))
    return {
        "E": c,
        "A": a * jnp.exp(delta * log_E),
        "B": b * jnp.exp(omega * log_E),
        "alpha": -(alpha + gamma * log_E),
        "beta": -(beta + zeta * log_E),
    }


@least({"C": lambda N, D: 6.0 * N * D})
def compute_optimal(C, E, *, a, alpha, delta, gamma, b, beta, omega, zeta, c, E_start, E_max):
    """Active parameters and tokens that minimise the loss with `E` experts for `C` = 6 N D FLOP."""
    law = at_experts(
        E,
        a=a,
        alpha=alpha,
        delta=delta,
        gamma=gamma,
        b=b,
        beta=beta,
        omega=omega,
        zeta=zeta,
        c=c,
        E_start=E_start,
        E_max=E_max,
    )
    both = law["alpha"] + law["beta"]
    G = jnp.exp(jnp.log(law["alpha"] * law["A"] / (law["beta"] * law["B"])) / both)
    N = G * power(C / 6.0, law["beta"] / both)
    return {"N": N, "D": C / 6.0 / N}


@law(
    inputs={"N": quantity.ACTIVE, "D": quantity.TOKENS, "E": quantity.EXPERTS},
    output=quantity.LOSS,
    params={
        "a": positive(start=(5.0, 200.0)),
        "alpha": real(start=(-0.35, -0.1), box=(-2.0, 0.0)),
        "delta": real(start=(-0.6, 0.0), box=(-5.0, 5.0)),
        "gamma": real(start=(0.0, 0.02), box=(-0.5, 0.5)),
        "b": positive(start=(5.0, 200.0)),
        "beta": real(start=(-0.35, -0.1), box=(-2.0, 0.0)),
        "omega": real(start=(0.0, 1.0), box=(-5.0, 5.0)),
        "zeta": real(start=(-0.05, 0.0), box=(-0.5, 0.5)),
        "c": positive(start=(0.5, 2.0), unit="nats/token"),
        **_experts(),
    },
    linear=("a", "b", "c"),
    source="Ludziejewski et al. (2025), Joint MoE Scaling Laws: Mixture of Experts Can Be Memory Efficient, arXiv:2502.05172",
    bibtex=r"""
    @article{ludziejewski2025joint,
      title={Joint MoE Scaling Laws: Mixture of Experts Can Be Memory Efficient},
      author={Ludziejewski, Jan and Pi{\'o}ro, Maciej and Krajewski, Jakub and Stefaniak, Maciej and others},
      journal={arXiv preprint arXiv:2502.05172},
      year={2025}
    }
    """,
    evidence="checked",
    constants={
        "published": (
            "more than 280 runs, 1 to 32 experts, N active and total with embeddings, nats/token",
            {
                "a": 35.91,
                "alpha": -0.1889,
                "delta": -0.2285,
                "gamma": 0.0098,
                "b": 35.98,
                "beta": -0.1775,
                "omega": 0.5529,
                "zeta": -0.0259,
                "c": 1.3637,
                "E_start": 2.0732,
                "E_max": 290.4521,
            },
        ),
    },
    derived={"compute_optimal": compute_optimal, "at_experts": at_experts},
    ranges={"E": (1.0, 64.0)},
    limits=(
        "`alpha` and `beta` carry their own sign, below 0: in most laws here an exponent is above 0 and its sign is in the "
        "formula.",
        "`N` is what a token uses and includes embeddings, 2 d V + 13 d^2 a block.",
        "Rounded constants give the printed Chinchilla amplitudes within .3 %.",
    ),
)
def joint_moe(N, D, E, *, a, alpha, delta, gamma, b, beta, omega, zeta, c, E_start, E_max):
    r"""Loss of a mixture of `E` experts with `N` active parameters after `D` tokens: $a \hat E^\delta N^{\alpha + \gamma
    \ln \hat E} + b \hat E^\omega D^{\beta + \zeta \ln \hat E} + c$.

    $\hat E$ grows from `E_start` at one expert to `E_max`, as in `routed_moe`. `a`, `alpha` and `b`, `beta` are amplitudes
    and (negative) exponents of size and data at $\hat E = 1$; `delta`, `omega` and `gamma`, `zeta` say how experts change
    them; `c` is the floor.
    """
    log_E = jnp.log(saturated_experts(E, E_start, E_max))
    size = a * jnp.exp(delta * log_E + (alpha + gamma * log_E) * jnp.log(N))
    data = b * jnp.exp(omega * log_E + (beta + zeta * log_E) * jnp.log(D))
    return size + data + c
