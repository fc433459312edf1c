"""Compute spent after pretraining: on reinforcement learning, on repeated samples, on search."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxlaws.spec import Quantity, equals, exponent, law, positive, power, real

GPU_HOURS = Quantity("gpu_hours", "training compute", "GPU-hours", typical=(1e2, 1e5))
PASS_RATE = Quantity("pass_rate", "mean pass rate", "fraction", "raw")
ATTEMPTS = Quantity("attempts", "samples a problem", "samples", typical=(1.0, 1e4))
COVERAGE = Quantity("coverage", "share of problems solved by any sample", "fraction", "raw")
TRAIN = Quantity("train_compute", "training compute", "FLOP-seconds", typical=(1e12, 1e17))
TEST = Quantity("test_compute", "compute of the search a move", "FLOP-seconds")
ELO = Quantity("elo", "strength, perfect play at 0", "Elo", "raw", (-1500.0, 0.0))


@law(
    inputs={"C": GPU_HOURS},
    output=PASS_RATE,
    params={
        "R0": real(start=(0.1, 0.5), box=(0.0, 1.0), unit="fraction"),
        "A": real(start=(0.4, 0.9), box=(0.0, 1.0), unit="fraction"),
        "C_mid": positive(start=(5e2, 2e4), unit="GPU-hours"),
        "B": exponent(start=(0.5, 2.0)),
    },
    linear=("R0", "A"),
    source="Khatri et al. (2025), The Art of Scaling Reinforcement Learning Compute for LLMs, arXiv:2510.13786",
    bibtex="""
    @article{khatri2025art,
      title={The Art of Scaling Reinforcement Learning Compute for LLMs},
      author={Khatri, Devvrit and Madaan, Lovish and Tiwari, Rishabh and Bansal, Rachit and others},
      journal={arXiv preprint arXiv:2510.13786},
      year={2025}
    }
    """,
    evidence="read",
    limits=(
        "Fit after the first 1500 GPU-hours or so; the start does not follow it.",
        "Only asymptotes are printed (8B: A .52, .61 with logits in float32); B and C_mid are in figures.",
        "Below C_mid, A and B trade off: do not read a ceiling off a run that has not bent.",
    ),
)
def rl_sigmoid(C, *, R0, A, C_mid, B):
    r"""Pass rate after `C` GPU-hours of reinforcement learning: $R_0 + (A - R_0)/(1 + (C_{mid}/C)^B)$.

    `R0` is the pass rate at the start, `A` the asymptote, `C_mid` the compute of half the gain, and `B` how steep it is.
    """
    return R0 + (A - R0) * jax.nn.sigmoid(B * (jnp.log(C) - jnp.log(C_mid)))


@equals("coverage")
def samples_for(coverage, *, a, b):
    r"""Samples a problem that give a coverage: $(\ln(coverage)/a)^{1/b}$."""
    return {"k": power(jnp.log(coverage) / a, 1.0 / b)}


@law(
    inputs={"k": ATTEMPTS},
    output=COVERAGE,
    params={
        "a": real(start=(-4.0, -0.5), box=(-100.0, -1e-6)),
        "b": real(start=(-0.8, -0.05), box=(-10.0, -1e-6)),
    },
    source="Brown et al. (2024), Large Language Monkeys: Scaling Inference Compute with Repeated Sampling, arXiv:2407.21787; "
    "constants from two write-ups that agree",
    bibtex="""
    @article{brown2024monkeys,
      title={Large Language Monkeys: Scaling Inference Compute with Repeated Sampling},
      author={Brown, Bradley and Juravsky, Jordan and Ehrlich, Ryan and Clark, Ronald and Le, Quoc V. and others},
      journal={arXiv preprint arXiv:2407.21787},
      year={2024}
    }
    """,
    evidence="second-hand",
    constants={
        "MATH": ("Llama-3-8B-Instruct, MATH", {"a": -1.33, "b": -0.43}),
        "CodeContests": ("Llama-3-8B-Instruct, CodeContests", {"a": -3.88, "b": -0.11}),
    },
    derived={"samples_for": samples_for},
    limits=(
        "Coverage counts a problem as solved when any sample is right: it needs something that knows.",
        "Estimate pass@k without bias, as the mean of 1 - C(n-c, k)/C(n, k), before fitting.",
        "It is off by .01 at the ends of the MATH curve (.975 against .984 at 10 000 samples).",
    ),
)
def repeated_sampling(k, *, a, b):
    r"""Share of problems that at least one of `k` samples solves: $e^{a k^b}$.

    `a` and `b` are negative: $e^a$ is the share that one sample solves, and `b` says how the rest yields. $\ln(-\ln
    coverage)$ is straight in $\ln k$, and models of one family differ by a shift of it.
    """
    return jnp.exp(a * power(k, b))


@law(
    inputs={"C": TRAIN, "elo": ELO},
    output=TEST,
    params={
        "A": positive(start=(1e28, 1e30), box=(1e20, 1e37)),
        "slope": exponent(start=(0.8, 1.6)),
        "per_elo": real(start=(0.002, 0.006), box=(-0.1, 0.1), unit="decades/Elo"),
    },
    linear=("A",),
    source="Jones (2021), Scaling Scaling Laws with Board Games, arXiv:2104.03113; constants second-hand",
    bibtex="""
    @article{jones2021scaling,
      title={Scaling Scaling Laws with Board Games},
      author={Jones, Andy L.},
      journal={arXiv preprint arXiv:2104.03113},
      year={2021}
    }
    """,
    evidence="second-hand",
    constants={"hex-9x9": ("Hex on a 9 x 9 board, rounded", {"A": 1e29, "slope": 1.2, "per_elo": 0.004})},
    limits=(
        "There is a floor at one search node.",
        "Constants are rounded: use the slopes, not the level.",
    ),
)
def train_test_tradeoff(C, elo, *, A, slope, per_elo):
    r"""Compute of the search a move with which a player trained with `C` reaches a strength `elo`: $A\,C^{-s}
    10^{e\,elo}$, with s = `slope` and e = `per_elo`.

    A decade more training saves `slope` decades at test time. `A` is the test compute at unit training compute and
    perfect play (Elo 0); the paper prints its decimal logarithm.
    """
    return A * power(C, -slope) * jnp.exp(math.log(10.0) * per_elo * elo)
