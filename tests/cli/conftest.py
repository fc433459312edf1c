"""The command line in this process: what it returns and what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from jaxlaws.cli import main


@dataclass(frozen=True)
class Done:
    """Exit status, text on stdout, lines on stderr."""

    status: int
    out: str
    notes: tuple[str, ...]

    @property
    def document(self):
        """The one JSON document on stdout, without NaN and infinity, which not every reader takes."""
        return json.loads(self.out, parse_constant=pytest.fail)


@pytest.fixture
def jaxlaws(capsys, monkeypatch, tmp_path):
    """Runs a command line in an empty folder: `jaxlaws("fit", "runs.csv", ...)`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Done(status, printed.out, tuple(printed.err.splitlines()))

    return run


@pytest.fixture
def powers(tmp_path):
    """`powers.csv`: 16 losses of exactly 3 x^-0.2, in two groups."""
    x = np.geomspace(1.0, 1e5, 16)
    rows = [f"{a!r},{3.0 * a**-0.2!r},{'ab'[i % 2]}" for i, a in enumerate(x.tolist())]
    return written(tmp_path / "powers.csv", "x,loss,kind", rows)


@pytest.fixture
def curves(tmp_path):
    """`curves.csv`: two runs whose learning rate falls, made from `lr_annealing`-like losses."""
    rows = []
    for run, peak in (("one", 1e-3), ("two", 2e-3)):
        step = np.arange(10, 400, 10)
        lr = peak * (1.0 - 0.9 * np.clip((step - 200) / 200, 0.0, 1.0))
        loss = 2.0 + 0.5 * np.cumsum(10 * lr) ** -0.5 - 50.0 * (peak - lr)
        rows += [f"{run},{s},{a!r},{b!r}" for s, a, b in zip(step.tolist(), loss.tolist(), lr.tolist(), strict=True)]
    return written(tmp_path / "curves.csv", "run,step,loss,lr", rows)


def written(path, head, rows):
    path.write_text("\n".join([head, *rows]) + "\n")
    return path
