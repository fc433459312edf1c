"""The OLMo ladder: models of 190M to 3B parameters at half to ten times 20 tokens a parameter, evaluated along the way:
Bhagia et al. (2024), arXiv:2412.04403.

One row an evaluation. Columns: `run` ("190M-1xC"), `size`, `multiple` of the data, `step`, `lr` at that step, `lr_peak`,
`batch` tokens a step, `N` parameters, `D` tokens so far, `C` = 6 N D, `loss` nats a token on C4 (validation), the same on
ten other sets as `loss_SET`, and by task `bpb_TASK` bits a byte of the right answer and `accuracy_TASK`. The schedule
is a cosine down to a tenth of the peak. The size of the 3B models is not in the repository: their `N` and `C` are empty.
`-rerun` is a second run of the same settings. There are no training losses.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import Remote, listed, obtain_parts
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "published:olmo_ladder"
PARAMETERS = {"190M": 190_354_176, "370M": 371_262_464, "760M": 758_220_288, "1B": 1_279_395_840, "3B": np.nan}
_RUN = re.compile(r"(?P<size>\d+[MB])-(?P<multiple>[\d.]+)xC(-rerun)?$")


def load() -> Runs:
    """All rungs; with a mirror, those of the sizes that it holds."""
    import pandas as pd

    parts: dict[str, list[Remote]] = {size: [] for size in PARAMETERS}
    for remote in listed("olmo_ladder"):
        if found := _RUN.match(Path(remote.path).stem):
            parts[found["size"]].append(remote)
    there, findings = obtain_parts(parts, SOURCE)
    frames = [_frame(path) for paths in there.values() for path in paths]
    return admit(pd.concat(frames, ignore_index=True), SOURCE, findings=findings)


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    table, found = pd.read_csv(path), _RUN.match(path.stem)
    assert found is not None  # `load` took the files that match
    tokens = table["throughput/total_tokens"].astype(float)
    size = float(PARAMETERS[found["size"]])
    out = {
        "run": path.stem,
        "size": found["size"],
        "multiple": float(found["multiple"]),
        "step": table["_step"],
        "lr": table["optim/learning_rate_group0"],
        "lr_peak": table["learning_rate_peak"],
        "batch": table["batch_size_in_tokens"].astype(float),
        "N": size,
        "D": tokens,
        "C": 6.0 * size * tokens,
        "loss": table["eval/c4_en-validation/CrossEntropyLoss"],
    }
    for column in table.columns:
        kind, _, name = column.removeprefix("eval/").partition("/")
        if name == "CrossEntropyLoss" and kind != "c4_en-validation":
            out["loss_" + kind.removesuffix("-validation")] = table[column]
        elif kind == "downstream_bpb":
            out["bpb_" + name.removesuffix("_bpb")] = table[column]
        elif kind == "downstream":
            out["accuracy_" + name.removesuffix("_len_norm").removesuffix("_acc")] = table[column]
    return pd.DataFrame(out)
