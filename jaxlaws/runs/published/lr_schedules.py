"""235 training logs under WSD and cosine schedules, with sweeps of the peak, the horizon and the cooldown: Schaipp et al.
(2025), arXiv:2501.18965, with runs of Haegele et al. (2024), arXiv:2405.18392.

Columns: `run`, `dataset`, `model`, `n_layer`, `n_embd`, `N` parameters with (tied) embeddings, `scheduler` "wsd" or "cos",
`decay_type`, `cooldown` (share of the run), `peak`, `total` (steps), `parent` and `parent_step` (the run and step that a
branch went on from), `step`, `lr`, `loss` training loss of one batch (nats a token), `val_loss` on 32 batches where it was
logged, `batch` tokens a step, `lr_schedule`.

The logged `lr` is the one set after the update, which the next step uses: `lr_schedule`, which is what a step uses, runs
one step behind it. A branch logs its own steps only, its `lr_schedule` is that of the whole curve, its parent's part
included. Logs are put in order of their steps; where a restart logged a step twice, the later line is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import ScheduleError
from jaxlaws.runs.checks import Finding
from jaxlaws.runs.door import admit
from jaxlaws.runs.published._fetch import listed, obtain_parts
from jaxlaws.runs.rates import RateOptions
from jaxlaws.runs.table import Runs
from jaxlaws.schedules import Schedule, constant, cosine, join, wsd

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "published:lr_schedules"
FOLDER = "lr_schedules/raw/"

# A spec is given only where it agrees with the log, relative to the logged rate.
AGREEMENT = 1e-3


def load() -> Runs:
    """All logs; with a mirror, those that it holds."""
    import pandas as pd

    files = {f.path.removeprefix(FOLDER).removesuffix(".json"): [f] for f in listed("lr_schedules")}
    parts, findings = obtain_parts(files, SOURCE)
    frames, repeated = [], {}
    for run, (path,) in parts.items():
        frame, repeated[run] = _log(path, run)
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True)
    findings += tuple(filter(None, (_repeats(repeated), _without_schedule(frame))))
    return admit(frame, SOURCE, findings=findings, rate_options=RateOptions(after_step=True))


def schedule_of(config: dict[str, Any]) -> Schedule | None:
    """Exact learning rate of a run by its configuration, or None for a scheduler that is not one of the two plain ones."""
    peak, total, warmup = config["lr"], config["iterations"], config["warmup_steps"]
    begin = {"start": peak / 100.0}
    if config["scheduler"] == "cos":
        # torch's OneCycleLR: cosine ramp and cosine decay, each one step shorter than it is told.
        stated = config.get("cos_final_lr", -1.0)
        end = stated if stated >= 0 else peak / 10.0
        plain = cosine(peak, total=total - 1, end=end, warmup=warmup - 1, ramp="cosine", **begin)
    elif config["scheduler"] == "wsd":
        cooldown = int(config["wsd_fract_decay"] * total)
        shape = {"sqrt": "1-sqrt"}.get(config.get("decay_type") or "linear", config.get("decay_type") or "linear")
        plain = constant(peak, total=total, warmup=warmup, **begin)
        if cooldown > 0:
            plain = wsd(peak, hold=total - cooldown, total=total, decay=shape, warmup=warmup, **begin)
    else:
        return None
    # The first update uses the schedule's rate at 0.
    return join([constant(0.0), plain], at=1)


def _log(path: Path, run: str) -> tuple[pd.DataFrame, int]:
    """Rows of one log in order of their steps, and how many were logged twice."""
    import pandas as pd

    content = json.loads(path.read_text("utf-8"))
    config, history = content["config"], content["history"]
    train = _series(history["train"], "train_loss", "train_lr").rename(columns={"train_loss": "loss", "train_lr": "lr"})
    rows = train.drop_duplicates("step", keep="last").sort_values("step")
    val = _series(history["val"], "val_loss").drop_duplicates("step", keep="last")
    rows = rows.merge(val, on="step", how="left")
    schedule = _agreeing(config, rows["step"].to_numpy(), rows["lr"].to_numpy())
    parent, parent_step = _parent(config.get("resume_from"))
    labels = {
        "run": run,
        "dataset": config["dataset"],
        "model": config["model"],
        "n_layer": config["n_layer"],
        "n_embd": config["n_embd"],
        "N": float(content["summary"]["parameters"]),
        "scheduler": config["scheduler"],
        "decay_type": config.get("decay_type") or "",
        "cooldown": float(config.get("wsd_fract_decay") or 0.0),
        "peak": config["lr"],
        "total": config["iterations"],
        "parent": parent,
        "parent_step": parent_step,
        "batch": float(np.prod([config[k] for k in ("batch_size", "acc_steps", "world_size", "sequence_length")])),
        "lr_schedule": str(schedule) if schedule else "",
    }
    return pd.DataFrame(labels, index=rows.index).join(rows), len(train) - len(rows)


def _series(logged: dict[str, list[Any]], *names: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"step": logged["iter"], **{name: logged[name] for name in names}})


def _agreeing(config: dict[str, Any], steps: np.ndarray, logged: np.ndarray) -> Schedule | None:
    try:
        schedule = schedule_of(config)
    except (ScheduleError, KeyError, TypeError):
        return None
    # The rate logged at the last step would be the next one's, and there is none.
    used = steps < config["iterations"]
    if schedule is None or not used.any():
        return None
    apart = np.abs(schedule(steps[used] + 1) - logged[used])
    return schedule if np.all(apart <= AGREEMENT * logged[used]) else None


def _parent(checkpoint: str | None) -> tuple[str, float]:
    """Run and step of a checkpoint such as `.../exps/RUN/ckpts/20000`."""
    parts = (checkpoint or "").split("/")
    if len(parts) < 3 or parts[-2] != "ckpts" or not parts[-1].isdecimal():
        return "", np.nan
    return parts[-3], float(parts[-1])


def _repeats(repeated: dict[str, int]) -> Finding | None:
    runs = [run for run, count in repeated.items() if count > 0]
    if not runs:
        return None
    count = sum(repeated.values())
    note = f"{SOURCE}: {count} rows of {len(runs)} runs log a step again, as after a restart; the later line is kept."
    return Finding("duplicated_steps", "drop", count, (), tuple(runs[:5]), note, {run: repeated[run] for run in runs})


def _without_schedule(frame: pd.DataFrame) -> Finding | None:
    runs = frame.loc[frame["lr_schedule"] == "", "run"].unique()
    if len(runs) == 0:
        return None
    note = f"{SOURCE}: no exact schedule is known for {', '.join(runs)}; their logged rates stand in."
    return Finding("source", "keep", int((frame["lr_schedule"] == "").sum()), (), tuple(runs[:5]), note)
