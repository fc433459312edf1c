"""The page on differentiating a fit does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "solve.md"


@pytest.mark.slow  # seven programs, each compiled in a fresh process
def test_its_blocks_run_in_order(python, tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    (tmp_path / "solve.py").write_text("\n".join(blocks))
    python("solve.py")
