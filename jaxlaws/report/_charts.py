"""Charts as a page holds them: no colours of their own ground, data once and in columns, titles and notes as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from jaxlaws.errors import JaxlawsError

ROWS = 200  # rows of the table beside a chart


@dataclass(frozen=True)
class Picture:
    """A chart on the page: `spec` is Vega-Lite without data, which `columns` hold by name; `table` is what screen readers
    get, its head first, and `thinned` what was left out of that."""

    id: str
    title: str
    notes: tuple[str, ...]
    spec: dict[str, Any]
    controls: list[dict[str, Any]]
    table: tuple[list[str], list[list[str]]]
    thinned: str
    choices: tuple[str, ...] = ()
    domain: tuple[float, float] | None = None  # of the steps, where they can be zoomed

    @property
    def zooms(self) -> bool:
        return self.domain is not None


def picture(chart: Any, name: str, store: Store, *, title: str = "") -> Picture:
    """The chart for a page, its data moved to the page's store."""
    spec = chart.to_dict(validate=False)
    head = spec.pop("title", {})
    head = head if isinstance(head, dict) else {"text": head}
    for key in ("background", "padding", "config", "$schema"):
        spec.pop(key, None)  # the page's own, in light and dark
    meta = spec.pop("usermeta", {})
    for param in spec.get("params", ()):
        param.pop("bind" if meta and "bind" in param and param["bind"] != "scales" else "", None)
    store.take(spec)
    choices = _by_series(spec)
    rows = _widest(spec, store)
    return Picture(
        id=name,
        title=title or str(head.get("text", "")),
        notes=tuple(head.get("subtitle", ())),
        spec=spec | ({"usermeta": meta} if meta else {}),
        controls=meta.get("controls", []),
        table=_table(rows),
        thinned=f"{ROWS} of {len(rows):,} rows" if len(rows) > ROWS else "",
        choices=choices,
        domain=_domain(spec) if any(p.get("bind") == "scales" for p in spec.get("params", ())) else None,
    )


class Store:
    """The data of all charts of a page, each set once: by name its columns, texts as places in a list."""

    def __init__(self) -> None:
        self.sets: dict[str, dict[str, Any]] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._known: dict[str, str] = {}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of a set, as the chart had them."""
        return self._rows[name]

    def take(self, spec: Any) -> None:
        """Move every inline data set of a specification here."""
        if isinstance(spec, list):
            for part in spec:
                self.take(part)
        elif isinstance(spec, dict):
            data = spec.get("data")
            if isinstance(data, dict) and isinstance(data.get("values"), list):
                spec["data"] = {"name": self._named(data["values"])}
            for key, part in spec.items():
                if key != "data":
                    self.take(part)

    def _named(self, rows: list[dict[str, Any]]) -> str:
        columns = _columns(rows)
        key = json.dumps(columns, sort_keys=True)
        if key not in self._known:
            name = f"data{len(self.sets)}"
            self._known[key] = name
            self.sets[name] = columns
            self._rows[name] = rows
        return self._known[key]


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {"rows": len(rows), "columns": {name: _column([row.get(name) for row in rows]) for name in names}}


def _column(values: list[Any]) -> Any:
    if any(isinstance(v, str) for v in values):
        words = list(dict.fromkeys(values))
        place = {word: i for i, word in enumerate(words)}
        return {"words": words, "at": [place[v] for v in values]}
    return [_short(v) for v in values]


def _short(value: Any) -> Any:
    """Six digits: more than a screen shows, and half of the page's size."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.6g}")
    return value


def _by_series(spec: Any) -> tuple[str, ...]:
    """Runs by which a chart can be filtered; the filter is put into each of its units."""
    found: dict[str, None] = {}

    def visit(unit: Any) -> None:
        if not isinstance(unit, dict):
            return
        colour = unit.get("encoding", {}).get("color", {})
        if isinstance(colour, dict) and colour.get("field") == "series":
            found.update(dict.fromkeys(colour.get("scale", {}).get("domain", ())))
            unit.setdefault("transform", []).insert(0, {"filter": "chosen === null || datum.series === chosen"})
        for key in ("layer", "vconcat", "hconcat", "concat"):
            for part in unit.get(key, ()):
                visit(part)

    visit(spec)
    if len(found) < 2:
        return ()
    spec.setdefault("params", []).append({"name": "chosen", "value": None})
    return tuple(found)


def _domain(spec: Any) -> tuple[float, float] | None:
    """Domain of the first horizontal axis that says one."""
    if isinstance(spec, list):
        return next((d for one in spec if (d := _domain(one))), None)
    if not isinstance(spec, dict):
        return None
    scale = spec.get("encoding", {}).get("x", {}).get("scale", {})
    if isinstance(scale, dict) and "domain" in scale:
        return float(scale["domain"][0]), float(scale["domain"][1])
    return next((d for key in ("layer", "vconcat", "concat") if (d := _domain(spec.get(key, [])))), None)


def _widest(spec: Any, store: Store) -> list[dict[str, Any]]:
    """Rows of the largest data set that a specification names."""
    names: list[str] = []

    def visit(part: Any) -> None:
        if isinstance(part, list):
            for one in part:
                visit(one)
        elif isinstance(part, dict):
            if isinstance(part.get("data"), dict) and "name" in part["data"]:
                names.append(part["data"]["name"])
            for key, one in part.items():
                if key != "data":
                    visit(one)

    visit(spec)
    return max((store.rows(n) for n in names), key=len, default=[])


def _table(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    from jaxlaws.plot._style import thin

    if not rows:
        return [], []
    hidden = {"id", "line", "order", "none", "beyond", "detail"}
    names = [n for n in rows[0] if n not in hidden]
    some = [rows[i] for i in thin(len(rows), ROWS)]
    return names, [[_cell(row.get(name)) for name in names] for row in some]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def drawn(make: Callable[[], Any]) -> tuple[Any, str]:
    """A chart, or the sentence that says why there is none."""
    try:
        return make(), ""
    except JaxlawsError as error:
        return None, str(error)


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, out of the installed converter: nothing is fetched."""
    import vl_convert

    script = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub asks for what it defaults
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
