"""Loss that quantization adds, after training or while it lasts, as powers of size, data, bits and group."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.power import power_plus_constant
from jaxlaws.spec import Quantity, equals, exponent, fixed, law, positive, power, quantity, restated

_QID_SOURCE = (
    "Ouyang et al. (2024), Low-Bit Quantization Favors Undertrained LLMs: Scaling Laws for Quantized LLMs with 100T "
    "Training Tokens, arXiv:2411.17691"
)
_QID_BIBTEX = """
    @article{ouyang2024lowbit,
      title={Low-Bit Quantization Favors Undertrained LLMs: Scaling Laws for Quantized LLMs with 100T Training Tokens},
      author={Ouyang, Xu and Ge, Tao and Hartvigsen, Thomas and Zhang, Zhisong and Mi, Haitao and Yu, Dong},
      journal={arXiv preprint arXiv:2411.17691},
      year={2024}
    }
"""
_PYTHIA = "GPTQ on more than 1500 checkpoints of Pythia, N without embeddings, 16-bit loss subtracted, nats/token; "
_DISAGREE = (
    "The unified constants do not give the paper's own table of tokens to a given damage (405B, 4 bits, .2 nats: 21.8e12 "
    "against the printed 48.5e12): that must come from fits per bit, which `qid_per_bit` recovers."
)


@equals("damage")
def tokens_at_damage(damage, N, P, *, k, alpha, beta, gamma):
    r"""Training tokens after which quantizing to `P` bits adds `damage` nats: $(\Delta N^\alpha P^\gamma/k)^{1/\beta}$."""
    return {"D": jnp.exp((jnp.log(damage / k) + alpha * jnp.log(N) + gamma * jnp.log(P)) / beta)}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "P": quantity.BITS},
    output=quantity.LOSS_GAP,
    params={
        "k": positive(start=(1e-4, 1e1)),
        "alpha": exponent(start=(0.05, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
        "gamma": exponent(start=(2.0, 8.0), box=(1e-2, 30.0)),
    },
    linear=("k",),
    source=_QID_SOURCE,
    bibtex=_QID_BIBTEX,
    constants={
        "unified": (
            _PYTHIA + "2, 3 and 4 bits together, as printed",
            {"k": 0.017, "alpha": 0.2261, "beta": 0.5251, "gamma": 5.4967},
        ),
    },
    derived={"tokens_at_damage": tokens_at_damage},
    ranges={"P": (2.0, 4.0)},
    limits=(
        _DISAGREE,
        "Fitted to one quantity at a time, `alpha`, `beta` and `gamma` are .2276, .5316 and 5.4812.",
        "One exponent of data for all bits is not what the table says: at 2, 3 and 4 bits it is .52, .67 and .66.",
    ),
)
def qid(N, D, P, *, k, alpha, beta, gamma):
    r"""Loss that quantizing to `P` bits after training adds: $k\,D^\beta / (N^\alpha P^\gamma)$.

    `N` excludes embeddings; `D` are the tokens that the model was trained on. `k` is the scale, `beta` says how damage
    grows with the tokens, `alpha` and `gamma` how it falls with size and bits.
    """
    return k * power(D, beta) * power(N, -alpha) * power(P, -gamma)


@equals("damage")
def tokens_at_damage_per_bit(damage, N, *, k, alpha, beta):
    r"""Training tokens after which quantizing adds `damage` nats: $(\Delta N^\alpha/k)^{1/\beta}$."""
    return {"D": jnp.exp((jnp.log(damage / k) + alpha * jnp.log(N)) / beta)}


_RECOVERED = "recovered from the printed table of tokens to a damage of .2 and .5, whose rounding leaves about "


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS_GAP,
    params={
        "k": positive(start=(1e-7, 1e-2)),
        "alpha": exponent(start=(0.05, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
    },
    linear=("k",),
    source=_QID_SOURCE + ", Table 1",
    bibtex=_QID_BIBTEX,
    evidence="derived",
    constants={
        "2-bit": (
            _PYTHIA + "2 bits; " + _RECOVERED + "two digits",
            {"k": 4.18e-4, "alpha": 0.2286, "beta": 0.5239},
        ),
        "3-bit": (
            _PYTHIA + "3 bits; " + _RECOVERED + "three digits",
            {"k": 1.17e-5, "alpha": 0.3547, "beta": 0.6727},
        ),
        "4-bit": (
            _PYTHIA + "4 bits; " + _RECOVERED + "three digits",
            {"k": 6.13e-6, "alpha": 0.3835, "beta": 0.6551},
        ),
    },
    derived={"tokens_at_damage": tokens_at_damage_per_bit},
    limits=(
        "Derived here from the paper's table, not printed: it gives that table by construction.",
        "A set a number of bits: there is no dependence on bits in it.",
    ),
)
def qid_per_bit(N, D, *, k, alpha, beta):
    r"""Loss that quantizing after training adds, at one number of bits: $k\,D^\beta / N^\alpha$.

    `N` excludes embeddings; `D` are the tokens that the model was trained on. `k`, `alpha` and `beta` belong to one
    number of bits.
    """
    return k * power(D, beta) * power(N, -alpha)


def equivalent_parameters(N, D, G, *, E, A, B, alpha, beta, k, g_N, g_D, g_G):
    r"""Size of the model that has the same loss without quantization: `N` times $[A/(A + \delta N^\alpha)]^{1/\alpha}$."""
    del E, B, beta
    damage = k * power(D, g_D) * power(jnp.log2(G), g_G) * power(N, -g_N)
    return {"N": N * jnp.exp(-jnp.log1p(damage * power(N, alpha) / A) / alpha)}


_OLMO = (
    "Table 1: OLMo-2 mix, Llama-3-like, 74M to 595M parameters, 1e10 to 1e11 tokens, 4 bits in training, nats/token; "
)


def _qat(k, g_N, g_D, g_G):
    rest = {"E": 1.9279, "A": 237.7042, "B": 596.2490, "alpha": 0.3022, "beta": 0.3022}
    return rest | {"k": k, "g_N": g_N, "g_D": g_D, "g_G": g_G}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "G": quantity.GROUP},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0), unit="nats/token"),
        "A": positive(start=(1e1, 1e4)),
        "B": positive(start=(1e1, 1e4)),
        "alpha": exponent(start=(0.1, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
        "k": positive(start=(1e-2, 1e2)),
        "g_N": exponent(start=(0.05, 1.0)),
        "g_D": exponent(start=(0.01, 0.5)),
        "g_G": exponent(start=(0.1, 2.0)),
    },
    linear=("E", "A", "B", "k"),
    source="Chen et al. (2025), Scaling Law for Quantization-Aware Training, arXiv:2505.14302",
    bibtex="""
    @article{chen2025qat,
      title={Scaling Law for Quantization-Aware Training},
      author={Chen, Mengzhao and Zhang, Chaoyi and Liu, Jing and Zeng, Yutao and Xue, Zeyue and others},
      journal={arXiv preprint arXiv:2505.14302},
      year={2025}
    }
    """,
    evidence="checked",
    constants={
        "W4A4": (_OLMO + "weights and activations", _qat(0.1582, 0.2186, 0.0745, 0.7779)),
        "W4A16": (_OLMO + "weights", _qat(0.2522, 0.3589, 0.1610, 0.3533)),
        "W16A4": (_OLMO + "activations", _qat(0.1004, 0.1816, 0.0331, 0.9812)),
        "W4A4-FC2-8": (_OLMO + "both, but 8 bits for the input of FC2", _qat(0.3519, 0.2637, 0.0964, 0.3407)),
        "W16A4-FC2-8": (_OLMO + "activations, but 8 bits for the input of FC2", _qat(0.1273, 0.2347, 0.0827, 0.4491)),
    },
    derived={"equivalent_parameters": equivalent_parameters},
    limits=(
        "Relative errors of the added loss are 4.7 % (W4A4) and 5.2 % (W4A16); without D 8.6 and 13.8 %.",
        "A group of 1 gives no error at all: `G` must be above 1.",
    ),
)
def qat_group(N, D, G, *, E, A, B, alpha, beta, k, g_N, g_D, g_G):
    r"""Loss of a model trained in 4 bits with one scale for each group of `G` elements: $E + A/N^\alpha + B/D^\beta +
    k\,D^{g_D} (\log_2 G)^{g_G} / N^{g_N}$.

    `N` parameters, `D` tokens. `E`, `A`, `B`, `alpha`, `beta` are those of training in 16 bits; `k` scales what
    quantization adds, which grows with the tokens (`g_D`) and the group (`g_G`) and falls with size (`g_N`).
    """
    damage = k * power(D, g_D) * power(jnp.log2(G), g_G) * power(N, -g_N)
    return E + A * power(N, -alpha) + B * power(D, -beta) + damage


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0), unit="nats/token"),
        "A": positive(start=(1e1, 1e4)),
        "B": positive(start=(1e1, 1e4)),
        "alpha": exponent(start=(0.1, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
        "e_c": fixed(1.0, positive(start=(0.1, 1.0), box=(1e-3, 10.0))),
    },
    linear=("E", "A", "B"),
    redundant=(("A", "e_c"),),
    source=(
        "Frantar et al. (2025), Compression Scaling Laws: Unifying Sparsity and Quantization, arXiv:2502.16440; form as "
        "two write-ups give it"
    ),
    bibtex="""
    @article{frantar2025compression,
      title={Compression Scaling Laws: Unifying Sparsity and Quantization},
      author={Frantar, Elias and Evci, Utku and Park, Wonpyo and Houlsby, Neil and Alistarh, Dan},
      journal={arXiv preprint arXiv:2502.16440},
      year={2025}
    }
    """,
    evidence="second-hand",
    limits=(
        "That one number a scheme does for all N and D is assumed; `qat_group` rejects it at 4 bits.",
        "Fit the uncompressed runs first, then `e_c` with the rest fixed: with one scheme alone it trades off with A.",
        "No printed constants were seen.",
    ),
)
def compression_eff(N, D, *, E, A, B, alpha, beta, e_c):
    r"""Loss of a model whose compression is worth a share of its parameters: $E + A/(e_c N)^\alpha + B/D^\beta$.

    `N` parameters, `D` tokens. `e_c` belongs to the compression scheme alone and is 1 without any: near 1 for weights
    alone, falling fast below 4 bits when activations are quantized too. `E`, `A`, `B`, `alpha`, `beta` are those of
    `chinchilla`.
    """
    return E + A * power(e_c * N, -alpha) + B * power(D, -beta)


_MODEL_BITS = Quantity("bits", "size of a model: parameters times bits each", "bits", typical=(1e8, 1e12))

bit_level_power = restated(
    power_plus_constant,
    "bit_level_power",
    inputs={"bits": _MODEL_BITS},
    source=(
        "form of ours for Ding et al. (2025), Dissecting Bit-Level Scaling Laws in Quantizing Vision Generative Models, "
        "arXiv:2501.06218, which prints none"
    ),
    bibtex="""
    @article{ding2025dissecting,
      title={Dissecting Bit-Level Scaling Laws in Quantizing Vision Generative Models},
      author={Ding, Xin and Cao, Shijie and Cao, Ting and Chen, Zhibo},
      journal={arXiv preprint arXiv:2501.06218},
      year={2025}
    }
    """,
    evidence="derived",
    limits=(
        "Seen: the abstract, which has no formula. One fit for each model family and bit width; compare their fronts.",
        "Claimed there: models of discrete tokens trade quality against total bits better than diffusion models.",
    ),
    doc="""
    Loss (or FID) of a generative model of a family and bit width, by the bits that it takes.

    `bits` are parameters times bits each. That it has this form is our assumption: the paper's abstract states none.
    """,
)
