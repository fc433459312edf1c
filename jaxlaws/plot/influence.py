"""Which runs a fit hangs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from jaxlaws.plot._style import PALETTE, dressed, ready, shown
from jaxlaws.validate import Influence

if TYPE_CHECKING:
    import altair as alt

SHOWN = 8  # units of each panel


def influence_chart(influence: Influence) -> alt.Chart:
    """Chart of an influence: for each parameter and each number that is decided, the units that move it most, by how many
    percent, if they are left out."""
    ready()
    import altair as alt

    panels = {}
    for name, change in influence.params.items():
        if not isinstance(change, Mapping):
            panels[name] = change / abs(float(influence.center.params[name]))  # type: ignore[arg-type]  # one with copies is a mapping
    if influence.decision is not None:
        decided = influence.decision if isinstance(influence.decision, Mapping) else {"decision": influence.decision}
        values = influence.value if isinstance(influence.value, Mapping) else {"decision": influence.value}
        for name, change in decided.items():
            if np.ndim(change) == 1:
                panels[name] = change / abs(float(values[name]))
    charts = []
    for name, change in panels.items():
        order = np.argsort(-np.abs(change), kind="stable")[:SHOWN]
        rows = [{"unit": shown(influence.units[i], 40), "change": 100.0 * float(change[i])} for i in order]
        charts.append(
            alt.Chart(alt.Data(values=rows))
            .mark_bar(color=PALETTE[0])
            .encode(
                x=alt.X("change:Q", title=f"change of {name} (%)"),
                y=alt.Y("unit:N", sort=None, title=None),
                tooltip=["unit:N", "change:Q"],
            )
            .properties(width=260, height=150)
        )
    title = shown(f"{influence.center.law.label}: what leaving out one {influence.by} changes", 90)
    note = f"to first order, the {SHOWN} of {len(influence.units)} that matter most"
    return dressed(alt.concat(*charts, columns=2), title, [note])
