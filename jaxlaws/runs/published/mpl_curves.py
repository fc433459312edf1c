"""27 loss curves, 3 model sizes under 9 schedules, of the multi-power law: Luo et al. (2025), arXiv:2503.12811.

Columns: `run` such as "25M-cosine_24000", `size` "25M", "100M" or "400M", `schedule` "cosine_24000", `step`, `lr`, `loss`
training loss (nats a token, 4 decimals), `N` parameters without embeddings (25, 101 and 340 million), `batch` 128 x 4,096
tokens a step, `lr_schedule`. All peak at 3e-4 after a warm-up of 2,160 steps and end at 3e-5; `wsd` decays
exponentially, `wsdld` linearly, `wsdcon_9` drops to 9e-5 at step 8,000. Rows begin after the warm-up. The `wsd...` files
share their stable part with `constant_72000`: rows of different files are not independent.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import Remote, listed, obtain_parts
from jaxlaws.runs.readers import load as read_file
from jaxlaws.runs.table import Runs
from jaxlaws.schedules import Schedule, constant, cosine, multistep, wsd

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "published:mpl_curves"
SIZES = {"25M": 25e6, "100M": 101e6, "400M": 340e6}
PEAK, END, WARMUP = 3e-4, 3e-5, 2160
BATCH = 128 * 4096


def load() -> Runs:
    """All curves; with a mirror, those of the sizes that it holds."""
    import pandas as pd

    files: dict[str, list[Remote]] = {
        size: [f for f in listed("mpl_curves") if f"/csv_{size[:-1]}/" in f.path] for size in SIZES
    }
    parts, findings = obtain_parts(files, SOURCE)
    frames = [
        _curve(path, size, PurePosixPath(remote.path).stem)
        for size, paths in parts.items()
        for path, remote in zip(paths, files[size], strict=True)
    ]
    return admit(pd.concat(frames, ignore_index=True), SOURCE, findings=findings)


def schedule_of(name: str) -> Schedule:
    """Exact learning rate of the curve called `name`, as the authors' code builds it."""
    kind, *numbers = name.split("_")
    # Their ramp is numpy.linspace(0, peak, 2160): the peak is reached at step 2159.
    if kind == "constant":
        return constant(PEAK, total=int(numbers[0]), warmup=WARMUP, ramp="linspace")
    if kind == "cosine":
        return cosine(PEAK, total=int(numbers[0]), end=END, warmup=WARMUP, ramp="linspace")
    if kind == "wsdcon":
        to = round(int(numbers[0]) * 1e-5, 10)
        return multistep(PEAK, at=8000, to=to, total=16000, warmup=WARMUP, ramp="linspace")
    decay = {"wsd": "exp", "wsdld": "linear"}[kind]
    hold, total = map(int, numbers)
    return wsd(PEAK, hold=hold, total=total, end=END, decay=decay, warmup=WARMUP, ramp="linspace")


def _curve(path: Path, size: str, schedule: str) -> pd.DataFrame:
    labels = {"run": f"{size}-{schedule}", "size": size, "schedule": schedule}
    exact = {"N": SIZES[size], "batch": float(BATCH), "lr_schedule": str(schedule_of(schedule))}
    return read_file(path)[0].assign(**labels, **exact)
