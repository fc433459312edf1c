"""Best learning rate and batch size for a model and its data."""

from __future__ import annotations

from jaxlaws.spec import exponent, law, positive, power, quantity

_SOURCE = (
    "Li et al. (2025), Predictable Scale: Part I, Step Law -- Optimal Hyperparameter Scaling Law in Large Language Model "
    "Pretraining, arXiv:2503.04715"
)
_BIBTEX = """
    @article{li2025predictable,
      title={Predictable Scale: Part I, Step Law -- Optimal Hyperparameter Scaling Law in Large Language Model Pretraining},
      author={Li, Houyi and Zheng, Wenzhen and others},
      journal={arXiv preprint arXiv:2503.04715},
      year={2025}
    }
"""
_SETUP = "dense models of .2 to 1.1B parameters without embeddings, 4e9 to 1e11 tokens, AdamW, cosine to a final rate of 1e-5; "
_RULE = "log-linear regression on the runs within .25 % of each (N, D) cell's lowest smoothed loss"


@law(
    inputs={"N": quantity.PARAMETERS, "D": quantity.TOKENS},
    output=quantity.LEARNING_RATE,
    params={
        "c": positive(start=(1e-2, 1e2)),
        "alpha": exponent(start=(0.1, 1.5)),
        "beta": exponent(start=(0.05, 1.0)),
    },
    linear=("c",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "dense": (_SETUP + "as printed", {"c": 1.79, "alpha": 0.713, "beta": 0.307}),
        "dense-unrounded": (
            _SETUP + "mean of the released 1000 bootstraps: " + _RULE,
            {"c": 1.797, "alpha": 0.7129, "beta": 0.3075},
        ),
    },
    evidence="checked",
    data=("steplaw",),
    limits=(
        "The final rate was 1e-5 whatever the peak: with decay to a fraction of the peak the optimum moves.",
        "Fitted on runs tuned by grid; outside .2 to 1.1B parameters it is an extrapolation.",
        "The paper's table of rival rules has misprints: DeepSeek's .3118 as .3188, 2e8 and 1.21e9 (batches) as 2e18.",
    ),
)
def step_law(N, D, *, c, alpha, beta):
    r"""Best peak learning rate for `N` parameters and `D` tokens: $c\,N^{-\alpha} D^{\beta}$.

    `N` excludes embeddings. `c` is the scale, `alpha` says how the rate falls with size, `beta` how it grows with
    data.

    >>> float(step_law.constants["dense"](N=1e9, D=1e11)).__round__(7)
    0.0016325
    """
    return c * power(N, -alpha) * power(D, beta)


@law(
    inputs={"D": quantity.TOKENS},
    output=quantity.BATCH,
    params={"d": positive(start=(1e-3, 1e3), unit="tokens"), "beta": exponent(start=(0.1, 1.2))},
    linear=("d",),
    source=_SOURCE,
    bibtex=_BIBTEX,
    constants={
        "dense": (_SETUP + "as printed; batch in tokens", {"d": 0.58, "beta": 0.571}),
        "dense-unrounded": (_SETUP + "mean of the released 1000 bootstraps: " + _RULE, {"d": 0.5807, "beta": 0.5709}),
    },
    evidence="checked",
    data=("steplaw",),
    limits=("The batch is in tokens, not in sequences: divide by the context length.",),
)
def step_law_batch(D, *, d, beta):
    r"""Best batch size in tokens for `D` training tokens: $d\,D^{\beta}$.

    `d` is the scale in tokens and `beta` how the batch grows with data; the size of the model hardly matters.
    """
    return d * power(D, beta)
