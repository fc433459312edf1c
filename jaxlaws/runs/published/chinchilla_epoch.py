"""245 final losses of Hoffmann et al. (2022), arXiv:2203.15556, read off their figure 4 by Besiroglu et al. (2024),
arXiv:2404.10102.

Columns: `N` parameters (from the position on the axis), `C` training FLOP, `D` tokens, `loss` nats a token (read off a
colour scale). The file holds no `D`; it is C / (6 N). The published fit leaves out the five highest losses, whose models
saw less than half a token a parameter; so does `chinchilla_epoch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain
from jaxlaws.runs.readers import load as read_file
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

DROPPED = 5


def load() -> Runs:
    """The 240 rows of the published fit."""
    frame = _frame()
    return admit(frame.drop(frame.nlargest(DROPPED, "loss").index), "published:chinchilla_epoch")


def load_all() -> Runs:
    """All 245 rows."""
    return admit(_frame(), "published:chinchilla_epoch_all")


def _frame() -> pd.DataFrame:
    import pandas as pd

    (path,) = obtain(listed("chinchilla_epoch"))
    frame = read_file(path)[0].rename(columns={"Model Size": "N", "Training FLOP": "C"})
    frame = frame.assign(D=frame["C"] / (6.0 * frame["N"]))[["N", "D", "C", "loss"]]
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="row"))
