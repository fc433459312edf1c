"""Public loss curves, split as docs/extrapolation.md says: which runs are fitted, and which are predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FIRST_STEP = 600  # of lr_schedules: twice the warm-up; mpl_curves begin after theirs
MPL_TRAIN = ("cosine_24000", "constant_24000", "wsdcon_9")
MPL_LAST = 24000  # the authors train on the rows before this step
KEPT = ["run", "step", "loss", "lr", "lr_schedule", "N"]


@dataclass(frozen=True)
class Case:
    """Rows to fit and rows to predict; `group` is the column of the table that they count to."""

    name: str
    group: str
    train: pd.DataFrame
    test: pd.DataFrame


def cases() -> list[Case]:
    """Two sizes of mpl_curves; three peaks of one model of lr_schedules; and seven models with a cosine at twice the peak of
    the stable run."""
    return [*multi_power(), *peaks(), *sizes()]


def multi_power() -> list[Case]:
    from jaxlaws import published

    table = published("mpl_curves").frame
    out = []
    for size in ("25M", "100M"):
        mine = table[table["size"] == size]
        fitted = mine["schedule"].isin(MPL_TRAIN)
        train = mine[fitted & (mine["step"] < MPL_LAST)]
        out.append(Case(f"mpl {size}", f"mpl {size}", train[KEPT], mine.loc[~fitted, KEPT]))
    return out


def peaks() -> list[Case]:
    """One model of 124M: a cosine of 25 000 steps to a tenth, the stable run of 50 000 and a linear cooldown over the last
    fifth of 25 000 steps are fitted; every other run of the same peak is predicted."""
    table = _validated()
    table = table[table["N"] == 123587328.0]
    short = table["total"] == 25000
    fitted = table["run"].str.startswith("stable-124m") | (table["run"].str.startswith("cos-10-124m") & short)
    fitted |= table["run"].str.startswith("ann124-0.2") & short
    out = []
    for peak in (1e-4, 5e-4, 1e-3):
        mine = np.isclose(table["peak"], peak)
        out.append(Case(f"peak {peak:g}", "one peak", table.loc[mine & fitted, KEPT], table.loc[mine & ~fitted, KEPT]))
    return out


def sizes() -> list[Case]:
    """Seven models, each with a stable run, two cooldowns from it and cosines of twice its peak: the stable run, the
    shorter cooldown and the second shortest cosine are fitted, the other three predicted."""
    table = _validated()
    table = table[table["run"].str.match("sl[0-9]*_|ann0.2_")]
    out = []
    for size, mine in table.groupby("N"):
        branch, cosine = mine["parent"].fillna("") != "", mine["scheduler"] == "cos"
        by_length = {
            kind: mine[rows].groupby("run")["total"].first().sort_values().index
            for kind, rows in {"stable": ~branch & ~cosine, "cooldown": branch, "cosine": cosine}.items()
        }
        chosen = [by_length["stable"][0], by_length["cooldown"][0], by_length["cosine"][1]]
        fitted = mine["run"].isin(chosen)
        out.append(Case(f"{size / 1e6:.0f}M", "two peaks", mine.loc[fitted, KEPT], mine.loc[~fitted, KEPT]))
    return out


def joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table with a column `case`; runs have its name in front, since some are in two cases."""
    import pandas as pd

    return pd.concat([t.assign(case=name, run=name + "/" + t["run"]) for name, t in tables.items()], ignore_index=True)


def _validated() -> pd.DataFrame:
    """Rows of lr_schedules with a validation loss, which is the loss here."""
    from jaxlaws import published

    table = published("lr_schedules").frame
    table = table[table["val_loss"].notna() & (table["step"] >= FIRST_STEP)]
    return table.assign(loss=table["val_loss"])
