"""Kaplan's laws of one quantity, his joint law of model size and data, and his rules for training."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.laws.power import KAPLAN, KAPLAN_BIBTEX, rising_power
from jaxlaws.spec import equals, exponent, law, positive, quantity, real, restated

PF_DAY = 8.64e19  # FLOP: 1e15 a second for a day
SETUP = "WebText2, 1024-token context, N without embeddings, nats/token; "
NEVER_MIX = "Every fit of Kaplan's has its own constants (three values of Nc and alpha_N): never mix them."
NO_FLOOR = "No irreducible loss: it goes to 0 as its input grows."


@law(
    inputs={"N": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={"Nc": positive(start=(1e11, 1e16), unit="parameters"), "alpha_N": exponent(start=(0.02, 0.4))},
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    evidence="checked",
    constants={"kaplan": (SETUP + "Table 5", {"Nc": 8.8e13, "alpha_N": 0.076})},
    limits=(NO_FLOOR, NEVER_MIX),
)
def kaplan_n(N, *, Nc, alpha_N):
    r"""Loss of an `N`-parameter model trained to convergence on enough data: $(N_c/N)^{\alpha_N}$.

    `N` excludes embeddings. `Nc` is the size at which the loss would be 1, `alpha_N` the exponent.

    >>> float(kaplan_n.constants["kaplan"](N=1.5e9)).__round__(4)
    2.3036
    """
    return jnp.exp(alpha_N * jnp.log(Nc / N))


@law(
    inputs={"D": quantity.TOKENS},
    output=quantity.LOSS,
    params={"Dc": positive(start=(1e11, 1e16), unit="tokens"), "alpha_D": exponent(start=(0.02, 0.4))},
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    evidence="checked",
    constants={"kaplan": (SETUP + "Table 5", {"Dc": 5.4e13, "alpha_D": 0.095})},
    limits=(NO_FLOOR, NEVER_MIX),
)
def kaplan_d(D, *, Dc, alpha_D):
    r"""Loss of a large model stopped early on `D` tokens: $(D_c/D)^{\alpha_D}$.

    `Dc` is the number of tokens at which the loss would be 1, `alpha_D` the exponent.

    >>> float(kaplan_d.constants["kaplan"](D=22e9)).__round__(4)
    2.0992
    """
    return jnp.exp(alpha_D * jnp.log(Dc / D))


@law(
    inputs={"C": quantity.PF_DAYS},
    output=quantity.LOSS,
    params={"Cc": positive(start=(1e4, 1e10), unit="PF-days"), "alpha_C": exponent(start=(0.01, 0.3))},
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    constants={
        "naive": (
            SETUP + "Table 5: compute at a fixed batch of 5e5 tokens, the best size for each",
            {"Cc": 1.6e7, "alpha_C": 0.057},
        ),
        "min": (
            SETUP + "Table 5: compute adjusted to a batch far below the critical one",
            {"Cc": 3.1e8, "alpha_C": 0.050},
        ),
    },
    aliases=("kaplan_cmin",),
    limits=(
        NO_FLOOR,
        "Compute is in PF-days here and in the table, not in FLOP.",
        "`C` means two things: as spent (`naive`), or adjusted to a small batch, C/(1 + B/Bcrit) (`min`).",
        "alpha_C of the frontier of `su_traj` is .05245 by the printed constants; .050, .052 and .054 are all in print.",
    ),
)
def kaplan_c(C, *, Cc, alpha_C):
    r"""Loss of the best model for `C` PF-days of training: $(C_c/C)^{\alpha_C}$.

    `Cc` is the compute at which the loss would be 1, `alpha_C` the exponent. A PF-day is 8.64e19 FLOP.
    """
    return jnp.exp(alpha_C * jnp.log(Cc / C))


def _overfitting(law, values, params):
    """Share by which finite data raise the loss."""
    endless = jnp.exp(params["alpha_N"] * jnp.log(params["Nc"] / values["N"]))
    return law(N=values["N"], D=values["D"], **params) / endless - 1.0


@equals("tolerance", of=_overfitting)
def data_needed(N, tolerance, *, Nc, Dc, alpha_N, alpha_D):
    r"""Tokens at which the loss is a share `tolerance` above that of endless data: $D = D_c (N/N_c)^{\alpha_N/\alpha_D}
    / ((1 + t)^{1/\alpha_D} - 1)$.

    At the seed noise of .02 the paper rounds it to D >= 5e3 N^.74.
    """
    excess = jnp.expm1(jnp.log1p(tolerance) / alpha_D)
    return {"D": Dc * jnp.exp(alpha_N / alpha_D * jnp.log(N / Nc)) / excess}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "Nc": positive(start=(1e11, 1e16), unit="parameters"),
        "Dc": positive(start=(1e11, 1e15), unit="tokens"),
        "alpha_N": exponent(start=(0.02, 0.4)),
        "alpha_D": exponent(start=(0.02, 0.4)),
    },
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    evidence="checked",
    constants={
        "kaplan": (
            SETUP + "Table 2",
            {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
        ),
        "Pythia": (
            "Pythia in 16 bits, beside the damage of quantization in arXiv:2411.17691; N without embeddings, nats/token",
            {"Nc": 4.74e19, "Dc": 7.63e10, "alpha_N": 0.045, "alpha_D": 0.399},
        ),
    },
    derived={"data_needed": data_needed},
    limits=("No irreducible loss: it goes to 0 with growing N and D.", NEVER_MIX),
)
def kaplan_nd(N, D, *, Nc, Dc, alpha_N, alpha_D):
    r"""Loss of an `N`-parameter model trained on `D` tokens until it stops improving: $[(N_c/N)^{\alpha_N/\alpha_D} +
    D_c/D]^{\alpha_D}$.

    `N` excludes embeddings. `Nc` and `Dc` are the size and data at which each term alone gives a loss of 1; `alpha_N`
    and `alpha_D` are the exponents of either alone.

    >>> float(kaplan_nd.constants["kaplan"](N=1e9, D=22e9)).__round__(4)
    2.3693
    """
    # In logarithms: with alpha_N much above alpha_D the first term alone overflows.
    terms = jnp.logaddexp(alpha_N / alpha_D * jnp.log(Nc / N), jnp.log(Dc / D))
    return jnp.exp(alpha_D * terms)


@law(
    inputs={"N": quantity.PARAMETERS},
    output=quantity.LEARNING_RATE,
    params={
        "a": positive(start=(2e-3, 1e-2)),
        "b": real(start=(2e-5, 8e-5), box=(-1e-2, 1e-2)),
    },
    linear=("a", "b"),
    source=KAPLAN,
    bibtex=KAPLAN_BIBTEX,
    constants={
        "kaplan": (
            SETUP + "App. D: Adam, a rule of thumb; natural logarithm",
            {"a": 0.003239, "b": 0.0001395},
        )
    },
    limits=(
        "The paper says that it breaks down above 1e10 parameters; at 1.2e10 the rate is 0, beyond it negative.",
        "The base of the logarithm is not printed: only the natural one puts the zero there.",
        "Of five published rules it had the largest error on the Step Law runs (9.5 per mille, as its authors report).",
    ),
    ranges={"N": (1e5, 5e9)},
)
def kaplan_lr(N, *, a, b):
    r"""Good learning rate for an `N`-parameter model: $a - b \ln N$.

    `N` excludes embeddings; `a` is the rate at one parameter and `b` what each e-fold of size takes off it.
    """
    return a - b * jnp.log(N)


def _rule(name, output, doc, scale, slope):
    """Table 6: a power of the compute, counted at a small batch."""
    return restated(
        rising_power,
        name,
        inputs={"C": quantity.PF_DAYS},
        output=output,
        params={"alpha": exponent(start=(0.01, 1.2)), "A": positive(start=(1e2, 1e11))},
        source=KAPLAN,
        bibtex=KAPLAN_BIBTEX,
        constants={"kaplan": (SETUP + "Table 6", {"A": scale, "alpha": slope})},
        limits=(
            "C is in PF-days of 8.64e19 FLOP, counted at a small batch: a run at the critical batch spends twice as much.",
            "At a fixed batch of 2^19 tokens the paper finds 1.6e9 C^.88 parameters.",
        ),
        doc=doc,
    )


kaplan_size = _rule("kaplan_size", quantity.PARAMETERS, "Best size for C PF-days.", 1.3e9, 0.73)
kaplan_batch = _rule("kaplan_batch", quantity.BATCH, "Critical batch in tokens at C PF-days.", 2.0e6, 0.24)
kaplan_steps = _rule("kaplan_steps", quantity.STEP, "Least steps at C PF-days.", 5.4e3, 0.03)
kaplan_data = _rule("kaplan_data", quantity.TOKENS, "Tokens of the best model for C PF-days.", 2e10, 0.27)
