"""How are all runs of a database fitted, and which of them are odd?

Fits a law to each cosine run among five hundred simulated ones, some of which have spikes, gaps and NaN or diverge, and
queries the fits. Stopped or killed, the same call goes on: what is there is kept.

    python examples/07_many_runs.py
"""

import tempfile
from pathlib import Path

import pandas as pd

from jaxlaws import bulk_fit
from jaxlaws.bulk import Summary
from jaxlaws.runs.generate import write_generated

folder = Path(tempfile.mkdtemp())
write_generated(folder / "runs", 500, points=60)


def fitted() -> Summary:
    return bulk_fit(
        folder / "runs" / "curves",
        "lr_annealing",
        by="run",
        out=folder / "fits",
        where="schedule == 'cosine'",
        starts=4,
    )


print(fitted())
again = fitted()
print(f"again: {again.kept} partition kept, {again.written} written")

fits = pd.read_parquet(folder / "fits")
odd = fits[fits["diverged"] | (fits["misfit"] > 5 * fits["misfit"].median()) | fits["misfit"].isna()]
print(odd[["run", "status", "misfit", "spikes", "diverged"]].to_string(index=False))
