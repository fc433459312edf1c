"""The house keeps its shape: which rooms there are, and arrows between them that point down only."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import jaxlaws

FLOORS = {
    name: floor
    for floor, names in enumerate(
        (
            "errors _typing",
            "spec schedules solvers",
            "laws runs objectives",
            "fitting",
            "uncertainty",
            "plan validate",
            "plot online bulk",
            "report",
            "cli",
            "__init__ __main__",
        )
    )
    for name in names.split()
}
HOUSE = Path(jaxlaws.__file__).parent
FILES = sorted(HOUSE.rglob("*.py"))
ROOMS = sorted(path.parent for path in FILES if path.name == "__init__.py")
LAND = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "mkdocs.yml", "pyproject.toml"}
LAND |= {"jaxlaws", "tests", "benchmarks", "examples", "docs"}


def room(path: Path) -> str:
    """Room of a file, or the file's own name when it stands beside the rooms."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Rooms that a file imports from, wherever in it. `__init__` stands for the front door."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["jaxlaws", *path.relative_to(HOUSE).parts]
            base = ".".join([*package[: -node.level], node.module or ""] if node.level else [node.module or ""])
            names += [f"{base.rstrip('.')}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names += [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    inside = [name.split(".") for name in names if name.split(".")[0] == "jaxlaws"]
    return {name[1] if len(name) > 1 and name[1] in FLOORS else "__init__" for name in inside}


def named(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def test_the_house_has_these_rooms_only():
    stand = {p.name.removesuffix(".py") for p in HOUSE.iterdir() if p.name not in ("py.typed", "__pycache__")}
    assert stand <= set(FLOORS)


def test_the_land_around_it_has_these_names_only():
    land = Path(__file__).parents[1]
    stand = {p.name for p in land.iterdir() if not p.name.startswith((".", "__")) and p.name not in ("build", "dist")}
    assert stand <= LAND


@pytest.mark.parametrize("path", FILES, ids=named)
def test_arrows_point_to_lower_floors_only(path):
    here = room(path)
    up = {there for there in imported(path) - {here} if FLOORS[there] >= FLOORS[here]}
    assert not up, f"{named(path)} on floor {FLOORS[here]} imports {sorted(up)}"


def test_only_the_front_door_and_the_cli_know_concrete_laws():
    assert {room(p) for p in FILES if "laws" in imported(p)} <= {"__init__", "__main__", "cli", "laws"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_changes_the_config_of_jax(path):
    calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
    changed = {call for call in calls if call.endswith("config.update")}
    # But for the command line, whose process is its own: where what it compiled is kept.
    assert not changed or named(path) == "cli/_compiled.py"


@pytest.mark.parametrize("folder", ROOMS, ids=named)
def test_a_room_opens_with_prose_and_lists_what_it_has(folder):
    module = importlib.import_module(".".join(["jaxlaws", *folder.relative_to(HOUSE).parts]))
    assert (module.__doc__ or "").strip(), "an `__init__` opens with prose"
    assert list(module.__all__) == sorted(module.__all__)
    assert {name for name in module.__all__ if not hasattr(module, name)} == set()
