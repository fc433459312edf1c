"""Continual pretraining: loss from the share of domain data, and the largest share that general loss allows."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import Quantity, equals, exponent, fixed, law, most, positive, power, quantity, real

OWN = Quantity("r", "share of the corpus whose loss is predicted", "fraction", typical=(0.02, 0.98))
RATIO = Quantity("share", "share of domain data", "fraction", "raw")
BUDGET = Quantity("budget", "tokens of continual pretraining", "tokens", typical=(2e8, 1e11))
INITIAL = Quantity("loss", "validation loss on the domain before training", "nats/token", typical=(1.0, 4.0))
SPEED = Quantity(
    "loss_speed",
    "early rate of decrease of the domain's validation loss",
    "nats/token per logged step",
    typical=(0.01, 0.5),
)

_DCPT = (
    "Que et al. (2024), D-CPT Law: Domain-specific Continual Pre-Training Scaling Law for Large Language Models, "
    "arXiv:2406.01375"
)
_DCPT_BIBTEX = """
    @article{que2024dcpt,
      title={D-CPT Law: Domain-specific Continual Pre-Training Scaling Law for Large Language Models},
      author={Que, Haoran and Liu, Jiaheng and Zhang, Ge and Zhang, Chenchen and Qu, Xingwei and others},
      journal={arXiv preprint arXiv:2406.01375},
      year={2024}
    }
"""
_DCPT_LIMITS = (
    "Fitted constants were not seen; the form was read in write-ups that agree.",
    "The loss must fall with the share: B eta r^(eta-1)/D^beta < C gamma/(r+eps)^(gamma+1). A fit can break that; check it.",
    "Seen for Qwen1.5 of .5B to 4B, 20 000 steps; cross-validated R2 .952 over sizes, .913 over data, .972 over shares.",
)


def _dcpt(N, D, r, E, A, B, C, alpha, beta, gamma, eta, eps):
    return E + A * power(N, -alpha) + B * power(r, eta) * power(D, -beta) + C * power(r + eps, -gamma)


def slope_in_share(N, D, r, *, E, A, B, C, alpha, beta, gamma, eta, eps):
    r"""Derivative of the loss in the share, $B\eta r^{\eta-1} D^{-\beta} - C\gamma (r+\epsilon)^{-\gamma-1}$: it must be
    negative, and nothing in the form makes it so.
    """
    del N, E, A, alpha
    return {"slope": B * eta * power(r, eta - 1.0) * power(D, -beta) - C * gamma * power(r + eps, -gamma - 1.0)}


@equals("loss")
def tokens_for(loss, N, r, *, E, A, B, C, alpha, beta, gamma, eta, eps):
    r"""Tokens that reach a loss: $[B r^\eta/(L - E - A N^{-\alpha} - C (r+\epsilon)^{-\gamma})]^{1/\beta}$; NaN where no
    number of them does.
    """
    left = loss - E - A * power(N, -alpha) - C * power(r + eps, -gamma)
    return {"D": jnp.where(left > 0, power(B * power(r, eta) / left, 1.0 / beta), jnp.nan)}


_PARAMS = {
    "E": positive(start=(0.5, 3.0), unit="nats/token"),
    "A": positive(start=(1e1, 1e4)),
    "B": positive(start=(1e1, 1e4)),
    "C": positive(start=(0.02, 1.0), unit="nats/token"),
    "alpha": exponent(start=(0.1, 0.6)),
    "beta": exponent(start=(0.1, 0.6)),
    "gamma": exponent(start=(0.1, 1.0)),
    "eta": exponent(start=(0.1, 1.0)),
    "eps": positive(start=(0.01, 0.3), box=(1e-4, 3.0)),
}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "r": OWN},
    output=quantity.LOSS,
    params=_PARAMS,
    linear=("E", "A", "B", "C"),
    source=_DCPT,
    bibtex=_DCPT_BIBTEX,
    evidence="second-hand",
    derived={"slope_in_share": slope_in_share, "tokens_for": tokens_for},
    limits=_DCPT_LIMITS,
)
def dcpt(N, D, r, *, E, A, B, C, alpha, beta, gamma, eta, eps):
    r"""Loss on a corpus that is a share `r` of `D` continual tokens, for `N` parameters: $E + A/N^\alpha + B
    r^\eta/D^\beta + C/(r+\epsilon)^\gamma$.

    For the domain's loss `r` is the domain's share, for the general loss the general one's. `E` is the floor, `A` and
    `alpha` price size, `B`, `beta` and `eta` data, `C` and `gamma` a small share; `eps` keeps r = 0 finite. At a fixed
    share it is `chinchilla`. Second-hand: four write-ups agree on the form.
    """
    return _dcpt(N, D, r, E, A, B, C, alpha, beta, gamma, eta, eps)


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS, "r": OWN, "k1": INITIAL, "k2": SPEED},
    output=quantity.LOSS,
    params={
        **_PARAMS,
        "F": positive(start=(0.05, 5.0)),
        "mu": exponent(start=(0.2, 1.5)),
        "w1": fixed(1.0, positive(start=(0.1, 10.0))),
        "w2": positive(start=(0.1, 10.0)),
    },
    linear=("E", "A", "B", "C", "F"),
    redundant=(("w1", "w2", "F"),),
    source=_DCPT + ", cross-domain law",
    bibtex=_DCPT_BIBTEX,
    evidence="second-hand",
    limits=(
        *_DCPT_LIMITS,
        "w1, w2 and F share a scale, so w1 is held at 1; freed, the fit is rank-deficient.",
        "Fitted on four domains and predicted on two: few for five more parameters.",
    ),
)
def dcpt_cross(N, D, r, k1, k2, *, E, A, B, C, alpha, beta, gamma, eta, eps, F, mu, w1, w2):
    r"""Loss on any domain, known by how it starts: `dcpt` and $F/K^\mu$, with $K = w_1/k_1 + w_2 k_2$.

    `k1` is the domain's validation loss before training, `k2` how fast it falls at first, `N`, `D`, `r` as in `dcpt`.
    `F` and `mu` price what is hard to learn; `w1` (held at 1) and `w2` weigh the two signs. `E`, `A`, `B`, `C`,
    `alpha`, `beta`, `gamma`, `eta`, `eps` are those of `dcpt`, common to all domains. Second-hand.
    """
    known = w1 / k1 + w2 * k2
    return _dcpt(N, D, r, E, A, B, C, alpha, beta, gamma, eta, eps) + F * power(known, -mu)


_CMR = (
    "Gu et al. (2024), CMR Scaling Law: Predicting Critical Mixture Ratios for Continual Pre-training of Language Models, "
    "arXiv:2407.17467"
)
_CMR_BIBTEX = """
    @article{gu2024cmr,
      title={CMR Scaling Law: Predicting Critical Mixture Ratios for Continual Pre-training of Language Models},
      author={Gu, Jiawei and Yang, Zacc and Ding, Chuanghao and Zhao, Rui and Tan, Fei},
      journal={arXiv preprint arXiv:2407.17467},
      year={2024}
    }
