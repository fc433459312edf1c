"""Steps against batch, and how the critical batch grows. Its three definitions give three numbers: each says which."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.power import rising_power
from jaxlaws.spec import exponent, fixed, law, pointer, positive, power, quantity, restated

MCCANDLISH = "McCandlish et al. (2018), An Empirical Model of Large-Batch Training, arXiv:1812.06162"
_MCCANDLISH_BIBTEX = """
    @article{mccandlish2018empirical,
      title={An Empirical Model of Large-Batch Training},
      author={McCandlish, Sam and Kaplan, Jared and Amodei, Dario and {OpenAI Dota Team}},
      journal={arXiv preprint arXiv:1812.06162},
      year={2018}
    }
"""
_ZHANG = "Zhang et al. (2024), How Does Critical Batch Size Scale in Pre-training?, arXiv:2410.21676"
_ZHANG_BIBTEX = """
    @article{zhang2024how,
      title={How Does Critical Batch Size Scale in Pre-training?},
      author={Zhang, Hanlin and Morwani, Depen and Vyas, Nikhil and Wu, Jingfeng and Zou, Difan and Ghai, Udaya
              and Foster, Dean and Kakade, Sham},
      journal={arXiv preprint arXiv:2410.21676},
      year={2024}
    }
"""
_LINES = "Bergsma et al. (2025), Power Lines: Scaling Laws for Weight Decay and Batch Size in LLM Pre-training, arXiv:2505.13738"
_LINES_BIBTEX = """
    @article{bergsma2025power,
      title={Power Lines: Scaling Laws for Weight Decay and Batch Size in LLM Pre-training},
      author={Bergsma, Shane and Dey, Nolan and Gosal, Gurpreet and Gray, Gavia and Soboleva, Daria and Hestness, Joel},
      journal={arXiv preprint arXiv:2505.13738},
      year={2025}
    }
