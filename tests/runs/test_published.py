"""Public data: the loaders against what the papers print, and the way to the files."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys

import numpy as np
import pytest
from scipy.optimize import least_squares

from jaxlaws.errors import DataError, TableError
from jaxlaws.runs import published, read, shipped
from jaxlaws.runs.published import _fetch, gadre_overtraining, mixing_laws, names
from jaxlaws.runs.shipped import names as shipped_names


@pytest.fixture(scope="module")
def mpl_curves(data_dir):
    return published("mpl_curves")


@pytest.fixture(scope="module")
def gadre(data_dir):
    return published("gadre_overtraining")


@pytest.fixture(scope="module")
def lr_schedules(data_dir):
    return published("lr_schedules")


def test_names_are_sorted_and_unknown_ones_name_the_nearest():
    assert names() == sorted(set(names())) and "mpl_curves" in names()
    with pytest.raises(DataError, match="unknown data set `mpl_curve`; nearest: `mpl_curves`"):
        published("mpl_curve")


def test_registry_is_the_one_of_the_mirror(data_dir):
    registry = data_dir / "registry.json"
    if not registry.exists():
        pytest.skip("the mirror has no registry")
    upstream = json.loads(registry.read_text())["datasets"]
    for dataset in {name.removesuffix("_all") for name in names()}:
        ours = {(r.path, r.url, r.sha256, r.bytes) for r in _fetch.listed(dataset)}
        assert ours == {(f["path"], f["url"], f["sha256"], f["bytes"]) for f in upstream[dataset]}


def test_exact_schedules_of_mpl_curves_are_those_logged(mpl_curves):
    for run in mpl_curves.names:
        rows = mpl_curves.of(run)
        rates = mpl_curves.rates(run)
        assert rates.source == "lr_schedule column" and rates.warmup == 2160
        np.testing.assert_allclose(rates.lr[rows["step"]], rows["lr"], rtol=1e-6)


def test_mpl_curves_have_the_published_shape(mpl_curves):
    there = sorted({run.split("-")[0] for run in mpl_curves.names})
    assert len(mpl_curves.names) == 9 * len(there) and {"100M", "25M"} <= set(there)
    assert len(mpl_curves.where("run == '25M-cosine_24000'")) == 171
    assert set(mpl_curves.where("size == '100M'").column("N")) == {101e6}


def test_two_stage_curves_jump_at_step_8000_when_read_off_the_log(mpl_curves):
    logged = read(mpl_curves.frame.drop(columns="lr_schedule"), warmup="2160:linspace")
    for run in logged.names:
        rates, exact = logged.rates(run), mpl_curves.rates(run)
        # The curves are logged every 128 steps and at the drop itself, so that the later logged step is the right one.
        assert rates.jumps == ((8000,) if "wsdcon" in run else ())
        if "wsdcon" in run:
            np.testing.assert_allclose(rates.lr, exact.lr, rtol=1e-12)
            assert 1e-3 < rates.guess < 5e-3
        np.testing.assert_allclose(np.cumsum(rates.lr)[-1], np.cumsum(exact.lr)[-1], rtol=2e-4)


def test_two_stage_curves_begin_too_late_for_a_guessed_warmup(mpl_curves):
    logged = read(mpl_curves.frame.drop(columns="lr_schedule"))
    with pytest.raises(TableError, match=r"at step 2176 of 14144.*--warmup"):
        logged.rates("25M-wsdcon_9")


def test_sizes_that_a_mirror_lacks_are_left_out_and_named(mpl_curves, data_dir):
    left_out = [f for f in mpl_curves.findings if f.kind == "source"]
    if (data_dir / "mpl_curves" / "csv_400").exists():
        assert left_out == []
    else:
        assert "400M left out" in left_out[0].message and "csv_400/" in left_out[0].message


def test_chinchilla_leaves_out_the_five_highest_losses(data_dir):
    some, every = published("chinchilla_epoch"), published("chinchilla_epoch_all")
    assert (len(some), len(every)) == (240, 245)
    left_out = sorted(set(every.frame.index) - set(some.frame.index))
    assert every.frame.loc[left_out, "loss"].min() > some.column("loss").max()
    assert (every.column("D") / every.column("N"))[[i - 1 for i in left_out]].max() < 0.5


def chinchilla_objective(runs, A, B, E, alpha, beta):
    N, D, loss = (runs.column(name) for name in ("N", "D", "loss"))
    r = np.log(E + A / N**alpha + B / D**beta) - np.log(loss)
    return np.sum(np.where(np.abs(r) <= 1e-3, 0.5 * r**2, 1e-3 * (np.abs(r) - 0.5e-3)))


def test_chinchilla_rows_give_the_published_objective(data_dir):
    # The replication's own best parameters, and what its notebook prints for them.
    best = (477.84171252965143, 2143.8637880335505, 1.817235504463726, 0.34731265761033453, 0.3671826173946711)
    objective = chinchilla_objective(published("chinchilla_epoch"), *best)
    assert objective == pytest.approx(0.0010182740346154362, rel=1e-9)


def test_steplaw_has_the_published_rows_in_tokens(data_dir):
    runs = published("steplaw")
    assert len(runs) == len(runs.names) == 1911 and set(runs.frame["kind"]) == {"dense"}
    np.testing.assert_allclose(runs.column("batch") * runs.column("ti"), runs.column("D"), rtol=2.5e-3)
    assert int((runs.column("loss") > 3.5).sum()) == 181


def test_misfitting_counts_and_units(data_dir):
    ends, every = published("misfitting"), published("misfitting_all")
    assert len(ends) == 261 and int((ends.column("loss") > 6).sum()) == 9
    assert len({*ends.frame["model"]}) == 11
    # FLOP beyond 2^63 are there as floats, and C is about 6 N D.
    assert ends.column("C").max() > 2.0**63
    np.testing.assert_allclose(ends.column("C"), 6.0 * ends.column("N") * ends.column("D"), rtol=0.01)
    assert (ends.column("N") / ends.column("N_no_embed")).max() == pytest.approx(4.75, abs=0.01)
    assert (ends.column("portion") == 1.0).all() and every.column("portion").min() < 0.01
    assert {f.kind for f in every.findings} >= {"duplicated_steps"}


def test_lines_of_mixing_laws_are_read_as_the_mirror_has_them(tmp_path, data_dir):
    # The mirror has a converted table in place of the authors' files; these are lines as theirs are.
    import pandas as pd

    lines = [
        ("/x/ckpts/Github-Books3-PileCC//30-0.75-0.0-0.25/60000", "pythia-pile.valid.Pile-CC", "3.248880847392638"),
        ("/x/ckpts/Github-Books3-PileCC//2-0.0-0.25-0.75/30000", "pythia-pile.valid.Github", "2.509271413208502"),
        ("/x/ckpts/Github-Books3-PileCC//2-0.0-0.25-0.75/best", "pythia-pile.valid.Github", "2.5"),
    ]
    path = tmp_path / "3Mix" / "410M.txt"
    path.parent.mkdir()
    path.write_text("".join(f"{run}\t/x/data//{domain}.bin\t{loss}\n" for run, domain, loss in lines))
    rows = mixing_laws.table(path)
    assert rows["r1"].tolist() == [0.75, 0.0, 0.0] and rows["r3"].tolist() == [0.25, 0.75, 0.75]
    assert rows["step"].tolist()[:2] == [60000, 30000] and np.isnan(rows["step"].iloc[2])
    converted = pd.read_parquet(data_dir / "mixing_laws" / "losses.parquet")
    for row in rows[:2].itertuples():
        same = (converted["family"] == row.family) & (converted["model"] == row.model)
        same &= (converted["step"] == row.step) & (converted["val_domain"] == row.val_domain)
        same &= converted["run"] == row.run.removeprefix("3Mix-410M-")
        assert converted.loc[same, "loss"].tolist() == [pytest.approx(row.loss, rel=1e-9)]
    with pytest.raises(DataError, match=r"mixing_laws/raw/2Mix/160M\.txt"):
        published("mixing_laws")


def test_obs_scaling_counts_and_units(data_dir):
    runs = published("obs_scaling")
    assert len(runs) == len(runs.names) == 148
    has = np.isfinite(runs.column("D"))
    assert int((~has).sum()) == 25
    # The file rounds sizes and tokens to two or three digits.
    np.testing.assert_allclose(runs.column("C")[has], (6.0 * runs.column("N") * runs.column("D"))[has], rtol=0.02)
    assert 0.2 < np.nanmin(runs.column("MMLU")) < np.nanmax(runs.column("MMLU")) < 0.9


def test_olmo_ladder_is_a_cosine_to_a_tenth_of_the_peak(data_dir):
    runs = published("olmo_ladder")
    assert {"190M", "370M", "760M", "1B"} <= set(runs.frame["size"])
    for run in runs.names:
        rows = runs.of(run)
        np.testing.assert_allclose(rows["lr"].iloc[-1], 0.1 * rows["lr_peak"].iloc[0], rtol=0.02)
        np.testing.assert_allclose(rows["D"], rows["step"] * rows["batch"], rtol=1e-9)
    last = runs.frame.groupby("run").tail(1).set_index("run")
    # A replicate is within .002 nats; 20 tokens a parameter is what "1xC" means.
    for size in ("190M", "370M", "760M", "1B"):
        assert abs(last.loc[f"{size}-1xC", "loss"] - last.loc[f"{size}-1xC-rerun", "loss"]) < 2.5e-3
        assert last.loc[f"{size}-1xC", "D"] / last.loc[f"{size}-1xC", "N"] == pytest.approx(20.0, rel=0.1)
    assert sum(c.startswith("loss_") for c in runs.frame) == 10


def gadre_points(runs, train_set, larger):
    fit = runs.where(f"train_set == '{train_set}' and eval_set == 'c4_val'")
    small = "N < 5e8 and M > 19 and M < 21"
    chosen = fit.mask(small) | fit.mask("N < 2e7 and M > 300 and M < 340")
    return fit.select(chosen | fit.mask("N > 1e9 and N < 2e9 and M < 21") if larger else chosen)


@pytest.mark.parametrize(
    ("train_set", "constants"),
    [("c4_original", (1.508, 141.3, 189.5, 0.1212)), ("rpj", (1.836, 212.2, 366.7, 0.1364))],
)
def test_gadre_rows_give_the_published_loss_law(gadre, train_set, constants):
    runs = gadre_points(gadre, train_set, larger=False)
    assert len(runs) == 5
    M, C, loss = (runs.column(name) for name in ("M", "C", "loss"))

    def residual(p):
        E, log_a, log_b, eta = p
        return E + (np.exp(log_a) * M**eta + np.exp(log_b) * M**-eta) * C**-eta - loss

    starts = [(E, a, a, eta) for E in (1.0, 2.0) for a in (4.0, 6.0) for eta in (0.1, 0.2)]
    best = min((least_squares(residual, s, xtol=1e-15, ftol=1e-15, gtol=1e-15) for s in starts), key=lambda r: r.cost)
    E, log_a, log_b, eta = best.x
    # The optimum of four parameters on five points is flat: the constants agree to their printed digits, about.
    np.testing.assert_allclose((E, np.exp(log_a), np.exp(log_b), eta), constants, rtol=2e-3)

    def predict(M, C):
        return E + (np.exp(log_a) * M**eta + np.exp(log_b) * M**-eta) * C**-eta

    if train_set == "rpj":
        large = gadre.where("train_set == 'rpj' and eval_set == 'c4_val' and (N > 5e9 or N > 1e9 and M > 600)")
        apart = np.abs(predict(large.column("M"), large.column("C")) / large.column("loss") - 1)
        assert sorted(np.round(100 * apart, 4)) == [0.7103, 0.732]


@pytest.mark.parametrize(
    ("train_set", "tasks", "constants"),
    [
        ("c4_original", 17, (2.078907, 0.756121, 0.849742)),
        ("c4_original", 46, (1.288516, 0.972164, 0.758949)),
        ("rpj", 17, (2.20649, 0.714591, 0.856992)),
        ("rpj", 46, (1.322899, 0.890708, 0.76085)),
    ],
)
def test_gadre_rows_give_the_published_error_law(gadre, train_set, tasks, constants):
    runs = gadre_points(gadre, train_set, larger=True)
    assert len(runs) == 6
    loss, error = runs.column("loss"), runs.column(f"error_{tasks}")
    best = least_squares(lambda p: p[2] - p[0] * np.exp(-p[1] * loss) - error, (1.0, 1.0, 0.8), xtol=1e-15, gtol=1e-15)
    np.testing.assert_allclose(best.x, constants, rtol=1e-4)


def test_gadre_tasks_and_evaluations_are_complete(gadre):
    assert len(gadre) == 8 * len(gadre.names) and len(gadre_overtraining.SUBSET) == 17
    errors = [c for c in gadre.frame.columns if c.startswith("error_") and c not in ("error_17", "error_46")]
    assert len(errors) == 46
    np.testing.assert_allclose(gadre.frame[errors].mean(axis=1), gadre.column("error_46"), rtol=1e-12)
    np.testing.assert_allclose(gadre.column("M") % 5, 0, atol=1e-6)
    assert np.isnan(gadre.where("N > 5e9").column("batch")).all() and any("batch" in f.message for f in gadre.findings)


def test_exact_schedules_of_lr_schedules_are_those_logged(lr_schedules):
    for run in lr_schedules.names:
        rows = lr_schedules.of(run)
        assert run in lr_schedules.schedules
        # Logged after the scheduler's step: the rate that the next step uses. The last one is used by none.
        rows = rows[rows["step"] < rows["total"]]
        schedule = lr_schedules.schedules[run]
        assert not isinstance(schedule, np.ndarray)
        np.testing.assert_allclose(schedule(rows["step"].to_numpy() + 1), rows["lr"], rtol=1e-3)


def test_lr_schedules_are_sorted_and_say_what_they_left_out(lr_schedules):
    assert {f.kind for f in lr_schedules.findings} >= {"duplicated_steps", "diverged"}
    assert not lr_schedules.frame.duplicated(["run", "step"]).any()
    assert lr_schedules.frame.groupby("run")["step"].is_monotonic_increasing.all()
    assert set(lr_schedules.column("batch")) <= {102_400, 204_800}
    branch = lr_schedules.where("parent_step == 10000").frame.iloc[0]
    assert branch["step"] > 10_000 and branch["parent"] in lr_schedules.names


def test_lr_schedules_read_off_the_log_sum_up_to_the_exact_rates(lr_schedules):
    logged = read(lr_schedules.frame.drop(columns="lr_schedule"), lr_after_step=True)
    for run in [run for run in logged.names if logged.of(run)["step"].min() == 50][::6]:
        rates, exact = logged.rates(run), lr_schedules.rates(run)
        assert rates.jumps == ()
        apart = np.abs(np.cumsum(rates.lr) - np.cumsum(exact.lr)).max()
        assert apart < 1e-3 * exact.lr.sum()


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXLAWS_DATA_DIR", str(tmp_path))
    return tmp_path


def test_file_that_a_mirror_lacks_is_an_error_that_names_it(mirror):
    with pytest.raises(DataError, match=r"lacks chinchilla_epoch/svg_extracted_data\.csv; unset JAXLAWS_DATA_DIR"):
        published("chinchilla_epoch")
    with pytest.raises(DataError, match=r"mpl_curves/csv_25/constant_24000\.csv"):
        published("mpl_curves")


def test_part_that_a_mirror_holds_half_of_is_an_error(mirror, data_dir, monkeypatch):
    (mirror / "mpl_curves/csv_25").mkdir(parents=True)
    shutil.copy(data_dir / "mpl_curves/csv_25/cosine_24000.csv", mirror / "mpl_curves/csv_25")
    with pytest.raises(DataError, match=r"lacks mpl_curves/csv_25/constant_24000\.csv.* and 6 more"):
        published("mpl_curves")


def test_file_that_differs_from_the_pinned_one_is_refused(mirror):
    (mirror / "chinchilla_epoch").mkdir()
    (mirror / "chinchilla_epoch/svg_extracted_data.csv").write_text("N,loss\n1,2\n")
    with pytest.raises(DataError, match="differs from the pinned file"):
        published("chinchilla_epoch")


def test_mirror_that_is_no_folder_is_refused(monkeypatch):
    monkeypatch.setenv("JAXLAWS_DATA_DIR", "no/such/folder")
    with pytest.raises(DataError, match="JAXLAWS_DATA_DIR=no/such/folder is no folder"):
        published("steplaw")


def test_without_a_mirror_files_are_fetched_by_their_hash(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    content = b"x,y\n1,2\n"
    remote = _fetch.Remote(
        "set/t.csv", "https://example.invalid/t.csv", hashlib.sha256(content).hexdigest(), len(content)
    )
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        return str(path / fname)

    monkeypatch.delenv("JAXLAWS_DATA_DIR", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert _fetch.obtain([remote]) == [tmp_path / "jaxlaws" / "set" / "t.csv"]
    assert asked == [(remote.url, f"sha256:{remote.sha256}")]


def test_file_that_was_fetched_before_is_not_fetched_again(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    content = b"x,y\n1,2\n"
    remote = _fetch.Remote(
        "set/t.csv", "https://example.invalid/t.csv", hashlib.sha256(content).hexdigest(), len(content)
    )
    monkeypatch.delenv("JAXLAWS_DATA_DIR", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "t.csv").write_bytes(content)
    assert _fetch.obtain([remote])[0].read_bytes() == content


def test_fetch_that_fails_names_the_address_and_the_mirror(monkeypatch, tmp_path):
    pooch = pytest.importorskip("pooch")

    def retrieve(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.delenv("JAXLAWS_DATA_DIR", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(DataError, match=r"svg_extracted_data\.csv.* cannot be fetched \(no route\).*JAXLAWS_DATA_DIR"):
        published("chinchilla_epoch")


def test_fetch_without_pooch_says_what_to_install(monkeypatch):
    monkeypatch.delenv("JAXLAWS_DATA_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"pip install jaxlaws\[data\]"):
        published("chinchilla_epoch")


def test_table_name_reads_public_data(data_dir):
    runs = read("published:chinchilla_epoch")
    assert runs.source == "published:chinchilla_epoch" and runs.sha256 == published("chinchilla_epoch").sha256


def test_unknown_shipped_data_set_is_refused():
    with pytest.raises(DataError, match="no_such"):
        shipped("no_such")
    with pytest.raises(DataError, match="no_such"):
        read("shipped:no_such")


def test_shipped_curves_have_exact_schedules():
    if "tiny_transformers" not in shipped_names():
        pytest.skip("tiny_transformers is not part of this checkout")
    runs = read("shipped:tiny_transformers")
    for run in runs.names:
        rows, rates = runs.of(run), runs.rates(run)
        assert rates.source == "lr_schedule column"
        np.testing.assert_allclose(rates.lr[rows["step"]], rows["lr"], rtol=1e-5)


def test_gemstones_are_the_220_rows_of_the_published_fit(data_dir):
    hot, every = published("gemstones"), published("gemstones_all")
    assert (len(hot), len(hot.names)) == (220, 22) and set(hot.frame["state"]) == {"hot"}
    np.testing.assert_allclose(hot.column("D"), hot.column("step") * 2048.0 * 2048.0, rtol=1e-6)
    states = every.frame["state"].value_counts()
    assert dict(states) == {"hot": 220, "cool_begin": 199, "cool_end": 199}
    # The cooldown of 10 % lowers the loss of every point.
    ends = every.where("state == 'cool_end'").column("loss").mean()
    assert ends < every.where("state == 'cool_begin'").column("loss").mean()


def test_lines_of_equal_compute_are_complete_and_floating(data_dir):
    marin, every = published("isoflop_collection"), published("isoflop_collection_all")
    assert (len(every) - len(marin)) == 124 and {"comma", "dclm"} <= set(marin.frame["corpus"])
    assert int((marin.frame["kind"] == "optimal").sum()) >= 7 and (marin.column("budget") >= 1e18).all()
    ratio = 6.0 * marin.column("N") * marin.column("D") / marin.column("C")
    assert ratio.min() > 0.9 and ratio.max() < 1.4
    if not (data_dir / "isoflop_collection" / "marin_isoflop-nemotron.csv").exists():
        assert any("nemotron left out" in f.message for f in marin.findings)
