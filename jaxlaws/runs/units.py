"""Units that `--unit` turns into the library's own: nats, parameters, tokens, FLOP, fractions."""

from __future__ import annotations

import math

from jaxlaws.errors import TableError

_COUNTS = {"thousands": 1e3, "millions": 1e6, "billions": 1e9, "trillions": 1e12}
_COMPUTE = {
    "flop": 1.0,
    "gigaflop": 1e9,
    "teraflop": 1e12,
    "petaflop": 1e15,
    "exaflop": 1e18,
    "zettaflop": 1e21,
    "yottaflop": 1e24,
    "pflop_days": 86400e15,
}
_LOSS = {"nats": 1.0, "bits": math.log(2.0)}

# Factor to the library's unit. What needs more than a factor (bits a byte: bytes a token) is not a unit here.
UNITS: dict[str, dict[str, float]] = {
    "loss": _LOSS,
    "std": _LOSS,
    "N": {"parameters": 1.0, **_COUNTS},
    "D": {"tokens": 1.0, **_COUNTS},
    "batch": {"tokens": 1.0, **_COUNTS},
    "C": _COMPUTE,
}

_ANY = {"fraction": 1.0, "percent": 1e-2, **_COUNTS}


def factor(quantity: str, unit: str, source: str) -> float:
    """What to multiply a column of `quantity` in `unit` with."""
    known = UNITS.get(quantity, _ANY)
    if quantity in ("run", "step", "lr", "lr_schedule"):
        raise TableError(f"{source}: `--unit {quantity}={unit}`: `{quantity}` has no unit to convert.")
    if unit not in known:
        raise TableError(
            f"{source}: `--unit {quantity}={unit}`: unknown unit; `{quantity}` can be in {', '.join(known)}. "
            "Convert any other unit in the table itself."
        )
    return known[unit]