"""
SEQUENCE = 512  # tokens, of Zhang et al.
_THREE = (
    "Three definitions are in use: Emin/Smin (twice the least steps), 20 % more steps than perfect scaling from a base batch, "
    "and a tolerance on the loss; they are not the same number."
)
_CBS = "C4, 512-token context, constant rate with averaged weights; batch turned from sequences of 512 into tokens; "
_STEPS = _CBS + "ln S = ln(a + b/B) by least squares, as the released code finds it"


def critical_batch(batch, overhead, *, Smin, Emin):
    r"""Critical batch by each definition: `ratio` = Emin/Smin, and `overhead` = the batch that takes a share `overhead`
    more steps than perfect scaling from the base `batch` would: $(1 + o) B_0 + o\,E_{min}/S_{min}$.

    Zhang et al. take o = .2 and a base of 256 sequences of 512 tokens.
    """
    return {"ratio": Emin / Smin, "overhead": (1.0 + overhead) * batch + overhead * Emin / Smin}


@law(
    inputs={"batch": quantity.BATCH},
    output=quantity.STEP,
    params={
        "Smin": positive(start=(1e2, 1e5), unit="steps"),
        "Emin": positive(start=(1e8, 1e12), unit="tokens"),
    },
    linear=("Smin", "Emin"),
    source=MCCANDLISH + "; data and fits of Zhang et al. (2024), arXiv:2410.21676",
    bibtex=_MCCANDLISH_BIBTEX,
    evidence="checked",
    constants={
        "85M": (_STEPS + "; to a loss of 3.42", {"Smin": 1293.8268694659337, "Emin": 2834258.0888740215 * SEQUENCE}),
        "151M": (_STEPS + "; to a loss of 3.24", {"Smin": 1752.4211962796799, "Emin": 5677478.783007255 * SEQUENCE}),
        "302M": (_STEPS + "; to a loss of 3.07", {"Smin": 2095.3497601960876, "Emin": 11383269.891870424 * SEQUENCE}),
        "604M": (_STEPS + "; to a loss of 2.92", {"Smin": 2459.9274969089824, "Emin": 19449688.58779496 * SEQUENCE}),
        "1.2B": (_STEPS + "; to a loss of 2.736", {"Smin": 3897.306597333535, "Emin": 43381130.22429582 * SEQUENCE}),
    },
    derived={"critical_batch": critical_batch},
    aliases=("steps_examples",),
    limits=(
        _THREE,
        "The rate must be tuned for each batch; one target loss a fit.",
        "McCandlish's paper was not read: the hyperbola is second-hand, and is what Zhang et al.'s code fits.",
        "Zhang et al. changed 6 of the 45 measured steps by hand before fitting (by up to 6 %).",
    ),
    data=("critical_batch_size",),
)
def steps_to_target(batch, *, Smin, Emin):
    r"""Steps to a target loss at `batch` tokens a step: $S_{min} + E_{min}/B$, which is $(S/S_{min} - 1)(E/E_{min} - 1)
    = 1$ with $E = B S$.

    `Smin` are the steps that no batch can undercut, `Emin` the tokens that the smallest batch needs. At the batch
    Emin/Smin both are doubled.

    >>> float(steps_to_target(batch=1e6, Smin=2e3, Emin=2e9))
    4000.0
    """
    return Smin + Emin / batch


cbs_zhang = restated(
    rising_power,
    "cbs_zhang",
    inputs={"N": quantity.PARAMETERS},
    output=quantity.BATCH,
    rename={"A": "c", "alpha": "beta"},
    params={"c": positive(start=(1e-1, 1e4), unit="tokens")},
    source=_ZHANG,
    bibtex=_ZHANG_BIBTEX,
    evidence="checked",
    constants={
        "cbs": (
            _CBS
            + "five models, 20 tokens a parameter, 20 % rule from 256 sequences; printed as 93.197 N^.46828 sequences, "
            "N in millions",
            {"c": 93.196814043949 * SEQUENCE * 1e6**-0.4682782328130422, "beta": 0.4682782328130422},
        ),
        "cbs-linear": (
            _CBS + "the same, fitted without logarithms; 99.506 N^.45764 sequences, N in millions",
            {"c": 99.506 * SEQUENCE * 1e6**-0.45764, "beta": 0.45764},
        ),
    },
    limits=(
        "At 20 tokens a parameter N stands for D: it is the data that the batch follows, N hardly matters (`cbs_zhang_data`).",
        "The unit of N is hidden in the printed constants: millions.",
        _THREE,
    ),
    data=("critical_batch_size",),
    doc="Critical batch in tokens of an N-parameter model trained on 20 N tokens, by the rule of 20 % more steps.",
)


cbs_zhang_data = restated(
    rising_power,
    "cbs_zhang_data",
    inputs={"D": quantity.TOKENS},
    output=quantity.BATCH,
    rename={"A": "c", "alpha": "beta"},
    params={"c": positive(start=(1e-1, 1e4), unit="tokens")},
    source=_ZHANG,
    bibtex=_ZHANG_BIBTEX,
    evidence="checked",
    constants={
        "cbs": (
            _CBS
            + "five models, 20 % rule from 256 sequences; printed as 22.91 D^.47 sequences, D in millions of tokens",
            {"c": 93.196814043949 * SEQUENCE * 20e6**-0.4682782328130422, "beta": 0.4682782328130422},
        ),
    },
    limits=("From five runs at 20 tokens a parameter: N and D are told apart by other runs of the paper.", _THREE),
    data=("critical_batch_size",),
    doc="Critical batch in tokens for D training tokens, by the rule of 20 % more steps.",
)


def weight_decay(batch, lr, D, N, *, c, m):
    r"""AdamW weight decay that gives the best timescale: $\lambda = B / (\tau\,\eta\,D)$, $\tau = c (D/N)^{-m}$."""
    return {"weight_decay": batch / (c * power(D / N, -m) * lr * D)}


@law(
    inputs={"M": quantity.RATIO},
    output=quantity.Quantity("tau", "AdamW timescale over the run's length, B/(lr x weight decay x D)", "fraction"),
    params={"c": positive(start=(0.1, 10.0)), "m": exponent(start=(0.1, 1.2))},
    linear=("c",),
    source=_LINES,
    bibtex=_LINES_BIBTEX,
    evidence="second-hand",
    derived={"weight_decay": weight_decay},
    limits=(
        "Several texts give the exponent as .527 (R2 .975); the coefficient could not be confirmed, so no set ships.",
        "SlimPajama, muP, linear decay to 0: other decays have other timescales.",
    ),
)
def power_lines(M, *, c, m):
    r"""Best AdamW timescale, as a share of the run, at `M` tokens a parameter: $\tau = B/(\eta\lambda D) = c\,M^{-m}$.

    `c` is the timescale at one token a parameter, `m` its exponent. Rate, weight decay and batch enter only together.
    """
    return c * power(M, -m)


power_lines_batch = restated(
    rising_power,
    "power_lines_batch",
    inputs={"D": quantity.TOKENS},
    output=quantity.BATCH,
    rename={"A": "c", "alpha": "beta"},
    source=_LINES,
    bibtex=_LINES_BIBTEX,
    evidence="second-hand",
    limits=(
        "Several texts give the exponent as .383 (R2 .984); the coefficient could not be confirmed, so no set ships.",
        "The paper counts the batch in sequences of 2,048 tokens: here it is in tokens.",
    ),
    doc="Batch of the lowest loss, in tokens, for D training tokens.",
)


power_lines_critical = restated(
    rising_power,
    "power_lines_critical",
    inputs={"D": quantity.TOKENS},
    output=quantity.BATCH,
    rename={"A": "c", "alpha": "beta"},
    source=_LINES,
    bibtex=_LINES_BIBTEX,
    evidence="second-hand",
    limits=(
        "Several texts give the exponent as .462 (R2 .940), one swaps it with Zhang et al.'s .47; the coefficient could not be "
        "confirmed, so no set ships.",
        "The paper counts the batch in sequences of 2,048 tokens: here it is in tokens.",
        "D is the least number of tokens (Emin), not what a run at this batch sees. " + _THREE,
    ),
    doc="Critical batch Emin/Smin, in tokens, where the smallest batch would need D tokens.",
)


@law(
    inputs={"batch": quantity.BATCH},
    output=quantity.LEARNING_RATE,
    params={
        "lr_max": positive(start=(1e-4, 1e-1)),
        "B_noise": positive(start=(1e5, 1e7), unit="tokens"),
        "a": fixed(1.0, exponent(start=(0.4, 1.0))),
    },
    linear=("lr_max",),
    source=MCCANDLISH,
    bibtex=_MCCANDLISH_BIBTEX,
    evidence="second-hand",
    limits=(
        "For SGD (a = 1). For Adam the paper only guesses .5 < a < 1, by second-hand report: free `a` there.",
        "Adam can have a largest best rate at a finite batch (`surge_lr`).",
    ),
)
def noise_scale_lr(batch, *, lr_max, B_noise, a):
    r"""Best learning rate at `batch` tokens a step: $\eta_{max} / (1 + B_{noise}/B)^a$.

    `lr_max` is the best rate without gradient noise, `B_noise` the noise scale, the batch at which noise and signal are
    equal; `a` is held at 1, its value for SGD.
    """
    return lr_max * jnp.exp(-a * jnp.log1p(B_noise / batch))


@law(
    inputs={"batch": quantity.BATCH},
    output=quantity.LEARNING_RATE,
    params={"lr_max": positive(start=(1e-4, 1e-1)), "B_noise": positive(start=(1e5, 1e7), unit="tokens")},
    linear=("lr_max",),
    source="Li et al. (2024), Surge Phenomenon in Optimal Learning Rate and Batch Size Scaling, arXiv:2405.14578",
    bibtex="""
    @article{li2024surge,
      title={Surge Phenomenon in Optimal Learning Rate and Batch Size Scaling},
      author={Li, Shuaipeng and Zhao, Penghao and Zhang, Hailin and others},
      journal={arXiv preprint arXiv:2405.14578},
      year={2024}
    }
    """,
    evidence="second-hand",
    limits=("For optimisers of the sign kind, Adam among them; above B_noise the best rate falls again.",),
)
def surge_lr(batch, *, lr_max, B_noise):
    r"""Best learning rate of Adam at `batch` tokens a step: $2\,\eta_{max} / (\sqrt{B_{noise}/B} + \sqrt{B/B_{noise}})$.

    `lr_max` is the highest best rate, met at the batch `B_noise`.
    """
    half = 0.5 * (jnp.log(batch) - jnp.log(B_noise))
    # 1/cosh by exponentials of one sign: nothing overflows.
    return lr_max * 2.0 * jnp.exp(-jnp.abs(half)) / (1.0 + jnp.exp(-2.0 * jnp.abs(half)))


cbs_branched = pointer(
    "cbs_branched",
    source="Merrill et al. (2025), Critical Batch Size Revisited: A Simple Empirical Approach to Large-Batch Language Model "
    "Training, arXiv:2505.23971",
    bibtex="""
    @article{merrill2025critical,
      title={Critical Batch Size Revisited: A Simple Empirical Approach to Large-Batch Language Model Training},
      author={Merrill, William and Arora, Shane and Groeneveld, Dirk and Hajishirzi, Hannaneh},
      journal={arXiv preprint arXiv:2505.23971},
      year={2025}
    }
    """,
    see=("steps_to_target", "cbs_zhang_data"),
    text="it measures the critical batch by branching runs (largest batch whose smoothed loss stays within .01) and finds that "
    "it grows from about 0 to a plateau near 4,096 documents of 4,096 tokens at 1B and 7B, with the rate scaled by the square "
    "root of the batch; second-hand, and no formula is stated",
)

scion_rules = pointer(
    "scion_rules",
    source="Filatov et al. (2025), Optimal Scaling Needs Optimal Norm, arXiv:2510.03871",
    bibtex="""
    @article{filatov2025optimal,
      title={Optimal Scaling Needs Optimal Norm},
      author={Filatov, Oleg and Wang, Jiangtao and Ebert, Jan and Kesselheim, Stefan},
      journal={arXiv preprint arXiv:2510.03871},
      year={2025}
    }
    """,
    see=("step_law", "rising_power"),
    text="for the Scion optimiser second-hand reports give the best rate as B^.62 D^-.56, the best batch as D^.45 and the best "
    "rate at that batch as D^-.28; coefficients were not seen",
)

microsoft_lr = pointer(
    "microsoft_lr",
    source="Bjorck et al. (2024), Scaling Optimal LR Across Token Horizons, arXiv:2409.19913",
    bibtex="""
    @article{bjorck2024scaling,
      title={Scaling Optimal LR Across Token Horizons},
      author={Bjorck, Johan and Benhaim, Alon and Chaudhary, Vishrav and Wei, Furu and Song, Xia},
      journal={arXiv preprint arXiv:2409.19913},
      year={2024}
    }
    """,
    see=("step_law", "kaplan_lr"),
    text="its rule is reported as 1.3192e-5 N^-.23 D^-.32 in units of N and D that are not stated (with raw numbers it gives "
    "3e-11 for 1e9 and 1e11); only the ratio of two rates can be used",
)
