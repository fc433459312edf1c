"""The documentation says what is so: its Python runs, its commands and links exist, and each page has its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def named(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def blocks(page: Path) -> str:
    """Its Python, other lines blank: a traceback then shows the page's own line numbers."""
    inside, lines = False, []
    for line in page.read_text().splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = line.startswith("```python") if fence and not inside else inside and not fence
    return "\n".join(lines)


@pytest.mark.timeout(900)  # a minute by itself, and other tests run beside it
def test_python_of_every_page_runs(python, tmp_path):
    """All pages in one process, each with names of its own."""
    pages = {named(page): code for page in PAGES if (code := blocks(page)).strip()}
    assert "start.md" in pages
    for name, code in pages.items():
        (tmp_path / name.replace("/", "_")).write_text(code)
    (tmp_path / "run.py").write_text(
        "import pathlib\n"
        f"for name in {[name.replace('/', '_') for name in pages]}:\n"
        "    print(name)\n"
        "    exec(compile(pathlib.Path(name).read_text(), name, 'exec'), {'__name__': '__main__'})\n"
    )
    # What XLA's older emitters compile is there in half of the time; numbers are not what is tested here.
    assert "start.md" in python("run.py", XLA_FLAGS="--xla_cpu_use_fusion_emitters=false")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{named(page)}: {target}"
        if anchor and file.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", file.read_text(), flags=re.MULTILINE)
            marks = set(re.findall(r'id="([^"]+)"', file.read_text()))
            assert anchor in marks | {_slug(head) for head in heads}, f"{named(page)}: {target}"


def _slug(head: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head.lower())).strip("-")


def test_every_page_has_its_place_in_the_contents():
    contents = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    assert sorted(re.findall(r"\S+\.md", contents)) == sorted(map(named, PAGES))
