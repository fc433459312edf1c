"""Which column of a source is which quantity, and its cells as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import TableError, nearest

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = {
    "run": "name of the run",
    "step": "optimiser step, whole, step 0 before the first update",
    "loss": "loss, nats a token",
    "lr": "learning rate that the update of this step uses",
    "batch": "batch size, tokens a step",
    "N": "parameters",
    "D": "training tokens",
    "C": "training compute, FLOP",
    "std": "standard deviation of the loss",
    "lr_schedule": "spec of the whole run's learning rate",
    "parent": "run that this one went on from",
    "parent_step": "step of the parent that it went on from",
}

NUMERIC = ("step", "loss", "lr", "batch", "N", "D", "C", "std")

# Spelled as `_plain` leaves them. An earlier tuple wins over a later one; within one, two columns are a conflict. Single
# letters are quantities only in their own case: a column `d` is more often a width than a number of tokens.
ALIASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "run": (("run", "run_id", "run_name", "runid"), ("name", "experiment", "exp_name")),
    "step": (("step",), ("iteration", "iter", "global_step", "train_step", "trainer_global_step"), ("_step",)),
    "loss": (
        ("loss",),
        (
            "train_loss",
            "training_loss",
            "val_loss",
            "valid_loss",
            "validation_loss",
            "eval_loss",
            "test_loss",
            "final_loss",
        ),
    ),
    "lr": (("lr",), ("learning_rate", "eta", "train_lr"), ("train_learning_rate", "lr_adamw", "lr_adam")),
    "batch": (("batch",), ("batch_tokens", "tokens_per_step", "tokens_per_batch", "batch_size_tokens")),
    "N": (
        ("params", "parameters", "n_params", "num_params", "n_parameters", "num_parameters", "parameter_count"),
        ("model_size", "model_params", "model_parameters"),
    ),
    "D": (("tokens", "n_tokens", "num_tokens", "train_tokens", "training_tokens", "tokens_seen"), ("data_tokens",)),
    "C": (("flops", "flop", "compute", "train_flops", "training_flop", "training_flops", "total_flops"),),
    "std": (("std",), ("loss_std", "loss_sd")),
    "lr_schedule": (("lr_schedule",),),
    "parent": (("parent",), ("parent_run", "resumed_from")),
    "parent_step": (("parent_step",), ("resumed_from_step",)),
}

_MISSING = {"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>"}


def canonical(name: str) -> str:
    """Quantity that a column called `name` would be taken for, or `name` itself."""
    if name in QUANTITIES:
        return name
    plain = _plain(name)
    return next((q for q, tiers in ALIASES.items() if any(plain in tier for tier in tiers)), name)


def claim(frame: pd.DataFrame, columns: Mapping[str, str], source: str) -> dict[str, str]:
    """Column of `frame` behind each quantity: the caller's choice first, then the canonical name, then an alias."""
    names = list(frame.columns)
    chosen = {}
    for quantity, column in columns.items():
        if column not in names:
            raise TableError(f"{source}: `--column {quantity}={column}`: {nearest(str(column), names, what='column')}")
        chosen[canonical(quantity)] = column
    free = [name for name in names if name not in chosen.values()]
    for quantity in (q for q in QUANTITIES if q not in chosen):
        column = quantity if quantity in free else _by_alias(frame, free, quantity, source)
        if column is not None:
            chosen[quantity] = column
            free.remove(column)
    return chosen


def rename(frame: pd.DataFrame, chosen: Mapping[str, str]) -> pd.DataFrame:
    """`frame` with the quantities in place of the columns they came from, every other column under its own name."""
    import pandas as pd

    out = {quantity: frame[column] for quantity, column in chosen.items()}
    for name in frame.columns:
        if name not in chosen.values():
            # Its name went to another column by the caller's choice: say that this one is the source's own.
            out[name if name not in out else f"{name} (source)"] = frame[name]
    return pd.DataFrame(out, index=frame.index)


def numbers(values: pd.Series, name: str, source: str) -> np.ndarray:
    """Cells as float64, a missing one as NaN. Raises a sentence that shows the first cell that is no number."""
    out, wrong = as_numbers(values)
    if wrong.any():
        at = int(np.argmax(wrong))
        cell = str(values.iloc[at])
        cell = cell if len(cell) <= 40 else cell[:40] + "..."
        more = f" (and {int(wrong.sum()) - 1} more)" if wrong.sum() > 1 else ""
        raise TableError(
            f"{source}: row {values.index[at]}{more}: column `{name}` must hold numbers; got {cell!r}. "
            f"Correct the cell, or name another column with `--column {name}=COLUMN`."
        )
    return out


def as_numbers(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Cells as float64 (NaN where there is none), and which are neither a number nor missing. Both of shape `(rows,)`."""
    import pandas as pd

    if values.dtype.kind in "iuf" and pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), dtype=bool)
    if holds_text(values):
        text = values.astype(object).where(values.notna(), "").map(str.strip)
        missing = text.str.lower().isin(_MISSING).to_numpy()
        out = pd.to_numeric(text.where(~missing, "nan"), errors="coerce").to_numpy(dtype=np.float64)
        return out, np.isnan(out) & ~missing
    cells = [_number(cell) for cell in values.astype(object)]
    wrong = np.array([cell is None for cell in cells], dtype=bool)
    return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64), wrong


def holds_text(values: pd.Series) -> bool:
    """Whether every cell that is there is text, in a column that could hold text."""
    import pandas as pd

    return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")


def _plain(name: str) -> str:
    for mark in " -./":
        name = name.replace(mark, "_")
    return name.lower()


def _by_alias(frame: pd.DataFrame, free: Sequence[str], quantity: str, source: str) -> str | None:
    for tier in ALIASES[quantity]:
        found = [name for name in free if len(name) > 1 and _plain(name) in tier]
        if quantity in NUMERIC:
            # A label such as `model_size = "25M"` is no number of parameters.
            found = [name for name in found if _has_numbers(frame[name])]
        if len(found) > 1 and quantity == "loss":
            return None  # which loss is meant is the caller's to say; `Runs.column` names the candidates
        if len(found) > 1:
            both = " and ".join(f"`{name}`" for name in found)
            raise TableError(
                f"{source}: columns {both} both look like `{quantity}` ({QUANTITIES[quantity]}); "
                f"choose with `--column {quantity}={found[0]}`."
            )
        if found:
            return found[0]
    return None


def _has_numbers(values: pd.Series) -> bool:
    out, wrong = as_numbers(values)
    return not wrong.any() or bool(np.isfinite(out).any())


def losses_in(names: Sequence[str]) -> list[str]:
    """Columns that could be meant by `loss`."""
    return [name for name in names if any(_plain(name) in tier for tier in ALIASES["loss"])]


def _number(cell: Any) -> float | None:
    if isinstance(cell, str):
        cell = cell.strip()
        if cell.lower() in _MISSING:
            return np.nan
        if "_" in cell:
            return None
    elif isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | Decimal | np.number):
        return np.nan if cell is None or type(cell).__name__ in ("NAType", "NaTType") else None
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
