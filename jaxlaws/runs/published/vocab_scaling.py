"""60 models of six sizes and ten vocabularies, at 20 checkpoints each: Tao et al. (2024), arXiv:2407.13623.

Columns: `run`, `V` entries, `d` width of the embedding, `Nnv` parameters without vocabulary, `Nv` = V d, `N` their sum, `H`
training characters, `C` training FLOP, `D` tokens, which the file lacks: C / (6 N); `Lu` loss less that of a unigram model,
nats a token, below 0.

`vocab_scaling` holds the 1054 rows of the published fit, those from 2.18e17 FLOP up; `vocab_scaling_all` all 1200. Rows of
one run are checkpoints of one training, and correlated. The authors state no licence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain
from jaxlaws.runs.readers import load as read_file
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

SMALLEST = 2.18e17

_COLUMNS = {
    "vocab_size": "V",
    "embed_dim": "d",
    "Non_vocab_parameters": "Nnv",
    "num_characters": "H",
    "FLOPs": "C",
    "Lossu": "Lu",
}


def load() -> Runs:
    """The 1054 rows of the published fit."""
    frame = _frame()
    return admit(frame[frame["C"] >= SMALLEST], "published:vocab_scaling")


def load_all() -> Runs:
    """All 1200 rows."""
    return admit(_frame(), "published:vocab_scaling_all")


def _frame() -> pd.DataFrame:
    import pandas as pd

    (path,) = obtain(listed("vocab_scaling"))
    frame = read_file(path)[0].rename(columns=_COLUMNS)
    frame = frame.assign(Nv=frame["V"] * frame["d"])
    frame = frame.assign(N=frame["Nnv"] + frame["Nv"])
    size, entries = (frame[name].astype("int64").astype(str) for name in ("Nnv", "V"))
    frame = frame.assign(D=frame["C"] / (6.0 * frame["N"]), run=size + "-" + entries)
    columns = ["run", "Nnv", "V", "d", "Nv", "N", "H", "D", "C", "Lu"]
    return frame[columns].set_axis(pd.RangeIndex(1, len(frame) + 1, name="row"))
