"""Every group of a source has its fit, the same one however the source is cut, and what is wrong with it is told."""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd
import pytest

import jaxlaws
from jaxlaws.bulk import bulk_fit
from jaxlaws.bulk.anomalies import far
from jaxlaws.bulk.fit import FOR_MANY
from jaxlaws.errors import BulkError, JaxlawsError, TracerError
from jaxlaws.runs import Faults, write_generated
from jaxlaws.uncertainty import sandwich

from .cases import LAW, RUNS, STARTS, bits, fitted, table

KEYS = [f"r{i:09d}" for i in range(RUNS)]
NUMBERS = ["E", "A", "alpha", "objective"]


def test_every_run_has_one_row(reference):
    assert reference["run"].tolist() == KEYS
    assert reference["status"].isin(["converged", "at_bound", "stalled", "rank_deficient", "too_few_rows"]).all()


def test_the_fits_are_those_of_fit_by_run(reference, curves):
    drop = {"nonfinite": "drop", "duplicated_steps": "drop", "unsorted_steps": "keep"}
    together = jaxlaws.fit(LAW, jaxlaws.read(curves, policies=drop), by="run", starts=STARTS)
    assert list(together) == KEYS
    for row in reference.itertuples():
        one = together[row.run]
        assert row.status == one.status.name
        if not one.status.failed:
            assert [row.E, row.A, row.alpha, row.objective] == [*one.params.values(), one.objective], row.run
        assert row.input_hash == one.data_hash


@pytest.mark.parametrize("partition", [1, 7, 1000])
def test_no_bit_depends_on_the_size_of_a_partition(reference, curves, tmp_path, partition):
    fitted(curves, tmp_path / "fits", partition=partition)
    assert bits(table(tmp_path / "fits")) == bits(reference)


@pytest.mark.slow
def test_no_bit_of_a_curve_law_depends_on_its_neighbours(curves, tmp_path):
    """Five starts: groups lie differently in a processor's vectors in each place of a batch."""
    few = pd.read_parquet(curves)
    few = few[few["run"] < "r000000024"]
    found = []
    for partition in (1, 5, 24):
        out = tmp_path / str(partition)
        fitted(few, out, "lr_annealing", starts=5, partition=partition)
        found.append(bits(table(out)))
    mixed = pd.concat([rows for _, rows in few.groupby(few["run"].str[-1] + few["run"])])
    fitted(mixed, tmp_path / "mixed", "lr_annealing", starts=5, partition=24)
    found.append(bits(table(tmp_path / "mixed")))
    assert all(one == found[0] for one in found)


def test_no_bit_depends_on_the_budget(reference, curves, tmp_path):
    done = fitted(curves, tmp_path / "fits", partition=1000, budget=4096 * 200)  # 200 rows a partition
    assert done.written > 8
    assert bits(table(tmp_path / "fits")) == bits(reference)


def test_rows_that_stand_apart_are_grouped_on_disk(curves, tmp_path):
    """By a column other than run, in any order of rows, the groups are whole."""
    frame = pd.read_parquet(curves).dropna(subset="loss").groupby("run").head(5)
    mixed = frame.sample(frac=1.0, random_state=1)
    mixed.to_parquet(tmp_path / "mixed.parquet", index=False)
    keep = {"unsorted_steps": "keep", "duplicated_steps": "keep"}
    done = fitted(tmp_path / "mixed.parquet", tmp_path / "fits", by=("schedule", "N"), policies=keep, partition=3)
    together = jaxlaws.fit(LAW, jaxlaws.read(mixed, policies=keep), by=("schedule", "N"), starts=STARTS)
    found = pd.read_parquet(tmp_path / "fits").set_index(["schedule", "N"])
    assert done.fits == len(found) == len(together)
    for key, one in together.items():
        if not one.status.failed:
            assert found.loc[key, "rows"] == one.rows
            assert found.loc[key, "objective"] == pytest.approx(one.objective, rel=1e-9), key
    assert not (tmp_path / "fits" / ".buckets").exists()


def test_what_the_door_leaves_out_is_told_by_run(reference, curves, database):
    frame, truth = pd.read_parquet(curves), pd.read_parquet(database / "truth").set_index("run")
    twice = frame[frame["loss"].notna()].duplicated(["run", "step"]).groupby(frame["run"]).sum()
    nans = frame["loss"].isna().groupby(frame["run"]).sum()
    assert twice.sum() > 10 and nans.sum() > 0  # the faults are there
    for row in reference.itertuples():
        assert row.dropped == twice[row.run] + nans[row.run], row.run
        told = {text.split(":")[0] for text in row.findings if text.endswith("drop")}
        assert told == {kind for kind, count in (("duplicated_steps", twice), ("nonfinite", nans)) if count[row.run]}
        assert row.rows == truth.loc[row.run, "points"] - row.dropped


def test_anomalies_are_those_that_were_made(reference, database):
    truth = pd.read_parquet(database / "truth").set_index("run")
    assert truth["diverged"].any()
    assert reference.set_index("run")["diverged"].to_dict() == truth["diverged"].to_dict()


