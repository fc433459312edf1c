"""Packages that only some readers need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from jaxlaws.errors import TableError


def package(name: str, source: str, what: str, extra: str) -> Any:
    """The module `name`, or a sentence that says how to install it."""
    try:
        return import_module(name)
    except ImportError:
        raise TableError(f"{source}: {what}: `pip install jaxlaws[{extra}]`.") from None
