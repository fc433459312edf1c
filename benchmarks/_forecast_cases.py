"""Public runs to forecast, and the runs that their priors and intervals were learnt from, as docs/forecast.md says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FIRST_STEP = 600  # of lr_schedules, for fits: twice the warm-up
EARLIER = (33479040.0, 53027328.0, 59845120.0, 93159040.0)  # sizes of lr_schedules that priors come from
CALIBRATION = 123587328.0  # size whose runs set the width of intervals and chose the defaults
TEST = (151905024.0, 208540416.0)
LAST = 0.01  # share of a run whose mean training loss is its final loss, where every step is logged


@dataclass(frozen=True)
class Run:
    """One run: logged steps, losses and rates, the rate of every step to its end, and the loss to be forecast."""

    name: str
    group: str
    step: np.ndarray
    loss: np.ndarray
    lr: np.ndarray
    rates: np.ndarray
    final: float

    @property
    def total(self) -> int:
        return len(self.rates) - 1

    @property
    def peak(self) -> float:
        return float(self.rates.max())


def multi_power() -> list[Run]:
    """Nine schedules of two sizes of mpl_curves; the size whose prior is the other's is the group."""
    from jaxlaws import published

    table = published("mpl_curves").frame
    return [
        _of_table(mine, run, f"mpl {size}") for (size, run), mine in table.groupby(["size", "run"]) if size != "400M"
    ]


def sizes(chosen: Sequence[float], group: str) -> list[Run]:
    """Every run of these sizes of lr_schedules by validation loss, cooldowns with the history of the run they branch from."""
    table = validated()
    mine = table[table["N"].isin(chosen)]
    return [_of_table(stitched(mine, run), run, group) for run in sorted(mine["run"].unique())]


def validated() -> pd.DataFrame:
    """Rows of lr_schedules with a validation loss, which is the loss here."""
    from jaxlaws import published

    table = published("lr_schedules").frame
    return table[table["val_loss"].notna()].assign(loss=lambda t: t["val_loss"])


def stitched(table: pd.DataFrame, run: str) -> pd.DataFrame:
    """Rows of a run, before them those of the run that it went on from."""
    import pandas as pd

    mine = table[table["run"] == run].sort_values("step")
    parent = mine["parent"].iloc[0]
    if not isinstance(parent, str) or not parent:
        return mine
    before = table[(table["run"] == parent) & (table["step"] < mine["step"].iloc[0])].sort_values("step")
    return pd.concat([before[before["step"] <= mine["parent_step"].iloc[0]], mine])


def llmc(folder: Path) -> list[Run]:
    """GPT-2 124M by llm.c: warm-up of 700 steps to 6e-4, cosine to 0 over 19 560 steps; training loss of every step."""
    text = (folder / "llmc_gpt2_124m" / "kellerjordan_main.log").read_text()
    rows = re.findall(r"^s:(\d+) trl:([\d.]+)", text, flags=re.MULTILINE)
    loss = np.array([float(value) for _, value in rows])
    total, t = len(loss), np.arange(len(loss) + 1)
    rates = 6e-4 * np.where(t < 700, t / 700, 0.5 + 0.5 * np.cos(np.pi * np.clip((t - 700) / (total - 700), 0, 1)))
    return [_of_steps("llm.c 124M", "llmc_gpt2_124m", loss, rates)]


def nanogpt(folder: Path) -> list[Run]:
    """Ten early records of modded-nanogpt: trapezoids, several optimisers, rates in units of the peak; training loss of every
    step."""
    import pandas as pd

    place = folder / "modded_nanogpt"
    curves, about = (
        pd.read_parquet(place / "early_records_curves.parquet"),
        pd.read_csv(place / "early_records_runs.csv"),
    )
    out = []
    for one in about.itertuples():
        mine = curves[(curves["run"] == one.run) & (curves["split"] == "train")].sort_values("step")
        total, t = len(mine), np.arange(len(mine) + 1)
        rates = np.clip((total - t) / max(one.warmdown_iters, 1), 0.0, 1.0)
        rates = np.minimum(rates, np.clip(t / max(one.warmup_iters, 1), 0.0, 1.0) if one.warmup_iters else 1.0)
        out.append(_of_steps(one.run, "modded_nanogpt", mine["loss"].to_numpy(), rates))
    return out


def _of_steps(name: str, group: str, loss: np.ndarray, rates: np.ndarray) -> Run:
    """A run that logs every step; its final loss is the mean over its last percent."""
    step = np.arange(1, len(loss) + 1)
    return Run(name, group, step, loss, rates[1:], rates, float(loss[-int(LAST * len(loss)) :].mean()))


def _of_table(rows: pd.DataFrame, name: str, group: str) -> Run:
    from jaxlaws.schedules import parse

    rows = rows[rows["step"] >= 1].sort_values("step")
    step, loss = rows["step"].to_numpy(np.int64), rows["loss"].to_numpy()
    rates = parse(rows["lr_schedule"].iloc[-1]).as_array(int(step[-1]))
    return Run(name, group, step, loss, rates[step], rates, float(loss[-1]))


def fits(table: pd.DataFrame, law: str, by: str, **more: Any) -> Any:
    """The fit of every group, from which priors are made."""
    from jaxlaws import fit
    from jaxlaws.solvers import levenberg_marquardt

    solver = levenberg_marquardt(trips=40, polish=0)
    return fit(law, table, by=by, weights="run", starts=16, bins=64, solver=solver, **more)