def test_a_run_that_the_door_refuses_costs_only_itself(reference, curves, tmp_path):
    done = fitted(curves, tmp_path / "fits", policies={"nonfinite": "raise"})
    found = table(tmp_path / "fits")
    bad = reference["findings"].map(lambda told: any(text.startswith("nonfinite") for text in told))
    assert (found["status"] == "refused").tolist() == bad.tolist()
    assert found["reason"][bad].str.contains("loss is nan or empty").all()
    assert bits(found[~bad][NUMBERS]) == bits(reference[~bad][NUMBERS])
    assert done.statuses[LAW.label]["refused"] == bad.sum() > 0


def test_a_run_without_a_good_row_is_there_with_its_reason(tmp_path):
    rows = pd.DataFrame({"run": ["a"] * 20 + ["b"] * 20, "step": np.tile(np.arange(1, 21), 2)})
    rows["loss"] = np.r_[2.0 + 1.0 / np.arange(1, 21), [np.nan] * 20]
    rows.to_csv(tmp_path / "t.csv", index=False)
    fitted(tmp_path / "t.csv", tmp_path / "fits")
    found = table(tmp_path / "fits").set_index("run")
    assert found.loc["b", "status"] == "refused" and "nonfinite" in found.loc["b", "reason"]
    assert found.loc["a", "status"] != "refused"


def test_several_laws_in_one_pass(reference, curves, tmp_path):
    second = jaxlaws.formula("E + B/step", inputs=("step",))
    done = fitted(curves, tmp_path / "fits", (LAW, second), where="step < 2000")
    found = pd.read_parquet(tmp_path / "fits")
    assert sorted(found["law"].unique()) == sorted([LAW.label, second.label])
    assert done.fits == len(found) == 2 * found["run"].nunique()
    assert found.loc[found["law"] == LAW.label, "B"].isna().all()
    assert found.loc[(found["law"] == second.label) & (found["status"] == "converged"), "B"].notna().all()
    assert (found["last_step"].dropna() < 2000).all()


def test_forecasts_at_inputs_are_predictions(reference, curves, tmp_path):
    fitted(curves, tmp_path / "fits", at=[{"step": 50_000.0}])
    found = table(tmp_path / "fits")
    good = found[found["status"] == "converged"]
    expected = good["E"] + good["A"] / 50_000.0 ** good["alpha"]
    np.testing.assert_allclose(good["forecast_step_50000"], expected, rtol=1e-12)


def test_intervals_are_those_of_each_group_by_itself(curves, tmp_path):
    few = pd.read_parquet(curves)
    few = few[few["run"] < "r000000008"]
    for partition in (3, 8):
        fitted(few, tmp_path / str(partition), partition=partition, intervals=True)
    found = table(tmp_path / "8")
    assert bits(table(tmp_path / "3")) == bits(found)
    told = {**FOR_MANY, "unsorted_steps": "keep"}
    together = jaxlaws.fit(LAW, jaxlaws.read(few, policies=told), by="run", starts=STARTS)
    seen = 0
    for row in found.to_dict("records"):
        one = together[row["run"]]
        if one.status.failed:
            assert np.isnan(row["E_low"]) and row["interval_of"] is None
            continue
        alone = sandwich(one, jaxlaws.read(few, policies=told))
        assert row["interval_of"] == alone.kind
        for name, (low, high) in alone.interval().items():
            if name in one.at_bound:
                assert np.isnan(row[f"{name}_low"]) and np.isnan(row[f"{name}_high"])
            else:
                assert low < row[name] < high
                assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx((low, high), rel=1e-6)
                seen += 1
    assert seen > 12


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_intervals_hold_the_truth_of_generated_runs(tmp_path):
    """Noise of which neighbours correlate by one half: intervals that took rows for independent would hold it 75 % of the time."""
    source = write_generated(tmp_path / "db", 400, faults=Faults(0.01, 0.0, 0.0, 0.0, 0.0))
    bulk_fit(source / "curves", "lr_annealing", out=tmp_path / "fits", starts=16, intervals=True)
    truth = pd.read_parquet(source / "truth").set_index("run")
    found = table(tmp_path / "fits").set_index("run").query("status == 'converged'")
    held = {}
    for name in ("L0", "A", "C", "alpha"):
        true = truth.loc[found.index, name]
        held[name] = float(((found[f"{name}_low"] <= true) & (true <= found[f"{name}_high"])).mean())
    print(f"{len(found)} runs; 95 % intervals hold the truth: " + ", ".join(f"{n} {v:.1%}" for n, v in held.items()))
    assert len(found) > 200
    assert all(0.92 <= share <= 0.98 for share in held.values())


def test_a_table_in_memory_and_a_named_set_are_sources_too(tmp_path):
    runs = jaxlaws.shipped("tiny_transformers").where("size == '25k' and kind == 'schedule' and step >= 300")
    done = fitted(runs, tmp_path / "fits", by=("size", "schedule"))
    together = jaxlaws.fit(LAW, runs, by=("size", "schedule"), starts=STARTS)
    found = pd.read_parquet(tmp_path / "fits").set_index(["size", "schedule"])
    assert done.fits == len(together)
    for key, one in together.items():
        assert found.loc[key, "objective"] == one.objective
    for row in found.itertuples():
        assert len(row.distance_by_run) == (row.runs if row.runs > 1 else 0)


