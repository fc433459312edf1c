"""Losses of 22 shapes of one model family, at a constant rate and after cooldowns: McLeish et al. (2025), arXiv:2502.06857.

Columns: `run`, `step`, `N` parameters with embeddings, `D` tokens, `width`, `depth`, `loss` on validation data (nats a token),
`state` "hot" (at the constant rate), "cool_begin" (the same points where a cooldown of 10 % starts) or "cool_end" (after it),
and the file's own columns of cost. The learning rate is not in the files.

`gemstones` holds the 220 hot rows of the published fit; `gemstones_all` adds both ends of the cooldowns. The other files of
the source are subsets of these: they are listed, not read. Rows of one run are correlated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

STATES = ("hot", "cool_begin", "cool_end")
_COLUMNS = {"run_name": "run", "params_active_precise": "N", "tokens": "D", "final_loss": "loss"}


def load() -> Runs:
    """The rows at the constant rate."""
    return admit(_frame(STATES[:1]), "published:gemstones")


def load_all() -> Runs:
    """The rows at the constant rate, and those before and after each cooldown, each state a run of its own."""
    frame = _frame(STATES)
    return admit(frame.assign(run=frame["run"] + "-" + frame["state"]), "published:gemstones_all")


def _frame(states: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    files = {r.path: r for r in listed("gemstones")}
    paths = obtain([files[f"gemstones/wandb_df_for_fitting_{state}.jsonl"] for state in states])
    frames = []
    for state, path in zip(states, paths, strict=True):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        frames.append(pd.DataFrame(rows).rename(columns=_COLUMNS).assign(state=state))
    return pd.concat(frames, ignore_index=True).sort_values(["run", "state", "step"], ignore_index=True)
