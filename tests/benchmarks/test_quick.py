"""The benchmarks run, and say what they could not measure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def benchmarks(*arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_benchmark_runs_quickly_and_writes_what_it_measured(tmp_path, data_dir):
    done = benchmarks("--quick", "--results", str(tmp_path), timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    written = {path.name.rsplit("-", 1)[0]: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    names = [sys.executable, "-c", "from benchmarks.__main__ import NAMES; print(*NAMES)"]
    assert set(written) == set(subprocess.check_output(names, cwd=ROOT, text=True).split())
    for name, record in written.items():
        assert record["machine"]["cores"] >= 1, name
        assert record["rows"][0]["warm"] > 0, name


def test_an_unknown_benchmark_is_a_sentence():
    done = benchmarks("chinchila", timeout=60)
    assert done.returncode == 2
    assert "there is no benchmark 'chinchila'" in done.stderr