def test_each_run_of_a_group_has_its_distance_from_the_groups_law(tmp_path):
    steps = np.arange(1, 21)
    rows = [
        pd.DataFrame({"run": name, "step": steps, "loss": (2.0 + steps**-0.5) * (1.0 + 1e-3 * np.sin(steps + k)) + off})
        for k, (name, off) in enumerate([("a", 0.0), ("b", 0.0), ("c", 0.0), ("odd", 0.2)])
    ]
    frame = pd.concat(rows).assign(kind="x")
    done = fitted(frame, tmp_path / "fits", by="kind")
    (found,) = pd.read_parquet(tmp_path / "fits").itertuples()
    assert found.far_runs.tolist() == ["odd"] and done.anomalies["far runs"] == 1
    error = (found.E + found.A / frame["step"] ** found.alpha) / frame["loss"] - 1.0
    expected = error.abs().groupby(frame["run"]).mean()
    assert dict(found.distance_by_run) == pytest.approx(expected.to_dict(), rel=1e-9)


def test_of_runs_of_one_row_only_wild_ones_are_far():
    """Normal errors: 4.3 % of them are above three times the median, 5 in 100 000 above six times."""
    distance = {str(i): abs(x) for i, x in enumerate(np.random.default_rng(0).standard_normal(500))}
    assert far(distance, 500) == [] and len(far(distance, 501)) > 10
    assert far(distance | {"odd": 5.0}, 501) == ["odd"]


def test_a_new_partition_compiles_nothing(reference, curves, tmp_path):
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: (
            compiled.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
        )
    )
    fitted(curves, tmp_path / "fits", partition=5)
    assert compiled == []


def test_a_process_drops_programs_before_linux_has_no_more_maps(monkeypatch, reference, curves, tmp_path):
    cleared = []
    monkeypatch.setattr("jaxlaws.fitting._programs.MAPS", 0)
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(1))
    fitted(curves, tmp_path / "fits", partition=30)
    assert len(cleared) == 2


def test_it_is_a_host_function(curves, tmp_path):
    with pytest.raises(TracerError, match="host function"):
        jax.jit(lambda x: fitted(curves, tmp_path / "fits", fix={"alpha": x}))(0.5)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"fix": {"beta": 1.0}}, "unknown parameter `beta`"),
        ({"fix": {"E": 1.0, "A": 1.0, "alpha": 1.0}}, "every parameter of"),
        ({"by": "size"}, "unknown column `size`"),
        ({"starts": 0}, "at least 1"),
        ({"partition": 0}, "at least 1"),
        ({"at": [100]}, "none of the laws can be evaluated at step 100"),
        ({"where": "nosuch > 1"}, "nosuch"),
        ({"law": ()}, "needs one law"),
        ({"law": "lr_anealing"}, "lr_annealing"),
        ({"policies": {"nonfinite": "repair"}}, "raise, drop, keep"),
        ({"weights": "nosuch"}, "nosuch"),
    ],
)
def test_what_is_wrong_everywhere_is_one_sentence(curves, tmp_path, told, says):
    law = told.pop("law", LAW)
    with pytest.raises(JaxlawsError, match=says) as caught:
        fitted(curves, tmp_path / "fits", law, **told)
    assert "\n" not in str(caught.value)


def test_a_column_of_groups_must_not_be_called_as_one_of_the_fits(tmp_path):
    frame = pd.DataFrame({"status": ["x"] * 20, "step": np.arange(1, 21), "loss": 2.0 + 1.0 / np.arange(1, 21)})
    with pytest.raises(BulkError, match="`status` is also a column of the fits"):
        bulk_fit(frame, LAW, by="status", out=tmp_path / "fits")


@pytest.mark.parametrize("kind", ["number", "text"])
@pytest.mark.parametrize("stored", [False, True])
def test_a_group_of_which_the_door_leaves_nothing_has_its_row(kind, stored, tmp_path):
    x = np.geomspace(1e6, 1e9, 8)
    group = np.repeat(np.arange(3), 8)
    loss = np.where(group == 1, np.nan, np.tile(1.7 + 300.0 * x**-0.34, 3))
    frame = pd.DataFrame({"x": np.tile(x, 3), "loss": loss, "run": [f"run {i}" for i in range(24)]})
    frame["which"] = group if kind == "number" else [f"group {i}" for i in group]
    if stored:
        frame.to_parquet(tmp_path / "models.parquet")
    source = tmp_path / "models.parquet" if stored else frame
    done = bulk_fit(source, "power_plus_constant", by="which", out=tmp_path / "fits", starts=4)
    found = pd.read_parquet(tmp_path / "fits").set_index("which")
    gone = 1.0 if kind == "number" else "group 1"
    assert done.fits == len(found) == 3
    assert found["status"][gone] == "refused" and "nonfinite" in found["reason"][gone]
    assert (found["status"].drop(gone) == "converged").all()
