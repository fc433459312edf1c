"""223 language models, dense and routed three ways, logged every 10,000 steps: Clark et al. (2022), arXiv:2202.01169.

Columns: `run`, `step`, `loss` on the validation set and `loss_c4`, `loss_pile`, `loss_wikitext103`, ... on others (nats a
token), `router` "Dense", "Hash", "RL-R" or "S-Base", `E` experts, `k` experts a token, `N` parameters that a token sees,
`N_total` all parameters, `routing_frequency` share of routed blocks, `seed`, and the file's own columns of shape and cost.
Rows of step 0 are the initialisation and are left out, as are the 8 rows without a validation loss. The file does not say
how many tokens a step has.

`routed_lm` holds the last row of each run on the main grid, as the authors' fit takes it: k = 1, half of the blocks routed,
seed 42. `routed_lm_all` holds every logged row.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxlaws.runs.checks import Finding
from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {
    "hyper_id": "run",
    "loss_validation": "loss",
    "router_type": "router",
    "num_experts": "E",
    "dense_parameter_count": "N",
    "total_parameter_count": "N_total",
}


def load() -> Runs:
    """The last row of each run on the main grid."""
    (path,) = obtain(listed("routed_lm"))
    frame, findings = table(path)
    return admit(last_on_the_grid(frame), "published:routed_lm", findings=findings)


def load_all() -> Runs:
    """Every logged row."""
    (path,) = obtain(listed("routed_lm"))
    frame, findings = table(path)
    return admit(frame, "published:routed_lm_all", findings=findings)


def table(path: Path) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Rows of the file in canonical columns, and what was left out."""
    import pandas as pd

    frame = pd.read_csv(path).rename(columns=_COLUMNS)
    kept = frame[(frame["step"] > 0) & frame["loss"].notna()].sort_values(["run", "step"], kind="stable")
    out = len(frame) - len(kept)
    note = f"published:routed_lm: {out} rows left out: initialisations, and rows without a validation loss."
    kept = kept.set_axis(pd.RangeIndex(1, len(kept) + 1, name="row"))
    return kept, (Finding("source", "drop", out, (), (), note),)


def last_on_the_grid(frame: pd.DataFrame) -> pd.DataFrame:
    """The last row of each run with one expert a token, every other block routed and seed 42."""
    main = frame[(frame["k"] == 1) & (frame["routing_frequency"] == 0.5) & (frame["seed"] == 42)]
    return main.groupby("run", sort=False).tail(1)
