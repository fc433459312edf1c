"""Records of planners, and whatever else `plot` draws, as parts of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxlaws import plot
from jaxlaws.errors import JaxlawsError
from jaxlaws.plan import Allocation, Batches, Design, Prices, Profiles, Rates, SchedulePlan
from jaxlaws.report._charts import Store, drawn, picture
from jaxlaws.uncertainty import Profile
from jaxlaws.validate import Comparison, Influence

_CHARTS: dict[type, Callable[[Any], Any]] = {
    Allocation: plot.sizes_chart,
    Profiles: plot.sizes_chart,
    Prices: plot.sizes_chart,
    SchedulePlan: plot.schedule_chart,
    Rates: plot.basin_chart,
    Batches: plot.batch_chart,
    Design: plot.design_chart,
    Comparison: plot.rollout_chart,
    Influence: plot.influence_chart,
    Profile: plot.profile_chart,
}


def planned(plan: Any, store: Store, name: str) -> dict[str, Any]:
    """A plan as its picture and its text. Raises `JaxlawsError` for what no chart is known of."""
    make = next((chart for kind, chart in _CHARTS.items() if isinstance(plan, kind)), None)
    if make is None and not hasattr(plan, "to_dict"):
        known = ", ".join(kind.__name__ for kind in _CHARTS)
        raise JaxlawsError(f"`report(plans=...)` takes {known} and altair charts; got a {type(plan).__name__}.")
    chart, why = (plan, "") if make is None else drawn(lambda: make(plan))
    pictures = [] if chart is None else [picture(chart, name, store)]
    text = "" if make is None else str(plan)
    return {"pictures": pictures, "every": pictures, "text": "\n".join(filter(None, [why, text]))}
