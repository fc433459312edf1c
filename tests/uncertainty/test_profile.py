"""Profiles, against closed forms and MINOS."""

from __future__ import annotations

import dataclasses
import importlib

import iminuit
import numpy as np
import pytest
from scipy import stats

from jaxlaws import JaxlawsError, fit
from jaxlaws.fitting.density import dispersion
from jaxlaws.fitting.variations import solved, subject
from jaxlaws.solvers import Status
from jaxlaws.uncertainty import contour, profile


def test_interval_of_a_line_is_that_of_the_textbook(alone, alone_fit):
    found = profile(alone_fit, alone)
    design = np.stack([np.ones(64), alone.column("x")], axis=1)
    noise = 2.0 * alone_fit.objective / 62
    error = np.sqrt(noise * np.diagonal(np.linalg.inv(design.T @ design)))
    for name, se in zip(("a", "b"), error, strict=True):
        expected = alone_fit[name] + stats.t.ppf(0.975, 62) * se * np.array([-1.0, 1.0])
        np.testing.assert_allclose(found.interval()[name], expected, rtol=1e-3)
        assert found[name] == profile(alone_fit, alone, name)[name]
        # A parabola in the parameter, in units of its standard error.
        np.testing.assert_allclose(
            found.rise[name], ((found.values[name] - alone_fit[name]) / se) ** 2, rtol=1e-3, atol=1e-6
        )


def test_contour_of_a_line_is_its_ellipse(alone, alone_fit):
    found = contour(alone_fit, alone, ("a", "b"), points=12)
    design = np.stack([np.ones(64), alone.column("x")], axis=1)
    away = np.stack([found.first - alone_fit["a"], found.second - alone_fit["b"]])
    noise = 2.0 * alone_fit.objective / 62
    np.testing.assert_allclose(
        np.sum(away * (design.T @ design @ away), axis=0) / noise, 2.0 * stats.f.ppf(0.95, 2, 62), rtol=3e-3
    )


def test_intervals_equal_minos(chinchilla):
    runs, one = chinchilla
    found = profile(one, runs)
    scatter = dispersion(subject(one, runs))
    N, D, loss = (runs.column(name) for name in ("N", "D", "loss"))

    def cost(E, a, b, alpha, beta):
        u = np.abs(np.log(E + np.exp(a - alpha * np.log(N)) + np.exp(b - beta * np.log(D))) - np.log(loss))
        return 2.0 * np.sum(np.where(u <= 1e-3, 0.5 * u * u, 1e-3 * (u - 5e-4))) / scatter

    minuit = iminuit.Minuit(cost, E=1.8, a=6.2, b=7.7, alpha=0.35, beta=0.37)
    minuit.errordef, minuit.strategy, minuit.tol = 1.0, 2, 1e-4
    minuit.migrad()
    minuit.minos(cl=np.sqrt(found.threshold))
    for name, minos in {"E": "E", "A": "a", "B": "b", "alpha": "alpha", "beta": "beta"}.items():
        there = minuit.values[minos] + np.array([minuit.merrors[minos].lower, minuit.merrors[minos].upper])
        expected = np.exp(there) if name in "AB" else there
        np.testing.assert_allclose(found.interval()[name], expected, rtol=1e-3, err_msg=name)
        width, theirs = np.ptp(found.interval()[name]), np.ptp(expected)
        assert abs(width / theirs - 1.0) < 5e-3, name


def test_an_end_that_the_box_stops_is_called_open(power_rows, quick):
    one = fit("power_plus_constant", power_rows, bounds={"alpha": (0.2, 0.351)}, **quick)
    found = profile(one, power_rows, ["alpha"])
    assert found.open == ("alpha above",)
    assert found.interval()["alpha"][1] == pytest.approx(0.351)
    assert any("the box ends before the interval does: alpha above" in note for note in found.notes)


def test_bad_names_are_one_clear_line(power_rows, power_fit):
    with pytest.raises(JaxlawsError, match="unknown free parameter `gamma`"):
        profile(power_fit, power_rows, ["gamma"])
    with pytest.raises(JaxlawsError, match="got `A` twice"):
        contour(power_fit, power_rows, ("A", "A"))


def test_ends_whose_fits_stalled_are_doubted(power_rows, power_fit, monkeypatch):
    def stalled(*arguments, **told):
        found = solved(*arguments, **told)
        return dataclasses.replace(found, status=np.full_like(found.status, int(Status.stalled)))

    assert not any("did not settle" in note for note in profile(power_fit, power_rows, ["E"]).notes)
    monkeypatch.setattr(importlib.import_module("jaxlaws.uncertainty.profile"), "solved", stalled)
    (note,) = [n for n in profile(power_fit, power_rows, ["E"]).notes if "did not settle" in n]
    assert "E below, E above" in note
    assert any("32 of 32 points" in n for n in contour(power_fit, power_rows, ("E", "alpha")).notes)
