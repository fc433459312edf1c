"""Bad input ends with exit status 2 and exactly one line on stderr, which names what is wrong. Nothing is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

POWER = ("--law", "power", "--starts", "8")
CURVE = ("--law", "lr_annealing", "--starts", "4")


def text(content):
    return lambda path: path.write_text(content)


def truncated(path):
    pd.DataFrame({"x": range(100), "loss": [1.0] * 100}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])


STEPS = "run,step,loss,lr\na,1,4,.1\na,{},3,.1\na,2,3.5,.1\na,4,3,.1\n"
FLAT = "run,step,loss,lr\n" + "".join(f"a,{s},{2 + 3 * (s * 1e-3) ** -0.5},0.001\n" for s in range(10, 400, 10))
TYPO = FLAT.replace(",lr\n", ",lr_schedule\n").replace(",0.001\n", ',"cosine(peek=1e-3, total=400)"\n')

TABLES = {
    "missing.csv": (None, POWER, ["missing.csv", "no such file"]),
    "empty.csv": (text(""), POWER, ["empty.csv", "empty"]),
    "headonly.csv": (text("x,loss\n"), POWER, ["headonly.csv", "no rows"]),
    "junk.csv": (lambda path: path.write_bytes(bytes(range(256)) * 20), POWER, ["junk.csv", "binary"]),
    "truncated.parquet": (truncated, POWER, ["truncated.parquet", "cannot be read"]),
    "no_suffix": (text("x,loss\n1,2\n"), POWER, ["no_suffix", "suffix"]),
    "no_loss.csv": (text("x,los\n1,2\n2,3\n"), POWER, ["`loss`", "`los`"]),
    "no_loss_no_law.csv": (text("x,los\n1,2\n2,3\n"), (), ["`loss`"]),
    "no_law.csv": (text("N,D,loss\n1e8,1e9,2\n2e8,1e9,3\n"), (), ["--law", "chinchilla"]),
    "words.csv": (text("x,loss\n1,2\nmany,3\n4,2\n"), POWER, ["row 2", "`x`", "'many'"]),
    "nan.csv": (text("x,loss\n1,2\n2,nan\n4,2\n"), POWER, ["row 2", "--policy nonfinite=drop"]),
    "inf.csv": (text("x,loss\n1,2\n2,inf\n4,2\n"), POWER, ["row 2", "infinite", "--policy nonfinite=drop"]),
    "negative.csv": (text("x,loss\n1,2\n2,-1\n4,2\n"), POWER, ["row 2", "--policy nonpositive_loss=drop"]),
    "zero.csv": (
        text("N,D,loss\n0,1e9,2\n1e8,1e9,3\n1e8,2e9,2\n"),
        ("--law", "chinchilla"),
        ["row 1", "N is 0", "--policy"],
    ),
    "one_row.csv": (text("x,loss\n1,2\n"), POWER, ["1 rows", "too few"]),
    "twins.csv": (text("x,loss\n1,2\n1,2\n"), POWER, ["1 of them distinct", "too few"]),
    "unsorted.csv": (text(STEPS.format(3)), CURVE, ["row 3", "--policy unsorted_steps=keep"]),
    "duplicated.csv": (text(STEPS.format(2)), CURVE, ["row 3", "--policy duplicated_steps=drop"]),
    "flat.csv": (text(FLAT), CURVE, ["rank-deficient", "parameter C"]),
    "typo.csv": (text(TYPO), CURVE, ["`peek`", "`peak`", "run 'a'"]),
}

OPTIONS = {
    "unknown law": (["--law", "chinchila"], ["`chinchila`", "`chinchilla`"]),
    "unknown variant": (["--law", "multi_power:warmup=never"], ["never", "excluded"]),
    "formula that calls": (["--law", "open(N)"], ["open(N)"]),
    "formula of no column": (["--law", "E + A/y^a"], ["E + A/y^a"]),
    "unknown column in --where": ([*POWER, "--where", "width > 3"], ["`width`"]),
    "--where that calls": ([*POWER, "--where", "__import__('os').system('touch x')"], ["function call"]),
    "--where that reaches for an attribute": ([*POWER, "--where", "x.__class__ == 1"], ["a dot"]),
    "--where that matches nothing": ([*POWER, "--where", "x > 1e9"], ["--where x > 1e9", "matches none"]),
    "--holdout that matches nothing": ([*POWER, "--holdout", "x > 1e9"], ["--holdout x > 1e9", "matches none"]),
    "--holdout that leaves nothing": ([*POWER, "--holdout", "x > 0"], ["leaves nothing"]),
    "--out in no folder": ([*POWER, "--out", "nowhere/f.json"], ["--out nowhere/f.json", "no folder"]),
    "--out that is a folder": ([*POWER, "--out", "."], ["--out .", "is a folder"]),
    "--out over the table": ([*POWER, "--out", "t.csv"], ["--out t.csv", "replace"]),
    "--plot of unknown kind": ([*POWER, "--plot", "p.gif"], ["--plot p.gif", ".png, .svg, .pdf, .html"]),
    "--plot in no folder": ([*POWER, "--plot", "nowhere/p.png"], ["--plot nowhere/p.png"]),
    "--plot of many fits": ([*POWER, "--plot", "p.png", "--by", "kind"], ["--plot p.png", "--by"]),
    "--fix without value": ([*POWER, "--fix", "alpha"], ["--fix alpha", "alpha=0.5"]),
    "--fix at a word": ([*POWER, "--fix", "alpha=half"], ["--fix alpha=half", "half"]),
    "--fix at nan": ([*POWER, "--fix", "alpha=nan"], ["--fix alpha=nan"]),
    "--fix of no parameter": ([*POWER, "--fix", "beta=1"], ["`beta`", "alpha"]),
    "--fix twice": ([*POWER, "--fix", "alpha=1", "--fix", "alpha=2"], ["alpha", "twice"]),
    "--fix and --free": ([*POWER, "--fix", "alpha=1", "--free", "alpha"], ["alpha", "fixed and freed"]),
    "--bound without HI": ([*POWER, "--bound", "alpha=1"], ["--bound alpha=1", "LO:HI"]),
    "--bound upside down": ([*POWER, "--bound", "alpha=2:1"], ["--bound alpha=2:1", "LO below HI"]),
    "--bound below zero": ([*POWER, "--bound", "alpha=-1:1"], ["alpha", "0 < low"]),
    "--prior without SD": ([*POWER, "--prior", "alpha=1"], ["--prior alpha=1", "MEAN:SD"]),
    "--prior of no width": ([*POWER, "--prior", "alpha=1:0"], ["--prior alpha=1:0", "SD above 0"]),
    "--prior of no parameter": ([*POWER, "--prior", "beta=1:1"], ["`beta`"]),
    "--column of no column": ([*POWER, "--column", "loss=los"], ["--column loss=los", "`loss`"]),
    "--column without column": ([*POWER, "--column", "loss"], ["--column loss", "QUANTITY=COLUMN"]),
    "--unit unknown": ([*POWER, "--unit", "loss=shannons"], ["--unit loss=shannons", "bits"]),
    "--objective unknown": ([*POWER, "--objective", "hubr:1e-3"], ["hubr", "`huber`"]),
    "--weights of no column": ([*POWER, "--weights", "heavy"], ["`heavy`"]),
    "--by of no column": ([*POWER, "--by", "size"], ["`size`"]),
    "--share without --by": ([*POWER, "--share", "alpha"], ["share"]),
    "--policy unknown": ([*POWER, "--policy", "nans=drop"], ["--policy nans=drop"]),
    "--policy that does nothing": ([*POWER, "--policy", "nonfinite=ignore"], ["raise, drop, keep"]),
    "--warmup of no number": ([*POWER, "--warmup", "soon"], ["--warmup soon"]),
    "--schedules of no file": ([*CURVE, "--schedules", "no.toml"], ["no.toml"]),
    "--branch-of without --holdout": ([*POWER, "--branch-of", "a"], ["--branch-of a", "--holdout"]),
}


def one_line_error(done):
    assert done.status == 2 and done.out == ""
    assert len(done.notes) == 1 and done.notes[0].startswith("jaxlaws: error: ")
    return done.notes[0]


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_one_line(jaxlaws, tmp_path, name):
    write, options, named = TABLES[name]
    if write is not None:
        write(tmp_path / name)
    line = one_line_error(jaxlaws("fit", name, *options, "--out", "f.json"))
    assert [word for word in named if word not in line] == []
    assert {path.name for path in Path().iterdir()} <= {name}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_bad_option_is_one_line(jaxlaws, tmp_path, case):
    options, named = OPTIONS[case]
    (tmp_path / "t.csv").write_text("x,loss,kind\n" + "".join(f"{x},{3 * x**-0.2},a\n" for x in range(1, 9)))
    line = one_line_error(jaxlaws("fit", "t.csv", *options))
    assert [word for word in named if word not in line] == []
    assert [path.name for path in Path().iterdir()] == ["t.csv"]


@pytest.mark.parametrize("option", [["--out", "/proc/f.json"], ["--plot", "/proc/p.png"]], ids=["out", "plot"])
def test_a_folder_that_takes_no_file_is_found_out_before_the_fit(jaxlaws, powers, monkeypatch, option):
    if not Path("/proc/self").exists():
        pytest.skip("this system has no /proc")
    monkeypatch.setattr("jaxlaws.fitting.fit", lambda *a, **k: pytest.fail("fitted first"))
    assert option[1] in one_line_error(jaxlaws("fit", powers, *POWER, *option))


def test_a_missing_plotting_library_is_found_out_before_the_fit(jaxlaws, powers, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "altair", None)
    monkeypatch.setattr("jaxlaws.fitting.fit", lambda *a, **k: pytest.fail("fitted first"))
    assert "pip install 'jaxlaws[plot]'" in one_line_error(jaxlaws("fit", powers, *POWER, "--plot", "p.png"))


def test_names_out_of_data_cannot_steer_the_terminal_or_break_the_line(jaxlaws, tmp_path):
    (tmp_path / "t.csv").write_text('x,loss,"\x1b[31mred\nline"\n1,2,3\n')
    line = one_line_error(jaxlaws("fit", "t.csv", "--law", "chinchilla"))
    assert "\x1b" not in line


PREDICT = {
    "no such fit": (["no.json", "--at", "x=1"], ["no.json", "no such file"]),
    "no fit": (["t.csv", "--at", "x=1"], ["t.csv", "no stored fit"]),
    "nothing to predict": (["f.json"], ["TABLE", "--at", "--schedule"]),
    "table and --at": (["f.json", "t.csv", "--at", "x=1"], ["one of"]),
    "--at malformed": (["f.json", "--at", "x"], ["--at x"]),
    "--at of no number": (["f.json", "--at", "x=y"], ["--at x=y"]),
    "--at of another input": (["f.json", "--at", "z=1"], ["`z`"]),
    "--at of too little": (["f.json", "--at", "x=-1"], ["above 0"]),
    "--schedule for a law of points": (
        ["f.json", "--schedule", "constant(peak=1, total=9)"],
        ["power", "learning rates"],
    ),
    "--schedule with a typo": (["f.json", "--schedule", "cosin(peak=1, total=9)"], ["`cosin`", "`cosine`"]),
    "--schedule without end": (["f.json", "--schedule", "constant(peak=1)"], ["constant(peak=1)", "--steps"]),
    "--steps backwards": (["f.json", "--schedule", "constant(peak=1)", "--steps", "9,3"], ["--steps 9,3"]),
    "--steps without --schedule": (["f.json", "--at", "x=1", "--steps", "9"], ["--steps 9"]),
    "table without the input": (["f.json", "u.csv"], ["`x`"]),
    "missing table": (["f.json", "no.csv"], ["no.csv"]),
    "--out in no folder": (["f.json", "t.csv", "--out", "nowhere/p.csv"], ["nowhere/p.csv"]),
}


@pytest.mark.parametrize("case", PREDICT)
def test_a_bad_prediction_is_one_line(jaxlaws, tmp_path, case):
    arguments, named = PREDICT[case]
    (tmp_path / "t.csv").write_text("x,loss\n" + "".join(f"{x},{3 * x**-0.2}\n" for x in range(1, 9)))
    (tmp_path / "u.csv").write_text("y,loss\n1,2\n")
    assert jaxlaws("fit", "t.csv", *POWER, "--out", "f.json").status == 0
    line = one_line_error(jaxlaws("predict", *arguments))
    assert [word for word in named if word not in line] == []
