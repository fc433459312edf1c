"""Generated databases: the stated truth, the stated rates of faults, the same however they are cut up."""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from jaxlaws import Curve
from jaxlaws.errors import TableError
from jaxlaws.laws import lr_annealing
from jaxlaws.runs import Faults, generate, read, write_generated
from jaxlaws.runs.readers import stream

CLEAN = Faults(0.0, 0.0, 0.0, 0.0, 0.0)


def whole(runs, **options):
    blocks = list(generate(runs, **options))
    return pa.concat_tables([b.curves for b in blocks]), pa.concat_tables([b.truth for b in blocks]).to_pandas()


def test_losses_are_those_of_the_catalogues_law_at_the_stated_parameters():
    curves, truth = whole(24, points=64, seed=3, noise=0.0, faults=CLEAN)
    runs, truth = read(curves), truth.set_index("run")
    assert set(truth["schedule"]) == {"constant", "cosine", "wsd", "step-down"}
    for name in truth.groupby("schedule").head(1).index:
        rates, known = runs.rates(name), truth.loc[name]
        with jax.enable_x64(True):
            steps = runs.of(name)["step"].to_numpy()
            curve = Curve.of(rates.lr, at=steps, warmup="peak", warmup_steps=rates.warmup)
            loss = lr_annealing(curve, L0=known.L0, A=known.A, C=known.C, alpha=known.alpha, lam=0.999)
        np.testing.assert_allclose(loss, runs.values(name, "loss"), atol=1e-8)


def test_a_database_is_the_same_however_it_is_cut_up():
    (all_rows, _), (some, _) = whole(1500, points=16, seed=5), whole(1100, points=16, seed=5)
    known = all_rows.to_pandas()
    pd.testing.assert_frame_equal(some.to_pandas(), known[known["run"] < "r000001100"])
    assert not some.equals(whole(1100, points=16, seed=6)[0])


def inside(count, of, share):
    """Whether a count is what a share gives: outside with a chance of 1e-6, and seeds are fixed."""
    low, high = stats.binom.interval(1 - 1e-6, of, share)
    return low <= count <= high


def test_faults_come_at_the_stated_rates():
    faults = Faults(missing=0.02, nan=0.001, spike=0.002, restarted=0.05, diverged=0.03)
    curves, truth = whole(3000, points=100, seed=1, faults=faults)
    frame = curves.to_pandas()
    first = frame[~frame.duplicated(["run", "step"])]
    assert inside(3000 * 100 - len(first), 3000 * 100, 0.02)
    assert inside(frame["loss"].isna().sum(), 3000 * 100, 0.001)
    assert inside(truth["diverged"].sum(), 3000, 0.03)
    again = frame.groupby("run")["step"].apply(lambda step: step.duplicated().any()).sum()
    assert inside(again, 3000, 0.05) or abs(again / 3000 - 0.05) < 0.01  # a restart's few rows may all be missing
    assert len(frame) == truth["points"].sum() and len(frame) - len(first) == truth["repeated"].sum()


def test_the_door_sees_what_is_wrong():
    curves, truth = whole(500, points=64, seed=2, faults=Faults(diverged=0.1, restarted=0.1, nan=1e-3))
    with pytest.raises(TableError, match="loss is nan or empty"):
        read(curves)
    # Where the first of two rows of a step is a NaN, the second is left, and goes back.
    told = {"nonfinite": "drop", "duplicated_steps": "drop", "diverged": "drop", "unsorted_steps": "keep"}
    runs = read(curves, policies=told)
    found = {finding.kind: finding for finding in runs.findings}
    assert set(found) == set(told)
    assert found["duplicated_steps"].count >= truth["repeated"].sum() - found["nonfinite"].count
    assert set(truth["run"][truth["diverged"]]) == set(found["diverged"].by_run)


def test_noise_has_the_stated_size_and_correlation():
    noisy, _ = whole(1024, points=64, noise=0.01, correlation=0.6, faults=CLEAN)
    plain, _ = whole(1024, points=64, noise=0.0, faults=CLEAN)
    z = np.log(noisy["loss"].to_numpy() / plain["loss"].to_numpy()).reshape(1024, 64)
    assert z.std() == pytest.approx(0.01, rel=0.02)
    assert np.mean(z[:, 1:] * z[:, :-1]) / z.var() == pytest.approx(0.6, abs=0.02)


def test_files_hold_all_runs(tmp_path):
    folder = write_generated(tmp_path / "db", 3000, points=16, seed=4, blocks_a_file=2)
    assert sorted(p.name for p in (folder / "curves").iterdir()) == ["part-000000.parquet", "part-000001.parquet"]
    curves, truth = whole(3000, points=16, seed=4)
    assert pa.Table.from_pandas(read_all(folder / "curves")).num_rows == curves.num_rows
    pd.testing.assert_frame_equal(read_all(folder / "truth"), truth)
    with pytest.raises(TableError, match="is there already"):
        write_generated(tmp_path / "db", 1)


def read_all(folder):
    return pd.concat([part.frame for part in stream(folder)], ignore_index=True)


@pytest.mark.parametrize(
    "told", [{"runs": 0}, {"runs": 1, "points": 3}, {"runs": 1, "noise": -1.0}, {"runs": 1, "faults": Faults(nan=2.0)}]
)
def test_numbers_that_make_no_sense_are_refused(told):
    with pytest.raises(TableError, match="generate"):
        next(generate(**told))
