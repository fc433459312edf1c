"""Final losses over grids of peak learning rate and batch size: Step Law, Li et al. (2025), arXiv:2503.04715.

Columns: `kind` "dense" or "moe", `lr` peak rate, `batch` tokens a step (the file counts sequences of 2,048), `N`
parameters without embeddings (of a mixture of experts all of them; `Na` those active), `D` tokens, `loss` the smoothed
final training loss, `loss_raw` the last one. The other columns keep their names: `h`, `ffnh`, `numh`, `numl`, `ti`
(iterations). The schedule is a cosine down to 1e-5; the length of the warm-up is not in the files. 181 of the 1,911 dense
runs end above 3.5: they diverged.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import Remote, listed, obtain
from jaxlaws.runs.readers import load as read_file
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

SEQUENCE = 2048


def load() -> Runs:
    """The 1,911 dense runs."""
    (path,) = obtain([_file("dense")])
    return admit(_frame(path, "dense"), "published:steplaw")


def load_all() -> Runs:
    """The dense runs and the mixtures of experts."""
    import pandas as pd

    paths = obtain([_file("dense"), _file("moe")])
    frames = [_frame(path, kind) for path, kind in zip(paths, ("dense", "moe"), strict=True)]
    return admit(pd.concat(frames, ignore_index=True), "published:steplaw_all")


def _file(kind: str) -> Remote:
    return next(remote for remote in listed("steplaw") if remote.path.endswith(f"/{kind}_lr_bs_loss.csv"))


def _frame(path: Path, kind: str) -> pd.DataFrame:
    frame = read_file(path)[0].rename(columns={"exp_name": "run", "loss": "loss_raw", "smooth loss": "loss"})
    return frame.assign(kind=kind, batch=frame["bs"] * float(SEQUENCE)).drop(columns="bs")
