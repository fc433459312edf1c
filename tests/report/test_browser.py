"""The page in a browser: pictures drawn, controls that move them, keys, contrast, print, light and dark, wide and narrow."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from jaxlaws.plan import isoflop
from jaxlaws.report import report

from .conftest import ANNEALING, curve_table, made

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]
MARKS = """id => {
    let count = 0;
    const visit = item => {
        if (!item) return;
        if (item.marktype && item.marktype !== 'group' && item.role === 'mark') count += item.items.length;
        for (const one of item.items || []) visit(one);
    };
    visit(report.views[id].scenegraph().root);
    return count;
}"""
CONTRAST = """() => {
    const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
    const read = text => { const v = text.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const c = read(getComputedStyle(e).backgroundColor);
            if (c[3] > 0.99) return c;
        }
        return [255, 255, 255, 1];
    };
    const poor = [];
    const judge = (colour, element, text) => {
        const a = light(colour), b = light(ground(element));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push([ratio.toFixed(2), text.slice(0, 40)]);
    };
    let seen = 0;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const text = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
        if (!text || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(element.tagName)) continue;
        const cell = element.closest('svg');
        if (cell) {
            // Figures on cells lie on the colour of their cell, which a tree of elements does not tell.
            if (/^-?[01]\\.\\d\\d$/.test(text)) continue;
            const fill = getComputedStyle(element).fill;
            if (fill !== 'none') { seen += 1; judge(read(fill), element, text); }
        } else if (element.getClientRects().length) {
            seen += 1;
            judge(read(getComputedStyle(element).color), element, text);
        }
    }
    return {poor, seen};
}"""


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        # As root there is no sandbox; what is opened are pages of ours.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(points, curves, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    fit, runs, draws = points
    report(fit, runs, draws=draws, plans=[isoflop(fit, [1e17, 1e18])]).save(folder / "points.html")
    report(*curves).save(folder / "curves.html")
    other = dataclasses.replace(fit, params={**fit.params, "E": 1.7})
    report([fit, other], runs).save(folder / "laws.html")
    return folder


@pytest.fixture
def opened(browser, pages):
    """Opens a page; whatever it complains of fails the test."""
    complaints, contexts = [], []

    def of(name, width=1400, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}") or dialog.dismiss())
        page.on(
            "request", lambda r: complaints.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
        )
        page.goto((pages / f"{name}.html").as_uri())
        page.evaluate("report.drawn()")
        return page

    yield of
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("name", ["points", "curves", "laws"])
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")])
def test_every_chart_is_drawn_within_the_page_and_readable(opened, name, width, scheme):
    page = opened(name, width, scheme)
    ids = page.evaluate("pictures.map(p => p.id)")
    assert len(ids) >= 4
    assert {i: page.evaluate(MARKS, i) for i in ids if page.evaluate(MARKS, i) < 5} == {}
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    wide = "[...document.querySelectorAll('.chart')].filter(c => c.querySelector('svg, canvas').getBoundingClientRect().width > c.clientWidth + 2).length"
    assert page.evaluate(wide) == 0
    found = page.evaluate(CONTRAST)
    assert found["poor"] == [] and found["seen"] > 200


def test_hostile_names_are_shown_and_never_run(opened):
    page = opened("curves")
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert page.locator("option", has_text="alert(1)").count() == 1


def test_sliders_move_predictions_and_say_where_they_extrapolate(opened):
    page = opened("points")
    slider = page.locator("#fit0-if-whatif-N")
    before = page.inner_text("#fit0-if-whatif-answer")
    dot = "JSON.stringify(report.views['fit0-if-whatif'].getState().signals.at_N)"
    at = page.evaluate(dot)
    slider.focus()
    page.keyboard.press("ArrowRight")
    after = page.inner_text("#fit0-if-whatif-answer")
    assert before != after and "times the largest fitted" in after and "times" not in before
    assert int(page.evaluate(dot)) == int(at) + 1
    page.keyboard.press("Home")
    lowest = page.inner_text("#fit0-if-whatif-answer")
    assert float(lowest.split("loss ")[1].split(" ")[0]) > float(after.split("loss ")[1].split(" ")[0])
    budget = page.locator("#fit0-if-budget-budget")
    told = page.inner_text("#fit0-if-budget-answer")
    budget.focus()
    page.keyboard.press("End")
    assert page.inner_text("#fit0-if-budget-answer") != told
    assert page.evaluate("report.views['fit0-if-budget'].signal('at_budget')") == 32


def test_schedules_follow_horizon_peak_and_shape(opened):
    page = opened("curves")
    said = {page.inner_text("#fit0-if-whatif-answer")}
    for label, key in (("steps", "End"), ("peak learning rate", "Home")):
        page.locator("#fit0-if-whatif").get_by_label(label, exact=True).focus()
        page.keyboard.press(key)
        said.add(page.inner_text("#fit0-if-whatif-answer"))
    drawn = "JSON.stringify(report.views['fit0-if-whatif'].scenegraph().toJSON()).length"
    before = page.evaluate(drawn)
    page.locator("#fit0-if-whatif").get_by_label("schedule", exact=True).select_option("wsd")
    said.add(page.inner_text("#fit0-if-whatif-answer"))
    assert len(said) == 4 and page.evaluate("report.views['fit0-if-whatif'].runAsync().then(() => 1)") == 1
    assert page.evaluate(drawn) != before


def test_one_run_can_be_chosen_and_steps_be_zoomed(opened):
    page = opened("curves")
    every = page.evaluate(MARKS, "fit0-data-data")
    figure = page.locator("#fit0-data-data")
    figure.get_by_label("run", exact=True).select_option(index=1)
    page.wait_for_function(f"({MARKS})('fit0-data-data') < {every}")
    assert page.evaluate(MARKS, "fit0-data-data") > 50
    for name, span in (("Zoom in", 0.5), ("Zoom out", 1.0)):
        figure.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        low, high = page.evaluate("report.views['fit0-data-data'].runAsync().then(v => v.signal('zoom_step'))")
        assert high - low == pytest.approx(600 * span)
    figure.get_by_role("button", name="Whole run").click()
    assert page.evaluate("report.views['fit0-data-data'].signal('zoom_step')") is None


def test_tab_reaches_every_control(opened):
    page = opened("curves")
    wanted = page.evaluate(
        "[...document.querySelectorAll('main input, main select, header select, button, summary, nav a')]"
        ".filter(e => e.getClientRects().length).map((e, i) => { e.dataset.number = i; return i; }).length"
    )
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(3 * wanted):
        page.keyboard.press("Tab")
        number = page.evaluate("document.activeElement.dataset.number")
        if number is not None:
            reached.add(int(number))
        if len(reached) == wanted:
            break
    assert reached == set(range(wanted)) and wanted > 15


def test_the_switch_overrules_the_system(opened):
    page = opened("points", scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_label("Colours").select_option("light")
    page.evaluate("report.drawn()")
    assert page.evaluate(ground) != dark and page.evaluate(CONTRAST)["poor"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints(opened, scheme):
    content = opened("points", scheme=scheme).pdf(format="A4")
    assert content.startswith(b"%PDF-") and content.count(b"/Type /Page\n") >= 3 and len(content) > 50_000


@pytest.mark.parametrize("kind", ["three long curves", "a thousand runs"])
def test_large_pages_stay_small_and_open_quickly(opened, pages, kind):
    names = ["one", "two", "three"] if kind.startswith("three") else [f"run {i} of a long name" for i in range(1000)]
    runs = curve_table(names, 24_000) if kind.startswith("three") else curve_table(names, 400, every=10)
    page = report(made("lr_annealing", ANNEALING, runs), runs)
    assert len(page.html.encode()) < 5e6 and "thinned" in page.html
    page.save(pages / "large.html")
    page = opened("large")
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    told = {m["name"]: m["value"] for m in client.send("Performance.getMetrics")["metrics"]}
    # Of the processor, from the first byte to the last picture: others may compute beside the tests.
    assert told["ThreadTime"] < 2.0
