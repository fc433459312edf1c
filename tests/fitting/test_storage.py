"""Fits on disk: one strict JSON file, whole or not at all, read back as it was, and nothing of it executed."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest

from jaxlaws import catalogue, fit, formula, load
from jaxlaws.errors import FitError
from jaxlaws.fitting import Fits


def as_read(fitted, path, **more):
    fitted.save(path)
    return load(path, **more)


def assert_same(one, other):
    assert str(one) == str(other)
    assert one.law is other.law
    for name in one.__dataclass_fields__:
        ours, theirs = getattr(one, name), getattr(other, name)
        assert repr(ours) == repr(theirs) and type(ours) is type(theirs), name


@pytest.fixture(scope="module")
def groups(two_groups, quick):
    """Two fits and a failed one."""
    rows = {k: np.r_[v, v[:2]] for k, v in two_groups.items()} | {
        "size": np.repeat(["small", "large", "few"], [16, 16, 2])
    }
    return fit("power_plus_constant", rows, by="size", **quick)


# --- there and back ----------------------------------------------------------------------------------------------------


def test_fit_comes_back_as_it_was(power_fit, tmp_path):
    back = as_read(power_fit, tmp_path / "fit.json")
    assert_same(power_fit, back)
    x = np.geomspace(1e5, 1e12, 9)
    assert (power_fit.predict(x=x) == back.predict(x=x)).all()


def test_fits_come_back_with_their_keys_and_failures(groups, tmp_path):
    back = as_read(groups, tmp_path / "fits.json")
    assert isinstance(back, Fits) and list(back) == ["small", "large", "few"]
    for key in groups:
        assert_same(groups[key], back[key])
    assert str(back) == str(groups)


def test_group_keys_come_back_with_their_types(two_groups, quick, tmp_path):
    rows = two_groups | {"depth": np.repeat([2, 4], 16), "width": np.repeat([0.5, 1.5], 16)}
    fits = fit("power_plus_constant", rows, by=("depth", "width"), **quick)
    back = as_read(fits, tmp_path / "fits.json")
    assert list(back) == [(2, 0.5), (4, 1.5)]
    assert [type(v) for v in next(iter(back))] == [int, float]


def other_law(fitted, law, params):
    """The same record of another law, as if that had been fitted."""
    return dataclasses.replace(fitted, law=law, params=params)


def test_law_from_text_needs_no_catalogue(power_fit, tmp_path):
    law = formula("E + A/x^alpha", inputs=["x"], start={"E": (0.1, 3.0), "alpha": (0.05, 1.0)})
    fitted = other_law(power_fit, law, power_fit.params)
    back = as_read(fitted, tmp_path / "fit.json")
    assert_same(fitted, back)
    assert (fitted.predict(x=[1e6, 1e9]) == back.predict(x=[1e6, 1e9])).all()


def test_variant_of_a_law_is_stored_with_it(power_fit, tmp_path):
    spec = "cosine(peak=3e-4, total=2000, warmup=50)"
    law = catalogue["lr_annealing"].variant(warmup="counted")
    fitted = other_law(power_fit, law, {"L0": 2.6, "A": 0.45, "C": 0.9, "alpha": 0.5, "lam": 0.999})
    back = as_read(fitted, tmp_path / "fit.json")
    assert_same(fitted, back)
    predicted = back.predict(schedule=spec, at=[1000, 2000])
    assert (fitted.predict(schedule=spec, at=[1000, 2000]) == predicted).all()
    plain = other_law(power_fit, catalogue["lr_annealing"], fitted.params)
    assert (plain.predict(schedule=spec, at=[1000, 2000]) != predicted).all()


def test_copies_of_a_parameter_come_back_by_run(power_fit, tmp_path):
    shifts = {"d": {"trunk": 0.02, "other run": -0.03}}
    values = {"L0": 2.9, "A": 0.9, "B": 0.1, "a": 0.5, "k": 20.0, "p": 0.7, "q": 0.8, "m": 0.1, "lr_ref": 3e-4}
    fitted = other_law(
        power_fit, catalogue["progress_noise"], {k: (values | shifts)[k] for k in catalogue["progress_noise"].params}
    )
    fitted = dataclasses.replace(
        fitted, labels={"d": {"trunk": "trunk", "other run": "other run"}}, priors={"d": (0.0, 0.01, 5e-4)}
    )
    assert_same(fitted, as_read(fitted, tmp_path / "fit.json"))


def test_law_of_a_user_has_to_be_handed_in(power_fit, parabola, tmp_path):
    fitted = other_law(power_fit, parabola, {"a": 1.0, "b": -0.5, "c": 0.0})
    fitted.save(tmp_path / "fit.json")
    with pytest.raises(FitError, match=r"law `parabola` from module .*pass it: `load\(path, laws="):
        load(tmp_path / "fit.json")
    assert_same(fitted, load(tmp_path / "fit.json", laws=(parabola,)))


def test_loading_executes_nothing(power_fit, tmp_path):
    """A module named in the file is not imported, a text in it not evaluated."""
    (tmp_path / "trap.py").write_text("raise SystemExit('executed')\n")
    document = saved(power_fit, tmp_path / "fit.json")
    document["law"] |= {"name": "trap", "module": "trap"}
    (tmp_path / "fit.json").write_text(json.dumps(document))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(FitError, match="trap"):
        patch.syspath_prepend(tmp_path)
        load(tmp_path / "fit.json")
    document["law"] = {"formula": "__import__('os').abort() + A*x", "rest": "x"}
    (tmp_path / "fit.json").write_text(json.dumps(document))
    with pytest.raises(FitError, match="not allowed"):
        load(tmp_path / "fit.json")


# --- the file ----------------------------------------------------------------------------------------------------------


def saved(fitted, path):
    fitted.save(path)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_file_is_strict_json_even_of_a_failed_fit(groups, tmp_path):
    document = saved(groups, tmp_path / "fits.json")
    (failed,) = [f for f in document["fits"] if f["status"] == "too_few_rows"]
    assert set(failed["params"].values()) == {None}
    assert "too few" in failed["reason"]


def test_file_says_what_was_fitted_to_what(power_fit, tmp_path):
    document = saved(power_fit, tmp_path / "fit.json")
    assert document["format"] == 1
    assert document["law"]["name"] == "power_plus_constant"
    assert document["params"] == {name: power_fit[name] for name in ("E", "A", "alpha")}  # to the last bit
    wanted = {"objective", "objective_spec", "weights", "seed", "data_hash", "versions", "status", "condition", "agree"}
    assert wanted <= set(document)
    assert {"jaxlaws", "jax", "numpy"} <= set(document["versions"])
    assert len(document["data_hash"]) == 64


def test_saving_leaves_nothing_but_the_file(power_fit, tmp_path):
    power_fit.save(tmp_path / "fit.json")
    power_fit.save(str(tmp_path / "fit.json"))
    assert os.listdir(tmp_path) == ["fit.json"]


@pytest.mark.parametrize("broken", ["replace", "chmod", "fdopen"])
def test_existing_file_survives_a_write_that_fails(power_fit, tmp_path, monkeypatch, broken):
    (tmp_path / "fit.json").write_text("what was there")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, broken, fail)
        with pytest.raises(FitError, match=r"cannot be written.*No space left on device"):
            power_fit.save(tmp_path / "fit.json")
    assert (tmp_path / "fit.json").read_text() == "what was there"
    assert os.listdir(tmp_path) == ["fit.json"]


def test_folder_that_is_not_there_is_an_error_that_names_the_file(power_fit, tmp_path):
    with pytest.raises(FitError, match=r"fit\.json: cannot be written"):
        power_fit.save(tmp_path / "nowhere" / "fit.json")


def test_saved_file_has_the_permissions_of_any_other(power_fit, tmp_path):
    power_fit.save(tmp_path / "fit.json")
    (tmp_path / "other").write_text("")
    assert (tmp_path / "fit.json").stat().st_mode == (tmp_path / "other").stat().st_mode


# --- damage ------------------------------------------------------------------------------------------------------------


def test_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(FitError, match=r"no such file; `fit\.save\(path\)`"):
        load(tmp_path / "fit.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"{}", b'{"format": 2}', b'"text"', b"\xff\xfe\x00", b'{"format": 1}', b"[" * 100_000],
)
def test_file_that_is_no_fit_is_refused(tmp_path, content):
    (tmp_path / "fit.json").write_bytes(content)
    with pytest.raises(FitError, match=r"fit\.json"):
        load(tmp_path / "fit.json")


def test_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(FitError, match="no stored fit"):
        load(tmp_path)


def test_file_cut_anywhere_is_refused(power_fit, tmp_path):
    power_fit.save(tmp_path / "fit.json")
    text = (tmp_path / "fit.json").read_text("utf-8").rstrip()
    for end in range(0, len(text), 97):
        (tmp_path / "fit.json").write_text(text[:end])
        with pytest.raises(FitError):
            load(tmp_path / "fit.json")


DAMAGE = [None, "text", 7, [], {}, [1], {"a": {}}]


def test_damaged_fields_are_refused_or_do_no_harm(power_fit, tmp_path):
    """A field that is gone or of another type: one sentence, or a fit that still prints, predicts and is saved."""
    document = saved(power_fit, tmp_path / "whole.json")
    path = tmp_path / "fit.json"
    harmful = []
    for name in document:
        for damage in [..., *DAMAGE]:
            broken = {k: v for k, v in document.items() if k != name} | ({} if damage is ... else {name: damage})
            path.write_text(json.dumps(broken))
            try:
                back = load(path)
            except FitError as error:
                assert "\n" not in str(error)
                continue
            try:
                assert str(back) and repr(back) and back.summary()
                assert np.isfinite(back.predict(x=1e8)).all()
                back.save(tmp_path / "again.json")
            except Exception as error:
                harmful.append(f"{name} = {damage!r}: {type(error).__name__}: {error}")
    assert harmful == []
