"""Pages in a real browser: what is there, what works, what is reachable, and pictures of it for people to look at.

The pictures are left in build/screenshots.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import chromium
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from report_rows import (
    DAY,
    MADE_AT,
    check,
    drop,
    everything,
    experiment,
    large,
    metric,
    report_data,
    result,
    row,
    run_record,
    segment_rows,
    series,
    undefined,
)

from abspark.report.data import ReportData
from abspark.report.index import index_page
from abspark.report.page import experiment_page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
NASTY = '=<script>document.title="run"</script><img src=x onerror=alert(1)> "مرحبا" 🎉 '.ljust(320, "a")
LOOKS = [
    *(("everything", width, scheme) for width in (1440, 360) for scheme in ("light", "dark")),
    ("healthy", 1440, "light"), ("healthy", 360, "dark"), ("nasty", 1440, "dark"), ("nasty", 360, "light"),
    ("bare", 360, "light"), ("index", 1440, "light"), ("index", 360, "dark"),
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none the tests are skipped, in CI they fail."""
    program = chromium()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI must not skip the tests of pages: scripts/ensure_chromium.sh")
        pytest.skip("there is no chromium on PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


def healthy() -> ReportData:
    """Two metrics over days and countries, a guardrail and one metric without numbers."""
    chosen = experiment(
        ("conversion", "revenue"), guardrails=[{"metric": "load_ms", "margin": {"relative": 0.02}}]
    )
    worse = result(
        "load_ms", role="guardrail", relative_effect=-0.01, relative_low=-0.03, relative_high=0.01, p_adjusted=None,
        p_value=0.31, significant=False, non_inferior=False, margin=0.02,
    )  # fmt: skip
    rows = [*series("conversion"), *segment_rows("conversion", 9), undefined("revenue"), worse]
    return report_data(rows, of=chosen)


def nasty() -> ReportData:
    chosen = experiment((NASTY,), variants=("control", NASTY), name=NASTY, hypothesis=NASTY, owner=NASTY)
    return report_data(
        [*series(NASTY, treatment=NASTY), *segment_rows(NASTY, 3, treatment=NASTY)],
        of=chosen,
        health=[check("srm", "warn", message=NASTY, advice=NASTY, slice_name=NASTY, slice_value=NASTY)],
        decision=row("decisions", decision="ship", reasons=[NASTY]),
    )


ENDS = {"shown": (0.05, 0.25), "below": (None, 0.01), "above": (-0.2, None), "level": (-0.031, 0.011)}
"""Of relative intervals, as tests of one side or of two have them."""


def one_sided() -> ReportData:
    rows = [result(name, relative_low=low, relative_high=high) for name, (low, high) in ENDS.items()]
    return report_data([*rows, undefined("nothing")])


RANKED = (0.2, None, -0.1, 0.151974, -0.2)
"""Relative effects whose order is another one as words."""


def ranked() -> list[ReportData]:
    stopped = row("decisions", decision="do_not_ship", reasons=["Nothing."])
    return [
        report_data(
            [result(relative_effect=value, significant=False)],
            of=experiment(id=f"exp{place}", name=f"{value}"),
            health=[check("srm")],
            decision=stopped,
        )
        for place, value in enumerate(RANKED)
    ]


def bare() -> ReportData:
    return ReportData(experiment(), {"conversion": metric("conversion")}, MADE_AT, lake="main.experiments")


def flow() -> ReportData:
    """An exposure log like others: many repeated exposures, whose name lies beside that of the first ones."""
    lost = {
        "repeated_exposure": 12_081,
        "filtered": 147,
        "outside_interval": 38,
        "bad_time": 23,
        "null_id": 23,
    }
    exposures = [{"variant": name, "day": DAY, "units": 2_940} for name in ("control", "treatment")]
    run = run_record() | {
        "inputs": [
            {
                "source": "log",
                "location": "/raw",
                "version": 3,
                "list_hash": None,
                "rows": 91_670,
                "kept": 9_000,
            }
        ]
    }
    drops = [drop("exposures", reason, rows, variant="control") for reason, rows in lost.items()]
    return report_data([result()], drops=drops, exposures=exposures, run=run)


def alike() -> ReportData:
    """Names that are the same for 16 letters."""
    return report_data([result("revenue_per_unit_7d"), result("revenue_per_unit_14d")])


MADE: dict[str, Callable[[], str]] = {
    "healthy": lambda: experiment_page(healthy()),
    "everything": lambda: experiment_page(everything()),
    "nasty": lambda: experiment_page(nasty()),
    "bare": lambda: experiment_page(bare()),
    "large": lambda: experiment_page(large()),
    "flow": lambda: experiment_page(flow()),
    "alike": lambda: experiment_page(alike()),
    "one_sided": lambda: experiment_page(one_sided()),
    "ranked": lambda: index_page(ranked(), made_at=MADE_AT),
    "index": lambda: index_page([healthy(), everything(), nasty(), bare()], made_at=MADE_AT),
}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a page, which is made once."""
    folder = tmp_path_factory.mktemp("pages")

    def file_of(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(MADE[name](), encoding="utf-8")
        return path

    return file_of


@dataclass
class Opened:
    """A page, what its console said, and what it asked for beside itself."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def cells(self, table: str, place: int, *, seen: bool = True) -> list[str]:
        rows = self.page.locator(f"#{table} tbody tr" + (":not([hidden])" if seen else ""))
        return [rows.nth(i).locator("th,td").nth(place).inner_text() for i in range(rows.count())]


Open = Callable[..., Opened]


@pytest.fixture
def show(browser: Browser, written: Callable[[str], Path]) -> Iterator[Open]:
    contexts = []

    def opened(
        name: str,
        width: int = 1440,
        scheme: str = "light",
        *,
        wait: str = "drawn",
        fragment: str = "",
        script: str | None = None,
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        view = Opened(context.new_page())
        own = written(name).as_uri()

        def heard(message: ConsoleMessage) -> None:
            view.said.append(f"{message.type}: {message.text}")

        def asked(request: Request) -> None:
            if request.url.split("#")[0] != own and not request.url.startswith(("data:", "blob:")):
                view.asked.append(request.url)

        view.page.on("console", heard)
        view.page.on("pageerror", lambda error: view.said.append(str(error)))
        view.page.on("dialog", lambda dialog: (view.said.append(dialog.message), dialog.dismiss()))
        view.page.on("request", asked)
        if script is not None:
            view.page.add_init_script(script)
        view.page.goto(own + fragment)
        view.page.wait_for_selector(f"html[data-{wait}=true]", timeout=60_000)
        return view

    yield opened
    for context in contexts:
        context.close()


def faults(page: Page) -> list[str]:
    """What axe-core finds to be serious or critical."""
    context = {"exclude": [[".figure svg"]]}  # a figure is one image to a screen reader
    found = Axe().run(page, context=context, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize(("name", "width", "scheme"), LOOKS)
def test_pages_hold_and_are_accessible(show: Open, name: str, width: int, scheme: str) -> None:
    wait = "ready" if name == "index" else "drawn"
    view = show(name, width, scheme, wait=wait)
    assert view.page.evaluate("document.documentElement.scrollWidth") == width
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    view.page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
    assert faults(view.page) == []
    assert (view.said, view.asked) == ([], [])


def touching_labels(page: Page) -> list[str]:
    """Labels of the flow of which one overlaps another."""
    labels = page.locator("#ledger .node-label")
    boxes = []
    for place in range(labels.count()):
        box = labels.nth(place).bounding_box()
        assert box is not None
        ends = (box["x"], box["x"] + box["width"], box["y"], box["y"] + box["height"])
        boxes.append((labels.nth(place).text_content(), *ends))
    assert len(boxes) >= 5
    return [
        f"{one} / {other}"
        for (one, left, right, top, bottom), (other, west, east, north, south) in combinations(boxes, 2)
        if left < east and west < right and top < south and north < bottom
    ]


@pytest.mark.parametrize("width", [360, 760, 800, 900, 1000, 1100, 1300])
def test_names_of_the_flow_do_not_touch(show: Open, width: int) -> None:
    page = show("flow", width).page
    page.wait_for_timeout(700)  # until the parts of the flow have moved to their places
    assert touching_labels(page) == []


def test_figures_follow_the_width_of_the_screen(show: Open) -> None:
    """On a phone that is turned labels have another place; what was made for paper is gone after printing."""
    page = show("everything", 360).page
    assert touching_labels(page) == []

    def drawn_in(width: int) -> None:
        """Wait for the figures to have a width; the page's policy refuses expressions that are polled."""
        widths = (
            "[...new Set([...document.querySelectorAll('.figure .main-svg')].map((svg) => svg.clientWidth))]"
        )
        for _ in range(100):
            found = page.evaluate(widths)
            if found == [width]:
                page.wait_for_timeout(700)  # until the parts of the flow have moved to their places
                return
            page.wait_for_timeout(100)
        raise AssertionError(found)

    page.set_viewport_size({"width": 1200, "height": 800})
    drawn_in(1152)
    assert touching_labels(page) == []
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    drawn_in(660)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    drawn_in(1152)
    page.set_viewport_size({"width": 360, "height": 800})
    drawn_in(324)
    assert touching_labels(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_names_that_are_cut_on_a_phone_stay_apart(show: Open) -> None:
    names = show("alike", 360).page.locator("#power .ytick text")
    assert names.all_text_contents() == ["revenue_…_unit_7d", "revenue_…unit_14d"]


def test_every_section_is_seen_and_every_figure_drawn(show: Open) -> None:
    page = show("everything").page
    assert page.locator("section h2").count() == 12
    assert page.locator("section:visible").count() == 12
    figures = page.locator(".figure:visible")
    assert figures.count() == 8
    for place in range(figures.count()):
        assert figures.nth(place).locator("svg.main-svg").count() >= 1
        assert figures.nth(place).get_attribute("aria-label")


@pytest.mark.parametrize("name", ["everything", "healthy"])
def test_all_columns_of_the_scorecard_are_seen_on_a_wide_screen(show: Open, name: str) -> None:
    page = show(name).page
    box = page.locator("div.scroll:has(> #scorecard-table)")
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 0
    last = page.locator("#scorecard-table thead th").last.bounding_box()
    assert last is not None
    assert last["x"] + last["width"] <= 1440
    assert page.locator("#scorecard [data-more]").is_hidden()


def test_a_table_that_is_too_wide_says_so_and_scrolls_beside_its_names(show: Open) -> None:
    page = show("healthy", 360).page
    box, more = page.locator("div.scroll:has(> #scorecard-table)"), page.locator("#scorecard [data-more]")
    assert more.is_visible()
    name = page.locator("#scorecard-table tbody th").first
    before = name.bounding_box()
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    more.wait_for(state="hidden")
    assert name.bounding_box() == before
    last = page.locator("#scorecard-table tbody td").last.bounding_box()
    assert last is not None
    assert last["x"] + last["width"] <= 360
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("width", [360, 1440])
def test_no_word_of_a_heading_is_broken(show: Open, width: int) -> None:
    page = show("healthy", width).page
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    broken = page.evaluate(
        """() => [...document.querySelectorAll("thead th button")].flatMap((button) => {
            const range = document.createRange();
            const text = button.firstChild;
            return [...text.data.matchAll(/\\S+/g)].filter((word) => {
                range.setStart(text, word.index);
                range.setEnd(text, word.index + word[0].length);
                return range.getClientRects().length > 1;
            }).map((word) => word[0]);
        })"""
    )
    assert broken == []


def told_on_hover(page: Page, section: str, slot: str) -> str:
    """What a plot says of its first point when the mouse is over it."""
    figure = page.locator(f"#{section} [data-slot={slot}]")
    figure.scroll_into_view_if_needed()
    box = figure.locator(".scatterlayer .point").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(f"#{section} .hoverlayer text")
    return page.locator(f"#{section} .hoverlayer").text_content() or ""


def test_a_day_beyond_the_plot_is_exact_on_hover(show: Open) -> None:
    page = show("healthy").page
    told = told_on_hover(page, "series", "effects")
    first = series("conversion")[0]
    assert f"{first['relative_low']:+.2%} … {first['relative_high']:+.2%}" in told
    assert "goes beyond the plot" in told


def test_nothing_of_a_name_runs(show: Open) -> None:
    view = show("nasty")
    assert view.page.title() == NASTY.replace("  ", " ").strip()
    assert view.page.locator("img, .figure a").count() == 0
    assert view.page.locator("h1").inner_text().startswith("=<script>")


def test_sorting_by_number_with_the_undefined_last(show: Open) -> None:
    view = show("healthy")
    heading = view.page.locator("#scorecard-table thead th", has_text="Relative effect")
    place = 3
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert view.cells("scorecard-table", place) == ["-1.00%", "+14.64%", "—"]
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert view.cells("scorecard-table", place) == ["+14.64%", "-1.00%", "—"]


def test_intervals_sort_by_their_low_end_with_an_open_one_last(show: Open) -> None:
    view = show("one_sided")
    heading = view.page.locator("#scorecard-table thead th", has_text="Interval").first
    heading.locator("button").click()
    assert view.cells("scorecard-table", 0) == ["above", "level", "shown", "below", "nothing"]
    heading.locator("button").click()
    assert view.cells("scorecard-table", 0) == ["shown", "level", "above", "below", "nothing"]


def test_the_index_sorts_effects_as_numbers(show: Open) -> None:
    view = show("ranked", wait="ready")
    heading = view.page.locator("#experiments thead th", has_text="Primary effect")
    heading.locator("button").click()
    assert view.cells("experiments", 0) == [f"{name}\nexp{place}" for name, place in (
        (-0.2, 4), (-0.1, 2), (0.151974, 3), (0.2, 0), (None, 1))
    ]  # fmt: skip
    heading.locator("button").click()
    assert [text.split("\n")[0] for text in view.cells("experiments", 0)] == [
        "0.2", "0.151974", "-0.1", "-0.2", "None",
    ]  # fmt: skip


def test_sorting_from_the_keyboard(show: Open) -> None:
    view = show("healthy")
    view.page.locator("#scorecard-table thead th button").first.focus()
    view.page.keyboard.press("Enter")
    assert view.cells("scorecard-table", 0) == ["conversion", "load_ms", "revenue"]
    view.page.keyboard.press("Space")
    assert view.cells("scorecard-table", 0) == ["revenue", "load_ms", "conversion"]


def test_the_keyboard_reaches_the_content_first(show: Open) -> None:
    page = show("healthy").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"


def test_filtering(show: Open) -> None:
    view = show("healthy")
    view.page.locator("[data-filter=scorecard-table]").fill("LOAD")
    assert view.cells("scorecard-table", 0) == ["load_ms"]
    view.page.locator("[data-filter=scorecard-table]").fill("")
    assert len(view.cells("scorecard-table", 0)) == 3


def test_choosing_swaps_table_figure_and_note(show: Open) -> None:
    view = show("everything")
    view.page.locator("#segments summary").click()
    view.page.locator("#segments select").select_option(label="load_ms, green")
    label = view.page.locator("#segments [data-slot=forest]").get_attribute("aria-label")
    assert label is not None
    assert label.startswith("load_ms, green: relative effects")
    assert len(view.cells("segments-table", 0)) == 6
    view.page.locator("#scorecard select").select_option(label="green")
    assert view.cells("scorecard-table", 0) == ["conversion", "revenue", "load_ms"]
    assert view.said == []


def test_hover_shows_exact_numbers(show: Open) -> None:
    page = show("healthy").page
    told = told_on_hover(page, "scorecard", "intervals")
    assert "conversion" in told
    assert "+14.64%" in told


def read(text: str, delimiter: str) -> Sequence[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))


def test_csv_has_full_numbers_and_no_formulas(show: Open, tmp_path: Path) -> None:
    view = show("nasty")
    with view.page.expect_download() as download:
        view.page.locator("[data-save=scorecard-table]").click()
    download.value.save_as(tmp_path / "saved.csv")
    [line] = read((tmp_path / "saved.csv").read_text(encoding="utf-8"), ",")
    assert line["Metric"].startswith("'=<script>")
    [expected] = nasty().headlines()
    assert float(line["Relative effect"]) == expected["relative_effect"]


def copied(page: Page, table: str) -> Sequence[dict[str, Any]]:
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { window.copied = text; }}})"
    )
    page.locator(f"[data-copy={table}]").click()
    page.wait_for_function("window.copied")
    return read(page.evaluate("window.copied"), "\t")


