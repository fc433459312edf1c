"""Loss from model size and tokens, each seen once."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxlaws.spec import exponent, law, least, positive, power, quantity


@least({"C": lambda N, D: 6.0 * N * D})
def compute_optimal(C, *, E, A, B, alpha, beta):
    r"""Parameters and tokens that minimise the loss for `C` = 6 N D FLOP: $N^* = G (C/6)^{\beta/(\alpha+\beta)}$,
    $D^* = (C/6)/N^*$, $G = (\alpha A/(\beta B))^{1/(\alpha+\beta)}$.
    """
    del E
    half = alpha + beta
    N = jnp.exp(jnp.log(alpha * A / (beta * B)) / half) * power(C / 6.0, beta / half)
    return {"N": N, "D": C / 6.0 / N}


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LOSS,
    params={
        "E": positive(start=(0.5, 3.0), unit="nats/token"),
        "A": positive(start=(1e1, 1e4)),
        "B": positive(start=(1e1, 1e4)),
        "alpha": exponent(start=(0.1, 1.0)),
        "beta": exponent(start=(0.1, 1.0)),
    },
    linear=("E", "A", "B"),
    source="Hoffmann et al. (2022), Training Compute-Optimal Large Language Models, arXiv:2203.15556",
    bibtex="""
    @article{hoffmann2022training,
      title={Training Compute-Optimal Large Language Models},
      author={Hoffmann, Jordan and Borgeaud, Sebastian and Mensch, Arthur and Buchatskaya, Elena and Cai, Trevor and others},
      journal={arXiv preprint arXiv:2203.15556},
      year={2022}
    }
    """,
    constants={
        "besiroglu": (
            "re-fit of 240 digitised points of Hoffmann's Fig. 4 by sum Huber 1e-3 on logs (Besiroglu et al. 2024, "
            "arXiv:2404.10102; unrounded, from the notebook's exact replication); N with embeddings, nats/token",
            {
                "E": 1.817235504463726,
                "A": 477.84171252965143,
                "B": 2143.8637880335505,
                "alpha": 0.34731265761033453,
                "beta": 0.3671826173946711,
            },
        ),
        "besiroglu-printed": (
            "as printed by Besiroglu et al. (arXiv:2404.10102): the same 240 points, maximum likelihood, free Huber scale",
            {"E": 1.81686, "A": 482.00572, "B": 2085.4342, "alpha": 0.34781, "beta": 0.36585},
        ),
        "besiroglu-all": (
            "all 245 digitised points, the five outliers included (arXiv:2404.10102, notebook)",
            {
                "E": math.exp(0.63748901),
                "A": math.exp(6.28204169),
                "B": math.exp(9.51269708),
                "alpha": 0.35286,
                "beta": 0.45596,
            },
        ),
        "hoffmann-unrounded": (
            "Hoffmann et al. with the digits of the TeX source, as Epoch found them",
            {
                "E": math.exp(0.5267228),
                "A": math.exp(6.0073404),
                "B": math.exp(6.0179186),
                "alpha": 0.33917084,
                "beta": 0.2849083,
            },
        ),
        "hoffmann": (
            "as printed by Hoffmann et al., rounded; the fit had stopped early, and rounding alone moves N* by 25 %",
            {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
        ),
    },
    derived={"compute_optimal": compute_optimal},
    aliases=("chinchilla_besiroglu",),
    evidence="checked",
    data=("chinchilla_epoch",),
    limits=(
        "Tokens are seen once: with repeated data use `data_constrained`.",
        "Rounded constants move the compute-optimal N by 25 %: store and pass them unrounded.",
        "Best N at 5.76e23 FLOP: 32e9 by the rounded, 40e9 by the unrounded, 73e9 by the replicated constants.",
    ),
)
def chinchilla(N, D, *, E, A, B, alpha, beta):
    r"""Loss of an `N`-parameter model after `D` tokens, each seen once: $E + A/N^\alpha + B/D^\beta$.

    `E` is the loss of a perfect predictor, $A/N^\alpha$ what a finite model adds, $B/D^\beta$ what finite data add.
    `N` counts embeddings in the original data. Loss in nats a token.

    >>> float(chinchilla.constants["besiroglu"](N=7e10, D=1.4e12)).__round__(3)
    1.973
    """
    return E + A * power(N, -alpha) + B * power(D, -beta)
