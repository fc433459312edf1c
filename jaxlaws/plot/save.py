"""A chart as a file."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxlaws.errors import JaxlawsError
from jaxlaws.fitting.result import write_whole
from jaxlaws.plot._style import ready

if TYPE_CHECKING:
    import altair as alt

ENDINGS = (".png", ".svg", ".pdf", ".html")


def save(chart: alt.TopLevelMixin, path: str | os.PathLike[str]) -> None:
    """Write a chart as PNG (twice the screen's resolution), SVG, PDF or a self-contained HTML page, whole or not at all."""
    ready()
    place = Path(path)
    kind = place.suffix.lower()
    if kind not in ENDINGS:
        raise JaxlawsError(f"`save({place.name!r})`: a chart's file must end in {', '.join(ENDINGS)}.")
    write_whole(place, _drawn(chart, kind))


def _drawn(chart: alt.TopLevelMixin, kind: str) -> str | bytes:
    text, file = io.StringIO(), io.BytesIO()
    match kind:
        case ".html":
            chart.save(text, format="html", inline=True, json_kwds={"cls": Inert})
        case ".svg":
            chart.save(text, format="svg")
        case ".pdf":
            chart.save(file, format="pdf")
        case _:
            chart.save(file, format="png", scale_factor=2)
    return text.getvalue() or file.getvalue()


class Inert(json.JSONEncoder):
    """JSON that cannot end the script element it stands in: names come from data."""

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        for mark in "<>&":  # in JSON these stand in strings only
            text = text.replace(mark, f"\\u{ord(mark):04x}")
        return text