"""
_UNIT = 2e8  # tokens in the paper's unit of T
_CMR_LIMITS = ('The text calls T = 250 "500B tokens"; by its own unit of .2B it is 50B.',)


@law(
    inputs={"R": OWN},
    output=quantity.LOSS,
    params={
        "a": real(start=(-1.0, -0.1), box=(-1e4, 1e4)),
        "s": real(start=(0.1, 1.0), box=(-3.0, 3.0)),
        "b": real(start=(1.5, 3.0), box=(-1e4, 1e4), unit="nats/token"),
    },
    linear=("a", "b"),
    source=_CMR,
    bibtex=_CMR_BIBTEX,
    evidence="read",
    limits=(
        *_CMR_LIMITS,
        "Near a logarithm of the share s runs to 0 while a and b grow without bound; the published losses have s of .16 to .20.",
    ),
)
def cmr_loss(R, *, a, s, b):
    r"""Domain loss at a fixed number of tokens for a share `R` of domain data: $a R^s + b$.

    `b` is the level, `a` and `s` have opposite signs where the loss falls with the share.
    """
    return a * power(R, s) + b


@law(
    inputs={"D": BUDGET},
    output=quantity.LOSS_CHANGE,
    params={
        "a1": real(start=(-1.0, -0.05), box=(-1e4, 1e4)),
        "s1": real(start=(0.05, 0.5), box=(-3.0, 3.0)),
        "b1": real(start=(1.1, 1.5), box=(-1e4, 1e4), unit="nats/token"),
    },
    linear=("a1", "b1"),
    source=_CMR,
    bibtex=_CMR_BIBTEX,
    evidence="read",
    limits=_CMR_LIMITS,
)
def cmr_domain(D, *, a1, s1, b1):
    r"""Change of the domain's loss after `D` tokens at a fixed share: $a_1 T^{s_1} + b_1$, T = D/2e8.

    `a1` and `s1` shape the fall, `b1` is the level at .2B tokens less `a1`.
    """
    return a1 * power(D / _UNIT, s1) + b1


@most()
def turning_point(*, a2, s2, a3, s3, b2):
    r"""Tokens at which the general loss stops rising: $T_0 = (-a_3 s_3/(a_2 s_2))^{1/(s_2-s_3)}$; NaN where it never
    turns.
    """
    del b2
    ratio = -a3 * s3 / (a2 * s2)
    return {"D": jnp.where(ratio > 0, _UNIT * power(ratio, 1.0 / (s2 - s3)), jnp.nan)}


@law(
    inputs={"D": BUDGET},
    output=quantity.LOSS_CHANGE,
    params={
        "a2": real(start=(0.2, 1.0), box=(-1e4, 1e4)),
        "s2": real(start=(0.1, 0.4), box=(-3.0, 3.0)),
        "a3": real(start=(-0.2, -0.02), box=(-1e4, 1e4)),
        "s3": real(start=(0.5, 0.9), box=(-3.0, 3.0)),
        "b2": real(start=(3.0, 4.0), box=(-1e4, 1e4), unit="nats/token"),
    },
    linear=("a2", "a3", "b2"),
    source=_CMR,
    bibtex=_CMR_BIBTEX,
    evidence="read",
    derived={"turning_point": turning_point},
    limits=(*_CMR_LIMITS, "The two powers may be exchanged: their order means nothing."),
)
def cmr_general(D, *, a2, s2, a3, s3, b2):
    r"""Change of the general loss after `D` tokens at a fixed share: $a_2 T^{s_2} + a_3 T^{s_3} + b_2$, T = D/2e8.

    One power, `a2` with exponent `s2`, makes it rise at first, the other, `a3` with `s3`, makes it fall; `b2` is the
    level.
    """
    T = D / _UNIT
    return a2 * power(T, s2) + a3 * power(T, s3) + b2


_SETUP = "general loss within .05; "


@law(
    inputs={"D": BUDGET},
    output=RATIO,
    params={
        "a4": real(start=(0.1, 1.0), box=(-1e3, 1e3)),
        "s4": real(start=(0.1, 0.4), box=(-3.0, 3.0)),
        "b3": real(start=(0.1, 0.5), box=(-1e3, 1e3), unit="fraction"),
    },
    linear=("a4", "b3"),
    source=_CMR + ", Eq. 8; constants second-hand, checked against the printed ratios",
    bibtex=_CMR_BIBTEX,
    evidence="checked",
    constants={
        "460M": (_SETUP + "460M parameters", {"a4": 0.22524761, "s4": 0.26944345, "b3": -0.48139982}),
        "940M": (_SETUP + "940M parameters", {"a4": 0.7520627, "s4": 0.13720245, "b3": -1.06581937}),
        "1.6B": (_SETUP + "1.6B parameters", {"a4": -2.36384831, "s4": -0.15125569, "b3": 1.59223649}),
        "3.1B": (_SETUP + "3.1B parameters", {"a4": -2.5368197, "s4": -0.42071423, "b3": 0.84375368}),
    },
    limits=(
        *_CMR_LIMITS,
        "The signs of a4 and s4 differ between sizes: only that the ratio grows with the tokens is common to them.",
        "It leaves [0, 1] outside the fitted range of tokens.",
    ),
)
def cmr(D, *, a4, s4, b3):
    r"""Largest share of domain data that `D` continual tokens allow before the general loss suffers: $a_4 T^{s_4} + b_3$,
    T = D/2e8.

    A share is allowed if the general loss stays within .05 and turns down before training ends. `a4`, `s4` and
    `b3` shape the ratio's growth with the tokens.

    >>> float(cmr.constants["460M"](D=2e10)).__round__(3)
    0.298
    """
    return a4 * power(D / _UNIT, s4) + b3
