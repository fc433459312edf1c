"""How charts look: colours that colour-blind readers tell apart, sizes that survive print, axes with readable numbers."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlaws.errors import JaxlawsError
from jaxlaws.spec import Quantity
from jaxlaws.spec.quantity import ANY

if TYPE_CHECKING:
    import altair as alt

WIDTH = 640
POINTS = 400  # rows drawn of one run
MARKS = 20_000  # rows drawn of all runs together: beyond that a page gets slow

# Okabe and Ito (2008), without black and the yellow that is lost on white; then the same, darker.
_BASE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")
_DARK = ("#00395A", "#7A3600", "#004F3A", "#7C3B62", "#7A5400", "#1F6A94", "#222222")
PALETTE = _BASE + _DARK
INK = "#333333"  # rules, and lines that stand for no run


def ready() -> None:
    """Raise a sentence unless altair and its converter are installed."""
    for name in ("altair", "vl_convert"):
        try:
            importlib.import_module(name)
        except ImportError:
            raise JaxlawsError(f"plots need the package {name}: `pip install 'jaxlaws[plot]'`.") from None


def thin(count: int, most: int) -> np.ndarray:
    """Indices of at most `most` of `count` rows, evenly spread, the first and the last among them."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, most))).astype(int))


def shown(text: object, most: int = 60) -> str:
    """Text out of data, as a chart can show it: one line, no control characters, not too long."""
    plain = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    return plain if len(plain) <= most else plain[: most // 2] + "..." + plain[-(most // 2 - 3) :]


def ticks(low: float, high: float) -> list[float]:
    """Round numbers for a log axis from `low` to `high`: powers of ten, with others between them in shorter ranges."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    if span < 0.9:
        return _even(low, high)
    every = max(1, math.ceil(span / 8))
    steps = (1,) if span > 4 else (1, 3) if span > 1.6 else (1, 2, 5)
    marks = [s * 10.0**k for k in decades if k % every == 0 for s in steps]
    return [m for m in marks if low * 0.999 <= m <= high * 1.001]


def _even(low: float, high: float) -> list[float]:
    """Five to ten multiples of 1, 2 or 5 times a power of ten."""
    rough = max(high - low, 1e-9 * high) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(s * power for s in (1, 2, 5) if s * power <= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def name_of(quantity: Quantity, origin: str = "") -> str:
    """What stands at an axis: meaning and unit, or the column's own name for a quantity of any kind."""
    if quantity is ANY:
        return shown(origin)
    known = quantity.unit in quantity.meaning or quantity.unit in ("", "1")
    return quantity.meaning if known else f"{quantity.meaning} ({quantity.unit})"


def number_format(low: float, high: float) -> str:
    """Vega expression that labels numbers of this size: 70B rather than 7e10, and 1e20 where no letter is known."""
    if low >= 1e-2 and high < 1e4:
        return "format(datum.value, '~g')"
    if low >= 1 and high < 1e15:
        return "replace(format(datum.value, '~s'), 'G', 'B')"
    return "replace(format(datum.value, '~e'), '+', '')"


def drawable(values: np.ndarray) -> np.ndarray:
    """Those that have a place on a log axis."""
    return values[np.isfinite(values) & (values > 0)]


def log_axis(alt: Any, field: str, values: np.ndarray, title: str, *, channel: str, show: bool = True) -> Any:
    """Log axis over `values`, those that have a place on it, with a little room at both ends. Raises a sentence where none
    has."""
    shown_ones = drawable(np.asarray(values, dtype=np.float64))
    if not len(shown_ones):
        raise JaxlawsError(f"there is nothing to draw: no {title} is a finite number above 0.")
    low, high = float(np.min(shown_ones)), float(np.max(shown_ones))
    room = (high / low) ** 0.03 if high > low else 1.1
    domain = [low / room, high * room]
    marks = ticks(*domain)
    axis = alt.Axis(values=marks, labelExpr=number_format(marks[0], marks[-1]) if marks else alt.Undefined, labels=show)
    scale = alt.Scale(type="log", domain=domain, nice=False)
    make = alt.X if channel == "x" else alt.Y
    return make(f"{field}:Q", scale=scale, axis=axis, title=title if show else None)


def dressed(chart: Any, title: str, notes: Sequence[str]) -> alt.Chart:
    """A chart with its title, what is to be known of it, and sizes for print."""
    import altair as alt

    head = alt.TitleParams(
        title,
        subtitle=list(notes),
        anchor="start",
        fontSize=17,
        subtitleFontSize=13,
        subtitleColor="#444444",
        offset=14,
        subtitlePadding=5,
    )
    return (
        chart.properties(title=head, background="white", padding=14)
        .configure_axis(
            labelFontSize=13,
            titleFontSize=14,
            titleFontWeight="normal",
            titlePadding=8,
            gridColor="#E6E6E6",
            domainColor="#888888",
            tickColor="#888888",
        )
        .configure_legend(
            orient="right",
            labelFontSize=13,
            titleFontSize=13,
            labelLimit=330,
            symbolLimit=40,
            symbolStrokeWidth=2.5,
            titleFontWeight="normal",
            rowPadding=3,
        )
        .configure_view(stroke="#BBBBBB")
    )
