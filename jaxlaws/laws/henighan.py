"""Autoregressive models of images, video, mathematics and text with images: loss from size or compute, and best size."""

from __future__ import annotations

import jax.numpy as jnp

from jaxlaws.spec import exponent, law, positive, quantity, real

PF_DAY = 8.64e19  # FLOP in a petaflop-day

_SOURCE = "Henighan et al. (2020), Scaling Laws for Autoregressive Generative Modeling, arXiv:2010.14701, Table 1"
_BIBTEX = """
    @article{henighan2020scaling,
      title={Scaling Laws for Autoregressive Generative Modeling},
      author={Henighan, Tom and Kaplan, Jared and Katz, Mor and Chen, Mark and Hesse, Christopher and others},
      journal={arXiv preprint arXiv:2010.14701},
      year={2020}
    }
"""
_LIMITS = (
    "x0 is badly conditioned for small exponents: two rounded digits of alpha move it by orders of magnitude.",
    "Language and text rows have no constant term: the entropy of text was not identifiable.",
    "Digits come from one machine conversion of the printed table.",
)
_TABLE = {
    "language": "language",
    "image-8x8": "images, 8 x 8 pixels",
    "image-16x16": "images, 16 x 16 pixels",
    "image-32x32": "images, 32 x 32 pixels",
    "image-vq-16x16": "images, VQ codes 16 x 16",
    "image-vq-32x32": "images, VQ codes 32 x 32",
    "text-to-image-text": "text to image, loss of the text",
    "text-to-image": "text to image, loss of the image",
    "image-to-text-text": "image to text, loss of the text",
    "image-to-text": "image to text, loss of the image",
    "video-vq": "video, VQ codes 16 x 16 x 16",
    "math": "mathematics, extrapolation",
}


def _sets(names, rows, units):
    """Published sets: a domain's row under the parameters' names; c0 from petaflop-days to FLOP."""
    sets = {}
    for domain, row in rows.items():
        values = dict(zip(names, row, strict=True))
        values |= {"c0": values["c0"] * PF_DAY} if "c0" in values else {}
        sets[domain] = (f"Table 1, {_TABLE[domain]}; {units}", values)
    return sets


def _ratio(x, x0, e):
    """$(x/x_0)^e$ by logarithms: the derivative of a quotient squares x0, which float32 does not hold."""
    return jnp.exp(e * (jnp.log(x) - jnp.log(x0)))


@law(
    inputs={"N": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={
        "L_inf": real(start=(0.0, 4.0), box=(0.0, 10.0), unit="nats/token"),
        "x0": positive(start=(1e1, 1e9), box=(1e-6, 1e20), unit="parameters"),
        "alpha": exponent(start=(0.03, 0.4)),
    },
    linear=("L_inf",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    constants=_sets(
        ("L_inf", "x0", "alpha"),
        {
            "language": (0.0, 1.47e14, 0.070),
            "image-8x8": (3.12, 8.0e1, 0.24),
            "image-16x16": (2.64, 2.8e2, 0.22),
            "image-32x32": (2.20, 6.3e1, 0.13),
            "image-vq-16x16": (3.99, 2.7e4, 0.13),
            "image-vq-32x32": (3.07, 1.9e4, 0.14),
            "text-to-image-text": (0.0, 5.6e8, 0.037),
            "text-to-image": (2.0, 5.1e3, 0.16),
            "image-to-text-text": (0.0, 7.0e8, 0.039),
            "image-to-text": (2.0, 5.5e3, 0.15),
            "video-vq": (1.01, 3.7e4, 0.24),
            "math": (0.28, 1.1e4, 0.16),
        },
        "N without embeddings, trained to convergence, nats/token",
    ),
    limits=_LIMITS,
)
def henighan(N, *, L_inf, x0, alpha):
    r"""Loss of an `N`-parameter model trained until it stops improving: $L_\infty + (N/x_0)^{-\alpha}$.

    `N` excludes embeddings. `L_inf` is the loss that no size removes, `x0` the size at which the reducible loss is 1,
    `alpha` its exponent. The amplitude of `power_plus_constant` is $x_0^\alpha$.
    """
    return L_inf + _ratio(N, x0, -alpha)


@law(
    inputs={"C": quantity.FLOP},
    output=quantity.LOSS,
    params={
        "L_inf": real(start=(0.0, 4.0), box=(0.0, 10.0), unit="nats/token"),
        "c0": positive(start=(1e11, 1e22), box=(1e4, 1e32), unit="FLOP"),
        "alpha": exponent(start=(0.03, 0.3)),
    },
    linear=("L_inf",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    constants=_sets(
        ("L_inf", "c0", "alpha"),
        {
            "language": (0.0, 3.47e8, 0.048),
            "image-8x8": (3.13, 1.8e-8, 0.19),
            "image-16x16": (2.64, 1.6e-8, 0.16),
            "image-32x32": (2.21, 3.6e-9, 0.10),
            "image-vq-16x16": (4.09, 6.1e-7, 0.11),
            "image-vq-32x32": (3.17, 2.6e-6, 0.12),
            "text-to-image": (1.93, 1.5e-6, 0.15),
            "image-to-text": (1.97, 1.5e-6, 0.16),
            "video-vq": (0.95, 2.2e-5, 0.14),
            "math": (0.14, 1.4e-5, 0.17),
        },
        "c0 printed in petaflop-days of 8.64e19 FLOP; C = 6 N D on the compute-efficient frontier, nats/token",
    ),
    limits=(*_LIMITS, "The two text losses of mixed models have no row: their compute fits are of the joint loss."),
)
def henighan_compute(C, *, L_inf, c0, alpha):
    r"""Least loss that `C` FLOP of training reach at any size: $L_\infty + (C/c_0)^{-\alpha}$.

    `c0` is the compute at which the reducible loss is 1, in FLOP (the paper prints petaflop-days). `L_inf` is the loss
    that no compute removes, `alpha` the exponent.
    """
    return L_inf + _ratio(C, c0, -alpha)


@law(
    inputs={"C": quantity.FLOP},
    output=quantity.PARAMETERS,
    params={
        "c0": positive(start=(1e6, 1e9), box=(1e0, 1e16), unit="FLOP"),
        "b": exponent(start=(0.4, 0.9)),
    },
    source=_SOURCE,
    bibtex=_BIBTEX,
    evidence="read",
    constants=_sets(
        ("c0", "b"),
        {
            "language": (3.3e-13, 0.73),
            "image-8x8": (5.3e-14, 0.64),
            "image-16x16": (4.8e-12, 0.75),
            "image-32x32": (1.6e-13, 0.65),
            "image-vq-16x16": (6.2e-14, 0.64),
            "image-vq-32x32": (9.4e-13, 0.70),
            "text-to-image": (9.4e-13, 0.70),
            "image-to-text": (3.3e-12, 0.72),
            "video-vq": (1.13e-12, 0.71),
            "math": (2.3e-12, 0.69),
        },
        "c0 printed in petaflop-days of 8.64e19 FLOP; N without embeddings",
    ),
    limits=(
        "Later laws have exponents near .5 (`chinchilla`), not .7.",
        *_LIMITS[-1:],
    ),
)
def henighan_size(C, *, c0, b):
    r"""Parameters that give the least loss for `C` FLOP of training: $(C/c_0)^b$.

    `c0` is the compute whose best model has one parameter, in FLOP (the paper prints petaflop-days). `b` is the
    exponent, .64 to .75 in every domain.
    """
    return _ratio(C, c0, b)
