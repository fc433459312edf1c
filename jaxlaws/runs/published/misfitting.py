"""Models of 12M to 1B parameters over sweeps of peak rate and length: Li, Kudugunta & Zettlemoyer (2025), (Mis)Fitting,
arXiv:2502.18969.

Columns: `run` (model, peak rate, sweep, steps), `model`, `sweep`, `N` parameters with both embeddings, `N_no_embed`
without (at the smallest size a fifth of them), `D` tokens, `C` and `C_no_embed` training FLOP as the authors count
them, `loss` nats a token on C4, `lr_peak`, `total_steps`, `portion` of the schedule that is done. `misfitting` has the
261 last checkpoints, one row a run; `misfitting_all` every checkpoint, by `step`: below a portion of 1 the rate has not
decayed, and 36 checkpoints are logged twice, up to 2.2 nats apart.

Nine runs end above 6 nats: they diverged or hardly began. The files count FLOP in whole numbers beyond 2^63.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {
    "N_no_emb": "N_no_embed",
    "C_no_emb": "C_no_embed",
    "portion_steps_elapsed": "portion",
    "peak_lr": "lr_peak",
    "current_steps": "step",
}
_COLUMNS = ("run", "model", "sweep", "step", "N", "N_no_embed", "D", "C", "C_no_embed", "loss", "lr_peak")
_FLOATS = ("N", "N_no_embed", "D", "C", "C_no_embed", "loss", "lr_peak", "portion")


def load() -> Runs:
    """The last checkpoint of each run."""
    frame = _frame("scaling_results_last_ckpt_only.csv").drop(columns="step")
    return admit(frame, "published:misfitting")


def load_all() -> Runs:
    """Every checkpoint."""
    return admit(
        _frame("scaling_results.csv"),
        "published:misfitting_all",
        policies={"duplicated_steps": "drop", "unsorted_steps": "keep"},
    )


def _frame(name: str) -> pd.DataFrame:
    import pandas as pd

    (path,) = obtain([f for f in listed("misfitting") if Path(f.path).name == name])
    # As text: whole numbers above 2^63 would make a column of Python objects, and 6 N D of int64 overflows in silence.
    frame = pd.read_csv(path, dtype=str).rename(columns=_NAMES)
    frame = frame.assign(**{c: frame[c].astype(float) for c in _FLOATS})
    for whole in ("step", "total_steps"):
        frame[whole] = frame[whole].astype(float).astype(int)
    rate = frame["lr_peak"].map("{:g}".format)
    frame["run"] = frame["model"] + "-lr" + rate + "-" + frame["total_steps"].astype(str) + "-" + frame["sweep"]
    return frame[[*_COLUMNS, "total_steps", "portion"]]