def test_copying_takes_what_is_seen(show: Open) -> None:
    view = show("healthy")
    view.page.locator("[data-filter=scorecard-table]").fill("load_ms")
    [line] = copied(view.page, "scorecard-table")
    assert (line["Metric"], line["p"]) == ("load_ms", "0.31")


def test_both_ends_of_intervals_are_copied(show: Open) -> None:
    lines = copied(show("one_sided").page, "scorecard-table")
    found = {line["Metric"]: (line["Interval (low)"], line["Interval (high)"]) for line in lines}
    expected = {
        name: tuple("open" if end is None else str(end) for end in ends) for name, ends in ENDS.items()
    }
    assert found == expected | {"nothing": ("—", "—")}
    assert {line["Interval of the effect (high)"] for line in lines} == {"0.0201234", "—"}


def test_both_ends_of_intervals_are_copied_of_what_was_chosen(show: Open) -> None:
    page = show("everything").page
    page.locator("#scorecard select").select_option(label="green")
    expected = [row for row in everything().headlines() if row["treatment"] == "green"]
    assert [float(line["Interval (high)"]) for line in copied(page, "scorecard-table")] == [
        row["relative_high"] for row in expected
    ]


def test_parts_of_a_cell_are_copied_apart(show: Open) -> None:
    line = copied(show("ranked", wait="ready").page, "experiments")[0]
    assert (line["Experiment"], line["Verdict"]) == ("0.2; exp0", "Do not ship; no effect was shown")
    assert line["Primary effect"] == "'+20.00% (+5.08% … +25.32%); conversion, treatment"


