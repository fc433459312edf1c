"""Loss under over-training, and downstream error from loss."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, law, positive, power, quantity

_SOURCE = (
    "Gadre et al. (2024), Language models scale reliably with over-training and on downstream tasks, arXiv:2403.08540"
)
_BIBTEX = """
    @article{gadre2024language,
      title={Language models scale reliably with over-training and on downstream tasks},
      author={Gadre, Samir Yitzhak and Smyrnis, Georgios and Shankar, Vaishaal and Gururangan, Suchin
              and Wortsman, Mitchell and others},
      journal={arXiv preprint arXiv:2403.08540},
      year={2024}
    }
"""
_REFIT = "re-fit of the authors' five runs by plain least squares, C4 validation loss, nats/token, N with embeddings"


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0), unit="nats/token"),
        "a": positive(start=(1e1, 3e3)),
        "b": positive(start=(1e1, 3e3)),
        "eta": exponent(start=(0.03, 0.4)),
    },
    linear=("E", "a", "b"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    aliases=("gadre_overtrain",),
    constants={
        "C4": ("trained on C4; " + _REFIT, {"E": 1.508261, "a": 141.2772, "b": 189.5155, "eta": 0.121236}),
        "RedPajama": (
            "trained on RedPajama; " + _REFIT,
            {"E": 1.836648, "a": 212.2362, "b": 366.6872, "eta": 0.1364255},
        ),
        "RefinedWeb": (
            "trained on RefinedWeb; four digits of a " + _REFIT,
            {"E": 1.734, "a": 157.1, "b": 246.2, "eta": 0.1272},
        ),
    },
    evidence="checked",
    data=("gadre_overtraining",),
    limits=(
        "None of the five fitted runs has fewer than 20 tokens a parameter: the implied optimal ratio is an extrapolation.",
        "Constants of the C4-trained runs err by 4.3 % at 7B.",
    ),
)
def overtraining(N, D, *, E, a, b, eta):
    r"""Loss of an `N`-parameter model after `D` tokens: $E + (a M^{\eta} + b M^{-\eta})\,C^{-\eta}$, $M = D/N$, $C =
    6ND$.

    `E` is the irreducible loss; `a` prices over-training (many tokens a parameter), `b` under-training, and `eta` is
    the one exponent of compute. The same as `chinchilla` with $\alpha = \beta = 2\eta$, $A = a 6^{-\eta}$, $B = b
    6^{-\eta}$.
    """
    M, C = D / N, 6.0 * N * D
    return E + (a * power(M, eta) + b * power(M, -eta)) * power(C, -eta)


@law(
    inputs={"loss": quantity.LOSS},
    output=quantity.ERROR,
    params={
        "epsilon": positive(start=(0.3, 1.0), box=(1e-3, 2.0), unit="fraction"),
        "k": positive(start=(0.1, 10.0)),
        "gamma": positive(start=(0.1, 3.0), box=(1e-3, 30.0), unit="1/nat"),
    },
    linear=("epsilon", "k"),
    source=_SOURCE,
    bibtex=_BIBTEX,
    aliases=("gadre_error",),
    constants={
        "C4-17": (
            "trained on C4, mean top-1 error of 17 tasks; " + _REFIT,
            {"epsilon": 0.849742, "k": 2.078907, "gamma": 0.756121},
        ),
        "RedPajama-17": (
            "trained on RedPajama, mean top-1 error of 17 tasks; " + _REFIT,
            {"epsilon": 0.856992, "k": 2.20649, "gamma": 0.714591},
        ),
        "RefinedWeb-17": (
            "trained on RefinedWeb, mean top-1 error of 17 tasks; four digits of a " + _REFIT,
            {"epsilon": 0.8653, "k": 2.215, "gamma": 0.7070},
        ),
        "RefinedWeb-46": (
            "trained on RefinedWeb, mean top-1 error of 46 tasks; four digits of a " + _REFIT,
            {"epsilon": 0.7677, "k": 1.128, "gamma": 0.8215},
        ),
        "C4-46": (
            "trained on C4, mean top-1 error of 46 tasks; " + _REFIT,
            {"epsilon": 0.758949, "k": 1.288516, "gamma": 0.972164},
        ),
        "RedPajama-46": (
            "trained on RedPajama, mean top-1 error of 46 tasks; " + _REFIT,
            {"epsilon": 0.76085, "k": 1.322899, "gamma": 0.890708},
        ),
    },
    evidence="checked",
    data=("gadre_overtraining",),
    limits=("An average over tasks: single tasks need not follow it.",),
)
def error_from_loss(loss, *, epsilon, k, gamma):
    r"""Downstream error of a model with validation loss `loss`: $\epsilon - k\,e^{-\gamma\,loss}$.

    The error is a fraction between 0 and 1; `epsilon` is that of a model that has learnt nothing, `k` and `gamma` say
    how errors vanish as the loss falls.
    """
    return epsilon - k * jnp.exp(-gamma * loss)
