"""`python -m benchmarks [NAME ...] [--quick] [--make-peers] [--results FOLDER]`: measure claims, print tables, write JSON."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import traceback
from pathlib import Path

from benchmarks import _harness, _peers

NAMES = (
    "floor",
    "chinchilla_starts",
    "bootstrap",
    "first_fit",
    "many_curves",
    "multi_power",
    "schedule",
    "growth",
)

# Run only when named: each takes as long as all others.
ASKED = ("bulk", "coverage", "extrapolation", "forecast", "online")


def main() -> int:
    """Exit 1 if a benchmark broke; a missed aim, a missing peer or missing data is printed and no fault."""
    options = _options()
    chosen = {name: importlib.import_module(f"benchmarks.{name}") for name in options.names or NAMES}
    if options.make_peers or (not options.quick and any(hasattr(one, "peer") for one in chosen.values())):
        _peers.make_environments()
    if options.make_peers and not options.names:
        return 0
    folder = options.results or (Path(tempfile.mkdtemp()) if options.quick else _harness.RESULTS)
    broken, whole = [], time.perf_counter()
    for name, benchmark in chosen.items():
        began = time.perf_counter()
        try:
            report = benchmark.report(quick=options.quick)
            _harness.show(report, quick=options.quick)
            path = _harness.store(report, folder, quick=options.quick)
            print(f"{path}, {time.perf_counter() - began:.0f} s\n", flush=True)
        except _harness.Skipped as why:
            print(f"{name}: skipped, {why}\n", flush=True)
        except Exception:
            traceback.print_exc()
            broken.append(name)
    print(f"{len(broken)} broken {' '.join(broken)}".strip() + f", {time.perf_counter() - whole:.0f} s in all")
    return int(bool(broken))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the claims about speed.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join((*NAMES, *ASKED))}; default all but the last five"
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts, under two minutes: do they run?")
    parser.add_argument("--make-peers", action="store_true", help="make the peers' environments (a full run does)")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="where JSON goes (quick: a temporary folder)")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - {*NAMES, *ASKED}):
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join((*NAMES, *ASKED))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
