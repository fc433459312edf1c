"""Losses over data mixtures: Ye et al. (2024), Data Mixing Laws, arXiv:2403.16952.

One row a checkpoint and validation set. Columns: `mixture` (family, model and the authors' name of the run), `run` (the
same with the validation set, whose losses are one curve), `family` ("2Mix", "3Mix", "5Mix", "RedPajama", "ct"), `model`
("70M" ... "1B"), `step`, `val_domain` as the file calls it, `loss` nats a token, and `r1`, `r2`, ... the shares of the
training domains in the family's order, empty beyond their number: 3Mix has Github, Books3, Pile-CC; 5Mix academic, prose,
dialogue, symbolic, internet. Runs of 5Mix numbered above 900 are not among those that the authors fit. There are no
learning rates. Rows whose step is no number are left out, and rows that repeat another.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxlaws.runs.checks import Finding
from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import Remote, listed, obtain_parts
from jaxlaws.runs.table import Runs

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "published:mixing_laws"
FAMILIES = ("2Mix", "3Mix", "5Mix", "RedPajama", "ct")


def load() -> Runs:
    """All families; with a mirror, those that it holds."""
    import pandas as pd

    parts: dict[str, list[Remote]] = {family: [] for family in FAMILIES}
    for remote in listed("mixing_laws"):
        path = Path(remote.path)
        if path.stem != "proportions":  # the mixtures once more: runs are named after theirs
            parts[path.parent.name].append(remote)
    there, findings = obtain_parts(parts, SOURCE)
    frame = pd.concat([table(path) for paths in there.values() for path in paths], ignore_index=True)
    kept = frame[frame["step"].notna()].drop_duplicates(["run", "step", "val_domain"])
    out = len(frame) - len(kept)
    note = f"{SOURCE}: {out} rows left out: steps that are no number, and rows that repeat another."
    # One run has many validation sets at a step, so each set is a curve of its own to the checks of steps.
    kept = kept.sort_values(["run", "val_domain", "step"], kind="stable")
    kept = kept.assign(mixture=kept["run"], run=kept["run"] + ":" + kept["val_domain"])
    return admit(kept, SOURCE, findings=(*findings, Finding("source", "drop", out, (), (), note)))


def table(path: Path) -> pd.DataFrame:
    """Rows of a file: path of a checkpoint, path of a validation set, loss."""
    import pandas as pd

    frame = pd.read_csv(path, sep=r"\s+", names=["checkpoint", "data", "loss"], dtype={"loss": float})
    place = frame["checkpoint"].str.rstrip("/").str.split("/")
    name = place.str[-2]
    shares = name.str.split("-").str[1:].apply(lambda text: pd.Series(pd.to_numeric(text, errors="coerce")))
    shares.columns = [f"r{i}" for i in range(1, shares.shape[1] + 1)]
    family, model = path.parent.name, path.stem
    return pd.DataFrame(
        {
            "run": f"{family}-{model}-" + name,
            "family": family,
            "model": model,
            "step": pd.to_numeric(place.str[-1], errors="coerce"),
            "val_domain": frame["data"].str.split("/").str[-1].str.removesuffix(".bin"),
            "loss": frame["loss"],
        }
    ).join(shares)