def test_the_theme_can_be_switched(show: Open) -> None:
    page = show("healthy").page
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(background) != before
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_print_opens_what_is_folded(show: Open, tmp_path: Path) -> None:
    page = show("healthy", scheme="dark").page
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.emulate_media(media="print")
    page.wait_for_function(
        "[...document.querySelectorAll('.figure .main-svg')].every((svg) => svg.getBoundingClientRect().width <= 660)"
    )
    page.set_viewport_size({"width": 718, "height": 1000})  # what A4 has between its margins
    assert page.evaluate("document.documentElement.scrollWidth") == 718
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    shutil.copy(tmp_path / "page.pdf", SCREENSHOTS / "healthy.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def drawn_at(stage: str) -> str:
    """A script that notes in `window.found` which figures were drawn when a stage was reached; see `reached`."""
    return f"""
        new MutationObserver((_, watcher) => {{
            if (!document.documentElement?.dataset.{stage}) return;
            watcher.disconnect();
            window.found = [...document.querySelectorAll(".figure:not([hidden])")].map((box) =>
                [box.closest("section").id, box.querySelector("svg") !== null]);
        }}).observe(document, {{ attributes: true, subtree: true, attributeFilter: ["data-{stage}"] }});
    """


def test_the_figure_in_view_is_drawn_before_the_others(show: Open) -> None:
    view = show("healthy", fragment="#power", script=drawn_at("seen"))
    found = dict(view.page.evaluate("window.found"))
    assert found["power"]
    assert not found["scorecard"]
    assert set(dict(view.page.evaluate(
        "[...document.querySelectorAll('.figure:not([hidden])')].map((box) => [box.querySelector('svg') !== null, 1])"
    ))) == {True}  # fmt: skip


def test_a_page_without_a_figure_in_view_does_not_wait_for_plotly(show: Open) -> None:
    script = drawn_at("seen").replace("window.found", "window.loaded = 'Plotly' in window; window.found")
    view = show("large", script=script)
    assert view.page.evaluate("window.loaded") is False
    assert not any(drawn for _, drawn in view.page.evaluate("window.found"))
    assert view.said == []


def test_printing_does_not_wait_for_figures_out_of_view(show: Open) -> None:
    """They are drawn when the page is about to be printed."""
    printing = drawn_at("seen").replace(
        "window.found", "dispatchEvent(new Event('beforeprint')); window.found"
    )
    view = show("everything", fragment="#power", script=printing)
    found = view.page.evaluate("window.found")
    assert len(found) == 8
    assert all(drawn for _, drawn in found), found
    assert view.said == []


def test_a_large_page_is_small_and_works(show: Open, written: Callable[[str], Path]) -> None:
    assert written("large").stat().st_size < 6_000_000
    view = show("large")
    view.page.locator("#series select").select_option(label="metric_199")
    assert view.said == []
