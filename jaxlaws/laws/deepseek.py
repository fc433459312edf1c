"""DeepSeek's rules: best rate, batch, model and data as powers of compute."""

from __future__ import annotations

from jaxlaws.laws.power import power, rising_power
from jaxlaws.spec import exponent, positive, quantity, restated

_SOURCE = "DeepSeek-AI (2024), DeepSeek LLM: Scaling Open-Source Language Models with Longtermism, arXiv:2401.02954"
_BIBTEX = """
    @article{deepseek2024llm,
      title={DeepSeek LLM: Scaling Open-Source Language Models with Longtermism},
      author={{DeepSeek-AI}},
      journal={arXiv preprint arXiv:2401.02954},
      year={2024}
    }
"""
_SETUP = (
    "multi-step schedule (80 % at the peak, 10 % at 31.6 % of it, 10 % at 10 %), C = M D with M in FLOP a token without "
    "embeddings; "
)
_COMPUTE = "C = M D counts attention and leaves out embeddings: with 6 N D the size is another one."
FLOP_PER_TOKEN = quantity.Quantity("M", "model scale", "FLOP/token, without embeddings", typical=(1e8, 1e12))


def _rule(name, form, output, doc, A, alpha, *limits, aliases=()):
    return restated(
        form,
        name,
        inputs={"C": quantity.FLOP},
        output=output,
        params={"A": positive(start=(1e-2, 1e2)), "alpha": exponent(start=(0.05, 0.9))},
        source=_SOURCE,
        bibtex=_BIBTEX,
        evidence="checked",
        constants={"deepseek": (_SETUP + "as printed", {"A": A, "alpha": alpha})},
        limits=(*limits, _COMPUTE),
        aliases=aliases,
        doc=doc,
    )


_NEAR = "From settings whose loss is within .25 % of the lowest: a wide band."

deepseek_lr = _rule(
    "deepseek_lr",
    power,
    quantity.LEARNING_RATE,
    "Best peak learning rate for C FLOP.",
    0.3118,
    0.1250,
    _NEAR,
    "The Step Law paper's table prints .3188 for it: a misprint of .3118.",
)
deepseek_batch = _rule(
    "deepseek_batch", rising_power, quantity.BATCH, "Best batch in tokens for C FLOP.", 0.2920, 0.3271, _NEAR
)
deepseek_size = _rule(
    "deepseek_size",
    rising_power,
    FLOP_PER_TOKEN,
    "Best model scale, in FLOP a token, for C FLOP.",
    0.1715,
    0.5243,
    "The exponent moves with the quality of the data: it is theirs, on their data.",
)
deepseek_data = _rule(
    "deepseek_data",
    rising_power,
    quantity.TOKENS,
    "Tokens of the best model for C FLOP.",
    5.8316,
    0.4757,
    "The exponent moves with the quality of the data: it is theirs, on their data.",
)
