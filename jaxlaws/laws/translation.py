"""Loss of translation models: encoder and decoder sizes, and the share of a task among several."""

from __future__ import annotations

from jaxlaws.spec import Quantity, exponent, law, least, positive, power, quantity, real

WEIGHT = Quantity("p", "share of the task among the training examples", "fraction", typical=(0.02, 0.98))


@least({"N": lambda N_e, N_d: N_e + N_d})
def best_split(N, *, beta, p_e, p_d, L_inf):
    r"""Encoder and decoder sizes that minimise the loss at `N` = N_e + N_d: $N_e = N p_e/(p_e+p_d)$, $N_d = N - N_e$."""
    del beta, L_inf
    both = p_e + p_d
    return {"N_e": N * p_e / both, "N_d": N * p_d / both}


def loss_of_best_split(N, *, beta, p_e, p_d, L_inf):
    r"""Loss at the best split of `N`: $\beta^* N^{-(p_e+p_d)} + L_\infty$, $\beta^* = \beta ((p_e+p_d)/p_e)^{p_e}
    ((p_e+p_d)/p_d)^{p_d}$.
    """
    both = p_e + p_d
    scale = beta * power(both / p_e, p_e) * power(both / p_d, p_d)
    return {"loss": scale * power(N, -both) + L_inf}


@law(
    inputs={"N_e": quantity.PARAMETERS, "N_d": quantity.PARAMETERS},
    output=quantity.LOSS,
    params={
        "beta": positive(start=(1e1, 1e5)),
        "p_e": exponent(start=(0.05, 0.5)),
        "p_d": exponent(start=(0.05, 0.5)),
        "L_inf": positive(start=(0.3, 3.0), unit="nats/token"),
    },
    linear=("beta", "L_inf"),
    source="Ghorbani et al. (2021), Scaling Laws for Neural Machine Translation, arXiv:2109.07740; as restated in "
    "arXiv:2302.09650, Eq. 2",
    bibtex="""
    @article{ghorbani2021scaling,
      title={Scaling Laws for Neural Machine Translation},
      author={Ghorbani, Behrooz and Firat, Orhan and Freitag, Markus and Bapna, Ankur and Krikun, Maxim and others},
      journal={arXiv preprint arXiv:2109.07740},
      year={2021}
    }
    """,
    evidence="read",
    derived={"best_split": best_split, "loss_of_best_split": loss_of_best_split},
    limits=(
        "Plenty of data and of compute are assumed: there is no term for either.",
        "No fitted constants were found in text; repeated runs are reported to differ by .003.",
        "The original scales sizes by reference sizes, alpha (Nbar_e/N_e)^p_e (Nbar_d/N_d)^p_d: their alpha is not `beta`.",
    ),
)
def nmt_bivariate(N_e, N_d, *, beta, p_e, p_d, L_inf):
    r"""Loss of a translation model with `N_e` encoder and `N_d` decoder parameters: $\beta\,N_e^{-p_e} N_d^{-p_d} +
    L_\infty$.

    `beta` is the scale of the reducible loss, `p_e` and `p_d` are the exponents of either part, `L_inf` is the loss
    that no size removes. Loss in nats a token.
    """
    return beta * power(N_e, -p_e) * power(N_d, -p_d) + L_inf


def effective_share(p, *, b, alpha, L_inf, c1, c2, c3):
    r"""Share of the model that a task with weight `p` has to itself, $f(p) = p + c_1 p^{c_2} (1-p)^{c_3}$: a model of
    N parameters does on it what one of f N would do alone.
    """
    del b, alpha, L_inf
    return {"share": p + c1 * power(p, c2) * power(1.0 - p, c3)}


@law(
    inputs={"N": quantity.PARAMETERS, "p": WEIGHT},
    output=quantity.LOSS,
    params={
        "b": positive(start=(1e1, 1e4)),
        "alpha": exponent(start=(0.1, 0.6)),
        "L_inf": positive(start=(0.3, 3.0), unit="nats/token"),
        "c1": real(start=(0.02, 0.5), box=(-0.9, 10.0)),
        "c2": exponent(start=(0.3, 2.0)),
        "c3": exponent(start=(0.3, 2.0)),
    },
    linear=("b", "L_inf"),
    source="Fernandes et al. (2023), Scaling Laws for Multilingual Neural Machine Translation, arXiv:2302.09650, Eqs. 11-12",
    bibtex="""
    @article{fernandes2023scaling,
      title={Scaling Laws for Multilingual Neural Machine Translation},
      author={Fernandes, Patrick and Ghorbani, Behrooz and Garcia, Xavier and Freitag, Markus and Firat, Orhan},
      journal={arXiv preprint arXiv:2302.09650},
      year={2023}
    }
    """,
    evidence="read",
    derived={"effective_share": effective_share},
    limits=(
        "One task at a time: fit it `by` task. Constants are only in the paper's figures.",
        "With `c1` = 0 (English into several languages comes close) `c2` and `c3` mean nothing.",
        "Seen for 20M to 1B parameters and weights of .05 to 1.",
    ),
)
def nmt_multilingual(N, p, *, b, alpha, L_inf, c1, c2, c3):
    r"""Loss on one task of a multilingual model of `N` parameters that was trained on it with weight `p`:
    $b\,(f(p) N)^{-\alpha} + L_\infty$, $f(p) = p + c_1 p^{c_2} (1-p)^{c_3}$.

    `b`, `alpha` and `L_inf` are the task's own law of size, at p = 1. `c1`, `c2` and `c3` say what the other tasks add
    or take: f is the share of the model that the task has to itself, 1 at p = 1 whatever they are.
    """
    share = p + c1 * power(p, c2) * power(1.0 - p, c3)
    return b * power(share * N, -alpha) + L_inf
