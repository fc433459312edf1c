"""Scaling laws as pure JAX functions: fit them to every step of many curves, say how far to trust them, plan with them.

>>> import jaxlaws
>>> law = jaxlaws.catalogue["chinchilla"]
>>> float(law.constants["besiroglu"](N=7e10, D=1.4e12)).__round__(3)
1.973
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jaxlaws.laws as laws
from jaxlaws import objectives, schedules, solvers
from jaxlaws.errors import JaxlawsError
from jaxlaws.objectives import huber, normal
from jaxlaws.schedules.curve import Curve
from jaxlaws.solvers import descent, levenberg_marquardt
from jaxlaws.spec import Law, catalogue, exponent, fixed, formula, law, positive, quantity, real

if TYPE_CHECKING:
    from jaxlaws import fitting, uncertainty
    from jaxlaws.bulk import bulk_fit
    from jaxlaws.fitting import Fit, Fits, fit, load, predict
    from jaxlaws.report import report
    from jaxlaws.runs import Runs, published, read, shipped
    from jaxlaws.uncertainty import bootstrap

__version__ = "0.1.0"

# Imported when first used (PEP 562): rooms that bring pandas along, whatever of them was imported before.
_ROOMS = ("bulk", "fitting", "online", "plan", "plot", "report", "runs", "uncertainty", "validate")
_LATER = {
    "Fit": "fitting",
    "Fits": "fitting",
    "fit": "fitting",
    "load": "fitting",
    "predict": "fitting",
    "bootstrap": "uncertainty",
    "bulk_fit": "bulk",
    "Runs": "runs",
    "published": "runs",
    "read": "runs",
    "shipped": "runs",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _ROOMS:
        return importlib.import_module(f"jaxlaws.{name}")
    if name in _LATER:
        return getattr(importlib.import_module(f"jaxlaws.{_LATER[name]}"), name)
    raise AttributeError(f"module 'jaxlaws' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "Curve",
    "Fit",
    "Fits",
    "JaxlawsError",
    "Law",
    "Runs",
    "bootstrap",
    "bulk_fit",
    "catalogue",
    "descent",
    "exponent",
    "fit",
    "fitting",
    "fixed",
    "formula",
    "huber",
    "law",
    "laws",
    "levenberg_marquardt",
    "load",
    "normal",
    "objectives",
    "positive",
    "predict",
    "published",
    "quantity",
    "read",
    "real",
    "report",
    "schedules",
    "shipped",
    "solvers",
    "uncertainty",
]
