"""Losses along lines of equal compute, of Marin's scaling ladders on three corpora (2026), and of Chinchilla as Apple's
ml-scalefit digitised it (arXiv:2507.09404).

Columns: `run`, `corpus` "comma", "dclm", "nemotron" or "massivetext", `budget` FLOP of the line, `kind` "sweep" or
"optimal" (a run at the optimum that the sweep predicted), `N` parameters, `D` tokens, `C` FLOP that the run logged (three
times the budget in places; 6 N D is .93 to 1.35 of it), `loss` (Marin: nats a token over the Paloma sets), `sequences` a
step, `steps`, `lr` where it was logged, `width`, `depth`.

`isoflop_collection` holds Marin's ladders; `isoflop_collection_all` adds ml-scalefit's 124 points, which are those of
`chinchilla_epoch` read off once more: do not use both. The Llama 3 figure of the same source is left out: the unit of its
loss is not stated.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jaxlaws.runs.checks import Finding
from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import Remote, listed, obtain_parts
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "published:isoflop_collection"
CORPORA = ("comma", "dclm", "nemotron")
_COLUMNS = {
    "Name": "run",
    "parameter_count": "N",
    "throughput/total_tokens": "D",
    "throughput/total_gflops": "C",
    "eval/paloma/macro_loss": "loss",
    "trainer.train_batch_size": "sequences",
    "trainer.num_train_steps": "steps",
    "optimizer.learning_rate": "lr",
    "model.hidden_dim": "width",
    "model.num_layers": "depth",
}


def load() -> Runs:
    """Marin's ladders; with a mirror, those that it holds."""
    frame, findings = _marin()
    return admit(frame, SOURCE, findings=findings)


def load_all() -> Runs:
    """Marin's ladders and the digitised lines of Chinchilla."""
    import pandas as pd

    frame, findings = _marin()
    parts, _ = obtain_parts({"ml_scalefit": [_file("ml_scalefit_isoflops")]}, SOURCE)
    (path,) = parts["ml_scalefit"]
    points = pd.read_csv(path).rename(columns={"tokens": "D", "params": "N", "dataset": "corpus"})
    points = points.assign(C=points["budget"], kind="sweep", run=[f"chinchilla-{i}" for i in range(len(points))])
    wanted = ["run", "corpus", "budget", "kind", "N", "D", "C", "loss"]
    return admit(pd.concat([frame, points[wanted]], ignore_index=True), SOURCE + "_all", findings=findings)


def _file(stem: str) -> Remote:
    return next(remote for remote in listed("isoflop_collection") if Path(remote.path).stem == stem)


def _marin() -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    import pandas as pd

    parts, findings = obtain_parts({c: [_file(f"marin_isoflop-{c}")] for c in CORPORA}, SOURCE)
    frames = []
    for corpus, (path,) in parts.items():
        # Floating from the start: 6 N D of whole numbers overflows 64 bits in silence.
        rows = pd.read_csv(path, dtype={name: "float64" for name in _COLUMNS if name != "Name"})
        rows = rows.rename(columns=_COLUMNS).assign(corpus=corpus)
        kind = ["optimal" if "optimal" in name else "sweep" for name in rows["run"]]
        frames.append(rows.assign(C=1e9 * rows["C"], kind=kind, budget=rows["run"].map(_budget)))
    return pd.concat(frames, ignore_index=True), findings


def _budget(name: str) -> float:
    """FLOP of the line that a run's name states, as in `isoflop-6e+19-d2304-...`."""
    found = re.search(r"(\d+(?:\.\d+)?e\+\d+)", name)
    return float(found.group(1)) if found else float("nan")
