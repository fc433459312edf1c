"""Costs: counted by hand, spelled and refused."""

from __future__ import annotations

import jax
import pytest

from jaxlaws.errors import PlanError
from jaxlaws.plan.budget import AtPrecision, Lifetime, Sparse, Training, Transformer, as_cost, parse

# GPT-3: 96 blocks of width 12,288, 2,048 tokens of context, 50,257 words.
DEPTH, WIDTH, CONTEXT, WORDS = 96, 12288, 2048, 50257
BLOCKS = 12 * DEPTH * WIDTH**2


@pytest.mark.parametrize("embeddings", [0, 1, 2])
def test_transformer_finds_the_shape_from_the_size(embeddings):
    cost = Transformer(context=CONTEXT, vocabulary=WORDS, aspect=WIDTH / DEPTH, embeddings=embeddings)
    with jax.enable_x64(True):
        depth, width = cost.shape(float(BLOCKS + embeddings * WORDS * WIDTH))
    assert float(depth) == pytest.approx(DEPTH, rel=1e-12) and float(width) == pytest.approx(WIDTH, rel=1e-12)


def test_transformer_counts_what_its_matrices_multiply():
    cost = Transformer(context=CONTEXT, vocabulary=WORDS, aspect=WIDTH / DEPTH)
    # A multiplication and an addition for each weight, forwards once and backwards twice; attention scores and values.
    forward = 2 * (BLOCKS + WORDS * WIDTH) + DEPTH * 2 * (2 * CONTEXT * WIDTH)
    with jax.enable_x64(True):
        assert float(cost({"N": float(BLOCKS), "D": 1.0})) == pytest.approx(3 * forward, rel=1e-12)
        causal = Transformer(CONTEXT, WORDS, WIDTH / DEPTH, causal=True)
        half = float(cost({"N": float(BLOCKS), "D": 1.0})) - float(causal({"N": float(BLOCKS), "D": 1.0}))
    assert half == pytest.approx(3 * DEPTH * 2 * CONTEXT * WIDTH, rel=1e-9)


def test_costs_by_hand():
    inputs = {"N": 2.0, "D": 3.0, "P": 8.0, "S": 0.75}
    assert Training()(inputs) == 36.0
    assert Training()({"N": 2.0, "batch": 1.5, "step": 2.0}) == 36.0
    assert Lifetime(tokens=10.0, price=1.5)(inputs) == 36.0 + 1.5 * 2.0 * 2.0 * 10.0
    assert AtPrecision()(inputs) == 18.0
    assert Sparse()(inputs) == 9.0
    assert as_cost(lambda N, D: N * D)(inputs) == 6.0


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("6ND", Training()),
        ("training:flop=8", Training(flop=8.0)),
        ("lifetime:tokens=1e13:price=2", Lifetime(tokens=1e13, price=2.0)),
        ("transformer:context=4096:embeddings=1:causal=yes", Transformer(context=4096.0, embeddings=1, causal=True)),
        ("precision:bits=P_w+P_a", AtPrecision(bits=("P_w", "P_a"))),
        ("sparse", Sparse()),
    ],
)
def test_costs_are_spelled(text, cost):
    assert parse(text) == cost


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7ND", "unknown cost"),
        ("lifetime", "say how many tokens"),
        ("lifetime:token=3", "nearest: `tokens`"),
        ("transformer:context=long", "must be a number"),
        ("transformer:embeddings=3", "0, 1 or 2"),
        ("sparse:x=1", "takes none"),
    ],
)
def test_misspelled_costs_are_one_line(text, words):
    with pytest.raises(PlanError, match=words):
        parse(text)
