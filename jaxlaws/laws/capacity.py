"""What a model's parameters hold, and how many output tokens its activations can control."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxlaws.spec import Quantity, law, positive, quantity

BITS = Quantity("bits", "knowledge", "bits", typical=(1e7, 1e12))
TOKENS_HELD = Quantity("held_tokens", "tokens in a context", "tokens", typical=(1.0, 1e3))


@law(
    inputs={"N": quantity.PARAMETERS, "H": BITS},
    output=BITS,
    params={"R": positive(start=(0.3, 4.0), unit="bits/parameter")},
    source="Allen-Zhu & Li (2024), Physics of Language Models: Part 3.3, Knowledge Capacity Scaling Laws, arXiv:2404.05405",
    bibtex="""
    @article{allenzhu2024physics,
      title={Physics of Language Models: Part 3.3, Knowledge Capacity Scaling Laws},
      author={Allen-Zhu, Zeyuan and Li, Yuanzhi},
      journal={arXiv preprint arXiv:2404.05405},
      year={2024}
    }
    """,
    evidence="read",
    constants={
        "1000-exposures": ("synthetic biographies, each fact seen 1000 times; also after rounding to int8", {"R": 2.0}),
        "100-exposures": ("synthetic biographies, each fact seen 100 times", {"R": 1.0}),
        "int4": ("the models of 1000 exposures after rounding to int4", {"R": 0.7}),
    },
    limits=(
        "Gated MLPs hold 1.3 times less at 100 exposures, as much at 1000.",
        "A mixture of 32 experts holds 1.3 times less for each of all its parameters, of which it uses 8.8 %.",
        "Junk at seven times the data costs a factor 20 at 100 exposures (3, 1.5, 1.3 at 300, 600, 1000), 2 when its source is "
        "marked.",
        "Runs on the plateau N R > H say nothing about R.",
    ),
)
def knowledge_capacity(N, H, *, R):
    r"""Bits of knowledge that a model of `N` parameters learns of data that hold `H`: $\min(R N, H)$.

    `R` is the capacity in bits a parameter. The bits in $N_p$ names with K attributes, each C chunks out of D strings
    of length L over T symbols, drawn from $N_0$ names: about $N_p \log_2(N_0/N_p) + N_p K C \log_2 D + K D
    \log_2(T^L/D)$.
    """
    return jnp.minimum(R * N, H)


def attack_resistance(activation_size, bits, vocabulary, *, kappa):
    r"""Input bits that an attacker must control for one bit of output: $\chi = d\,p/(\kappa \log_2 V)$ for activations of
    d numbers of p bits and a vocabulary of V.
    """
    return {"chi": activation_size * bits * math.log(2.0) / (kappa * jnp.log(vocabulary))}


@law(
    inputs={"a": TOKENS_HELD},
    output=TOKENS_HELD,
    params={"kappa": positive(start=(1.0, 1e3), unit="tokens/token")},
    linear=("kappa",),
    source="Fort (2023), Scaling Laws for Adversarial Attacks on Language Model Activations, arXiv:2312.02780 (abstract)",
    bibtex="""
    @article{fort2023scaling,
      title={Scaling Laws for Adversarial Attacks on Language Model Activations},
      author={Fort, Stanislav},
      journal={arXiv preprint arXiv:2312.02780},
      year={2023}
    }
    """,
    evidence="read",
    derived={"attack_resistance": attack_resistance},
    limits=(
        "Through the origin: no tokens attacked, none controlled.",
        "chi is reported as 16 to 25 over two orders of magnitude of model size; its formula here is derived from that "
        "definition, not printed.",
    ),
)
def activation_attack(a, *, kappa):
    r"""Most output tokens that can be controlled by changing the activations of `a` tokens: $\kappa\,a$.

    `kappa` is the attack multiplier, tokens controlled for each token whose activations are changed.
    """
    return kappa * a
