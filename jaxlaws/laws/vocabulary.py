"""Loss and best size of the vocabulary."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxlaws.solvers import bracketed_root
from jaxlaws.spec import Quantity, exponent, fixed, law, least, positive, power, quantity

_SOURCE = "Tao et al. (2024), Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies, arXiv:2407.13623"
_BIBTEX = """
    @article{tao2024vocabulary,
      title={Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies},
      author={Tao, Chaofan and Liu, Qian and Dou, Longxu and Muennighoff, Niklas and Wan, Zhongwei and others},
      journal={arXiv preprint arXiv:2407.13623},
      year={2024}
    }
"""
_SETUP = "33M to 1.13B parameters without vocabulary, 4096 to 96256 entries, 1054 rows above 2.18e17 FLOP; "
_UNIGRAM_GAP = Quantity("Lu", "loss less that of a unigram model, below 0", "nats/token", "raw", (-6.0, 0.0))
_VOCABULARY_PARAMETERS = Quantity("Nv", "parameters of the vocabulary", "parameters", typical=(1e6, 1e10))
_LARGEST = 200_000.0  # where the authors end the fit of tokens a character


def tokens_per_character(V):
    r"""Tokens that a character of their text makes with a vocabulary of `V` entries: $.00639222 \ln^2 V - .15811069 \ln
    V + 1.20470122$, constant above 200000.
    """
    x = jnp.log(jnp.minimum(V, _LARGEST))
    return 0.00639222 * x * x - 0.15811069 * x + 1.20470122


def width(Nnv, *, E, A1, A2, B, alpha1, alpha2, V_unit):
    """Width of the embedding that the authors give a model of `Nnv` parameters without vocabulary: a staircase."""
    del E, A1, A2, B, alpha1, alpha2, V_unit
    upto = (5e7, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10, 2e10, 5e10, 1e11, 2e11, 5e11, 1e12)
    widths = (512, 768, 1024, 1536, 2048, 3200, 4096, 5120, 6048, 8192, 12288, 16384, 20480, 24576)
    out = jnp.asarray(Nnv) * 0.0 + widths[0]
    for low, d in zip(upto, widths[1:], strict=True):
        out = jnp.where(Nnv > low, float(d), out)
    return {"d": out}


def _at_compute(law, values, params):
    """The law where its tokens, counted as it counts them, are what the budget buys."""
    Nnv, V, d = values["Nnv"], values["V"], values["d"]
    D = values["C"] / (6.0 * (Nnv + V * d))
    return law(Nnv, V, d, D / tokens_per_character(V / params["V_unit"]), **params)


def _compute_per_character(law, values, params):
    del law, params
    return (values["Nnv"] + values["V"] * values["d"]) * tokens_per_character(values["V"])


@least(of=_at_compute, ranges={"C": (1e18, 1e24)})
def optimal_vocabulary(Nnv, d, C, *, E, A1, A2, B, alpha1, alpha2, V_unit):
    r"""Vocabulary with the lowest loss for `Nnv` other parameters of width `d` and `C` = 6 (Nnv + V d) D FLOP of training
    (approach 3): the root of $\alpha_2 A_2 (Vd)^{-\alpha_2}/V = \alpha_1 B D^{-\alpha_1} d/(N_{nv} + Vd)$.

    `D` here are true tokens, as in the authors' code, whatever the fit's convention.
    """
    del E, A1, V_unit

    def excess(log_V):
        Nv = d * jnp.exp(log_V)
        D = C / (6.0 * (Nnv + Nv)) / 1e9
        gain = jnp.log(alpha2 * A2) - alpha2 * jnp.log(Nv / 1e6) - log_V
        price = jnp.log(alpha1 * B) - alpha1 * jnp.log(D) + jnp.log(d / (Nnv + Nv))
        return gain - price

    return {"V": jnp.exp(bracketed_root(excess, 0.0 * Nnv + math.log(2.0), 0.0 * Nnv + math.log(1e10)))}


@least(of=_compute_per_character)
def least_compute_vocabulary(Nnv, d, *, E, A1, A2, B, alpha1, alpha2, V_unit):
    r"""Vocabulary with which `Nnv` other parameters of width `d` read a text with the fewest FLOP (approach 2): the root
    of $d\,f(V) + (N_{nv} + Vd)\,f'(V) = 0$, $f$ being tokens a character.

    It owes nothing to the loss: a rule of thumb that the authors start from.
    """
    del E, A1, A2, B, alpha1, alpha2, V_unit

    def slope(log_V):
        f = tokens_per_character(jnp.exp(log_V))
        bend = 2.0 * 0.00639222 * log_V - 0.15811069  # V f'(V)
        return d * f + (Nnv * jnp.exp(-log_V) + d) * bend

    # f falls up to its least value at ln V = 12.37, beyond their cap at 12.2: the root lies before that or nowhere.
    return {"V": jnp.exp(bracketed_root(slope, 0.0 * Nnv + 2.0, 0.0 * Nnv + math.log(_LARGEST)))}


@law(
    inputs={
        "Nnv": quantity.PARAMETERS,
        "V": quantity.VOCABULARY,
        "d": quantity.WIDTH,
        "H": quantity.CHARACTERS,
    },
    output=_UNIGRAM_GAP,
    params={
        "E": positive(start=(3.0, 8.0), unit="nats/token"),
        "A1": positive(start=(0.1, 10.0)),
        "A2": positive(start=(0.03, 3.0)),
        "B": positive(start=(0.1, 10.0)),
        "alpha1": exponent(start=(0.1, 1.0)),
        "alpha2": exponent(start=(0.2, 2.0)),
        "V_unit": fixed(1.0, positive(start=(1.0, 1e3), box=(1e-2, 1e4), unit="entries")),
    },
    linear=("E", "A1", "A2", "B"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    aliases=("vocab_law",),
    evidence="checked",
    constants={
        "published": (
            _SETUP
            + "loss less the unigram model's, nats/token; the released script divides V by 1000 before it counts "
            "tokens, and these constants belong to that (V_unit = 1000)",
            {
                "E": 5.5327846803337435,
                "A1": 1.8313851559554126,
                "A2": 0.19584238398665638,
                "B": 2.1241123120064955,
                "alpha1": 0.44660634152009615,
                "alpha2": 0.6707374679896795,
                "V_unit": 1000.0,
            },
        ),
        "refit": (
            _SETUP + "re-fit of ours to the same rows with the true count of tokens, Huber 1e-3 on the loss itself",
            {
                "E": 5.536926520903063,
                "A1": 1.9034529418623065,
                "A2": 0.12865430368808092,
                "B": 1.331341809703415,
                "alpha1": 0.4397899888514131,
                "alpha2": 1.05882096595841,
                "V_unit": 1.0,
            },
        ),
    },
    derived={
        "optimal_vocabulary": optimal_vocabulary,
        "least_compute_vocabulary": least_compute_vocabulary,
        "width": width,
    },
    ranges={"Nnv": (3e7, 3e9), "V": (4e3, 1e5), "d": (512.0, 2048.0), "H": (1e9, 1e12)},
    data=("vocab_scaling",),
    limits=(
        "The released fit counts tokens as H f(V/1000): on its own rows the published constants have an R2 of .97 so, and "
        "of .04 with the true f(V). Pass `V_unit` with the constants.",
        "With the true count the vocabulary's exponent `alpha2` is 1.06 in place of .67: it is not robust.",
        "The output is negative: fit it on its own scale, not in logs.",
    ),
)
def vocab(Nnv, V, d, H, *, E, A1, A2, B, alpha1, alpha2, V_unit):
    r"""Loss less that of a unigram model, after `H` characters: $-E + A_1/N_{nv}^{\alpha_1} + A_2/(Vd)^{\alpha_2} +
    B/D^{\alpha_1}$, with sizes in millions and $D = H f(V)$ in 1e9 tokens.

    `Nnv` parameters without vocabulary, `V` entries of width `d`. `E` is the gain over the unigram model that nothing
    more would take away; `A1`, `A2` and `B` price few parameters, few vocabulary parameters and few tokens. `alpha1`
    serves model and data, as the paper ties them; `alpha2` is the vocabulary's. f(V) is the authors' fit of tokens a
    character; `V_unit` is what V is divided by in it: 1, or 1000 for their constants.
    """
    D = H / 1e9 * tokens_per_character(V / V_unit)
    sizes = A1 * power(Nnv / 1e6, -alpha1) + A2 * power(V * (d / 1e6), -alpha2)
    return sizes + B * power(D, -alpha1) - E


def _fewest(k, a):
    return {"k": k, "a": a}


@law(
    inputs={"C": quantity.FLOP},
    output=_VOCABULARY_PARAMETERS,
    params={"k": positive(start=(1e-2, 1e1)), "a": exponent(start=(0.2, 0.8))},
    linear=("k",),
    source=_SOURCE + ", approach 1",
    bibtex=_BIBTEX,
    evidence="checked",
    constants={
        "vocabulary": (
            _SETUP + "parameters of the vocabulary, V d",
            _fewest(math.exp(-1.589031299255507), 0.4163622634135234),
        ),
        "rest": (_SETUP + "the other parameters, Nnv", _fewest(math.exp(-2.4846510161625193), 0.5)),
    },
    limits=("The widths that turn parameters into entries are a staircase: V jumps where the width does.",),
)
def vocab_isoflop(C, *, k, a):
    r"""Parameters of the best vocabulary (or the others, by the constants) for a training budget of `C` FLOP: $k\,C^a$.

    `k` is the scale and `a` the exponent; that of the vocabulary is smaller than that of the rest.
    """
    return k * power(C, a)


@law(
    inputs={"Nnv": quantity.PARAMETERS},
    output=_VOCABULARY_PARAMETERS,
    params={
        "Nv0": positive(start=(1e5, 1e8), unit="parameters"),
        "gamma": exponent(start=(0.3, 1.2)),
        "N0": fixed(33e6, positive(start=(1e7, 1e8), unit="parameters")),
    },
    linear=("Nv0",),
    redundant=(("Nv0", "N0"),),
    source=_SOURCE + ", approach 2",
    bibtex=_BIBTEX,
    evidence="checked",
    constants={
        "published": (
            _SETUP + "from 6144 entries of width 512, the best seen at 33M",
            {"Nv0": 3145728.0, "gamma": 0.8353974035228025, "N0": 33e6},
        ),
    },
    limits=("The exponent comes from least FLOP a text, not from losses.",),
)
def vocab_derivative(Nnv, *, Nv0, gamma, N0):
    r"""Parameters of the best vocabulary for `Nnv` other parameters, extrapolated from one known best: $N_{v0}
    (N_{nv}/N_0)^\gamma$.

    `Nv0` is the best at `N0` other parameters, `gamma` the exponent.
    """
    return Nv0 * power(Nnv / N0, gamma)
