"""Others' whole data sets, each in one command: every run has its row, and what was left out is told run by run."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import jaxlaws
from jaxlaws.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("data_dir")]


def bulk(capsys, out, *words):
    status = main(["bulk", *words, "--starts", "8", "--out", str(out), "--json"])
    told = capsys.readouterr()
    assert status == 0, told.err
    return json.loads(told.out), pd.read_parquet(out)


def test_all_runs_of_lr_schedules(capsys, tmp_path):
    said, fits = bulk(capsys, tmp_path / "fits", "published:lr_schedules", "--stitch", "--law", "lr_annealing")
    there = jaxlaws.read("published:lr_schedules", policies={"orphan": "keep"}).names
    assert len(there) == 150
    fits = fits.set_index("run")
    assert fits.index.is_unique and set(there) <= set(fits.index)
    absent = fits.drop(index=there)
    assert (absent["status"] == "refused").all() and absent["reason"].str.contains("the mirror .* lacks").all()
    orphans = fits.loc[there].query("status == 'refused'")
    assert len(orphans) == 14 and orphans["reason"].str.contains("goes on from a run that is not in the table").all()
    # Without a falling rate the law's C is not determined: those runs say so.
    flat = fits.loc[there].query("status == 'rank_deficient'")
    assert len(flat) == 10 and flat["reason"].str.contains("do not determine parameter C").all()
    assert fits.loc[there, "L0"].notna().sum() == 150 - 14 - 10
    assert fits["dropped"].sum() == 219 == said["dropped"]["duplicated_steps"]
    assert fits["diverged"].sum() == 1


@pytest.mark.parametrize(
    ("words", "groups", "rows"),
    [
        (("steplaw", "--law", "chinchilla", "--by", "kind"), 1, 1911),
        (("misfitting", "--law", "E + A/C^alpha", "--by", "model"), 11, 261),
        (("gemstones", "--law", "E + A/D^alpha"), 22, 220),
        (("olmo_ladder", "--law", "lr_annealing"), 24, 2459),  # and one that the mirror lacks
    ],
)
def test_other_sets(capsys, tmp_path, words, groups, rows):
    name, *more = words
    said, fits = bulk(capsys, tmp_path / "fits", f"published:{name}", *more)
    assert said["rows"] == rows
    whole = jaxlaws.published(name).frame
    key = fits.columns[1]
    assert len(fits) == said["fits"] == fits[key].nunique()
    there = fits[fits[key].isin(whole[key].astype(str))]
    assert len(there) == groups == whole[key].nunique()
    absent = fits.drop(index=there.index)
    assert absent["reason"].str.contains("the mirror .* lacks").all()
    assert fits["rows"].sum() + fits["dropped"].sum() == rows
    assert fits.loc[fits["status"] == "refused", "reason"].notna().all()
