"""The terminal: 80 columns, no colour without a terminal, nothing that a spreadsheet or Markdown would run."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from report_rows import (
    MADE_AT,
    RUN,
    check,
    drop,
    exposure_series,
    metric,
    report_data,
    result,
    run_record,
    segment_rows,
    series,
    undefined,
)
from rich.cells import cell_len

from abspark.report import order, run_table, written
from abspark.report.result_table import show_results
from abspark.report.tables import SHOW
from abspark.schemas import TABLES

LONG = "a_metric_with_a_name_that_is_a_good_deal_longer_than_a_terminal_is_wide_" * 2
NASTY = '<script>alert("x")</script> [bold]| مرحبا 🎉'


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(table: str, rows: list[dict[str, Any]], out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    SHOW[table](rows, out)
    return out.getvalue()


SAMPLES: dict[str, list[dict[str, Any]]] = {
    "results": [
        *series(days=20),
        *series("revenue", days=20),
        result(LONG),
        undefined(NASTY),
        *segment_rows("m", 3),
    ],
    "health": [
        check("srm", "fail", message="It fails. " * 30, advice="Look."),
        check(LONG),
        check("x", "skipped"),
    ],
    "drops": [
        drop("exposures", "null_id", 12_345_678, variant=NASTY),
        drop("units", LONG, 3, variant="control"),
    ],
    "runs": [
        run_record() | {"as_of": MADE_AT, "status": "partly_committed"},
        run_record() | {"experiments": {LONG: "failed: of a long reason", "exp": "committed"}},
    ],
}


@pytest.mark.parametrize("table", SAMPLES)
def test_fits_80_columns_without_colour(table: str) -> None:
    text = shown(table, SAMPLES[table])
    assert "\x1b" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80


def test_colour_on_a_terminal_only() -> None:
    assert "\x1b[1;31m" in shown("health", SAMPLES["health"], Terminal())


def test_names_are_shown_as_they_are() -> None:
    assert "[red]x[/] <b>" in shown("results", [undefined("[red]x[/] <b>")])


def test_of_several_days_the_last_counts_and_the_path_is_drawn() -> None:
    rows = series(days=8)
    text = read(rows, decision=None)
    assert text.count("conversion") == 1
    assert f"{rows[-1]['relative_effect']:+.2%}" in text
    assert "█" in text
    assert "●" in text


def test_by_days_since_exposure_the_last_counts_and_the_path_is_drawn() -> None:
    text = shown("results", exposure_series()[::-1])
    assert "to day 6 since exposure" in text
    assert text.count("conversion") == 1
    assert f"{0.3 / 7:+.2%}" in text
    assert "no verdict is made of it" in " ".join(text.split())


def test_rows_of_days_and_rows_since_exposure_are_told_apart() -> None:
    days, ages = series(days=3), exposure_series(days=2)
    read = order.in_order("results", [*ages[::-1], *days[::-1]])
    assert order.since_exposure(read) == ages
    assert order.by_day(read) == days
    assert order.on_last_days(order.by_day(read)) == days[-1:]


def test_posteriors_show_probabilities_in_place_of_p() -> None:
    numbers = {"method": "bayesian", "p_value": None, "p_adjusted": None, "significant": None}
    rows = [
        result(treatment=name, prob_better=better, prob_best=best, **numbers)
        for name, better, best in (("blue", 0.97, 0.3214), ("green", 0.98, 0.6711))
    ]
    text = shown("results", rows)
    assert text.split().count("better") == text.split().count("best") == 2
    assert [word in text for word in ("97.00%", "32.14%", "98.00%", "67.11%")] == [True] * 4
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    alone = shown("results", [result(prob_better=0.97, prob_best=0.97, **numbers)])
    assert "97.00%" in alone
    assert "best" not in alone.split()


def read(rows: list[dict[str, Any]], **given: Any) -> str:
    """The table as the experiment's configuration reads it; load_ms is better where it is less."""
    metrics = {
        name: metric(name, direction="decrease" if name == "load_ms" else "increase")
        for name in {row["metric"] for row in rows}
    }
    out = io.StringIO()
    show_results(rows, out, {"exp": report_data(rows, **{"metrics": metrics} | given)})
    return out.getvalue()


def marks(text: str) -> dict[str, str]:
    """Metric to what stands behind its numbers."""
    lines = [line.split() for line in text.splitlines() if "%" in line and "━" not in line]
    return {words[0]: words[-1] if words[-1] in "✓✗·*" else "" for words in lines}


FELL = {"effect": -0.01, "relative_effect": -0.1, "statistic": -3.0}


def test_marks_tell_better_from_worse() -> None:
    rows = [
        result("conversion"),
        result("revenue", **FELL),
        result("views", significant=False),
        result("visits", significant=None, reason="not_finished"),
        result("load_ms", role="guardrail"),
    ]
    text = read(rows)
    assert marks(text) == {"conversion": "✓", "revenue": "✗", "views": "", "visits": "·", "load_ms": "✗"}
    assert "· ✓ better, ✗ worse" in text
    assert "· load_ms: less is better" in text
    assert marks(read([result("load_ms", **FELL)])) == {"load_ms": "✓"}
    assert "worse" not in read([result("load_ms", **FELL)])


def test_where_the_direction_is_unknown_significant_is_all_that_is_said() -> None:
    rows = [result("conversion"), result("revenue", significant=False)]
    text = read(rows, metrics={})
    assert marks(text) == {"conversion": "*", "revenue": ""}
    assert "· conversion: * significant; which way is better is not configured here" in text
    assert marks(shown("results", rows)) == {"conversion": "*", "revenue": ""}


def test_posteriors_are_marked_as_their_page_says() -> None:
    numbers = {"method": "bayesian", "p_value": None, "p_adjusted": None, "significant": None}
    rows = [
        result("conversion", prob_better=0.98, **numbers),
        result("revenue", prob_better=0.02, **numbers),
        result("views", prob_better=0.5, **numbers),
        result("visits", prob_better=0.5, reason="not_finished", **numbers),
    ]
    assert marks(read(rows)) == {"conversion": "✓", "revenue": "✗", "views": "", "visits": "·"}


def test_roles_are_named_where_there_are_others_than_primary() -> None:
    rows = [result("a"), result("b"), result("c", role="secondary"), result("d", role="guardrail")]
    cells = [
        line.split()[0]
        for line in shown("results", rows).splitlines()
        if line.startswith(" ") and line.strip()
    ]
    known = {"primary", "secondary", "guardrail", *"abcd"}
    assert [cell for cell in cells if cell in known] == [
        "primary",
        "a",
        "b",
        "secondary",
        "c",
        "guardrail",
        "d",
    ]
    assert "primary" not in shown("results", [result("a")]).split()
    assert "guardrail" in shown("results", [result("a", role="guardrail")]).split()


def test_the_verdict_stands_below_the_tables_of_its_experiment() -> None:
    rows = [result(), *segment_rows("conversion", 2), result(experiment_id="next")]
    text = read(rows, decision={"decision": "do_not_ship", "reasons": ["Not shown to be better.", "So far."]})
    first, rest = text.split("Verdict: do not ship. Not shown to be better. So far.\n")
    assert ("by country" in first, "next: treatment" in first, "next: treatment" in rest) == (
        True,
        False,
        True,
    )
    assert "Verdict" not in read(rows, decision=None)


def test_what_was_estimated_at_stopping_is_noted() -> None:
    stopped = {
        "stopped_effect": 0.0101,
        "stopped_low": 0.002,
        "stopped_high": 0.0187,
        "stopped_p_value": 0.0123,
    }
    text = " ".join(shown("results", [result(**stopped), result("revenue")]).split())
    assert (
        "· conversion: as estimated at stopping, effect +0.0101 (+0.002 … +0.0187), p 0.0123, in the metric's unit"
        in text
    )
    assert "revenue: as estimated" not in text
    one_sided = shown("results", [result(**stopped | {"stopped_high": None})])
    assert "(+0.002 … open)" in " ".join(one_sided.split())


def test_futility_is_noted_below_the_table() -> None:
    assert "conversion: futile at the last look" in shown("results", [result(futile=True)])
    assert "futile" not in shown("results", [result(futile=False)])


def test_the_configured_estimator_is_shown_and_the_other_is_pointed_to() -> None:
    rows = [
        made
        for segment in ({}, {"segment_name": "country", "segment_value": "DE"})
        for made in (
            result("revenue", estimator="cuped", headline=True, relative_effect=0.0345, **segment),
            result("revenue", estimator="unadjusted", headline=False, relative_effect=0.0789, **segment),
            result("conversion", **segment),
        )
    ]
    text = " ".join(shown("results", rows).split())
    assert text.count("+3.45%") == text.count("· revenue: estimator cuped, as configured;") == 2
    assert "+7.89%" not in text
    assert "conversion: estimator" not in text
    assert "--format csv and json have the other one too" in text
    assert "estimator" not in shown("results", [result()])
    assert written.as_json(rows).count("unadjusted") == 4


def test_segments_have_a_table_of_their_own() -> None:
    text = shown("results", [*segment_rows("conversion", 2), result()])
    everyone, by_country = text.split(", by country")
    assert "0001" not in everyone
    assert "0001" in by_country


def test_runs_say_what_they_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    unended = {"finished_at": None, "costs": None, "seconds": {"moments": 2.0}}
    text = shown("runs", [run_record(), run_record() | unended | {"run_id": "older"}])
    lines = [line.split() for line in text.splitlines() if line.strip()][3:]
    assert lines == [
        [RUN, "committed", "61.5", "1.2", "GB", "read", "exp"],
        ["as", "of", "2026-03-20", "12:00", "98.5", "CPU", "99", "MB", "shuffled"],
        ["2.0", "MB", "spilled"],
        ["older", "committed", "2.0", "exp"],
        ["as", "of", "2026-03-20", "12:00"],
    ]


def test_why_something_is_undefined_is_a_sentence() -> None:
    text = " ".join(shown("results", [result(reason="n_below_2", effect=None, significant=None)]).split())
    assert "· A variant has fewer than two units, so its spread is unknown." in text


def test_a_narrow_terminal_keeps_what_rows_are_told_apart_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "committed" in shown("runs", [run_record()])
    assert "long_nam" in shown("results", [result("long_name_of_a_metric")])


FORMULAS = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\tx"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_has_no_formulas(formula: str) -> None:
    text = written.as_csv([result(formula, effect=-0.5)], TABLES["results"].names)
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["metric"] == f"'{formula}"
    assert row["effect"] == "-0.5"


def test_csv_keeps_a_row_one_row() -> None:
    text = written.as_csv([result("a\r=1"), result("b\n2")], TABLES["results"].names)
    assert [row["metric"] for row in csv.DictReader(io.StringIO(text, newline=""))] == ["a\n=1", "b\n2"]


def test_markdown_escapes_what_ends_a_cell() -> None:
    text = written.as_markdown([result("a|b\n<i>c"), result("plain")], TABLES["results"].names)
    header, rule, first, second = text.splitlines()
    assert "| metric |" in header
    assert "boundary" not in header
    assert set(rule) <= set("| -")
    assert "| a\\|b &lt;i>c |" in first
    assert header.count("|") == second.count("|")


def test_a_significant_effect_whose_relative_interval_crosses_zero_is_explained() -> None:
    doubted = result("revenue", p_value=0.0396, p_adjusted=None, relative_low=-0.026, relative_high=0.605)
    text = shown("results", [result(), doubted])
    assert "· revenue: p tests the effect itself" in text
    assert "conversion: p tests" not in text


def test_where_the_effects_own_interval_holds_zero_its_relative_error_is_not_the_reason() -> None:
    """A sequential test stays decided by an earlier look; the test of rates has another variance than the interval."""
    wide = {"effect_low": -0.002, "effect_high": 0.02, "relative_low": -0.026, "relative_high": 0.3}
    text = shown("results", [result("rate", **wide), result("spend", method="anytime", **wide)])
    assert "p tests the effect itself" not in text
    assert "· rate: p has the variance of equal rates, the interval that of each" in text
    assert "· spend: shown by an earlier look, and what was shown stays shown" in text


def test_marks_of_several_values_of_a_segment_are_told_to_be_unadjusted() -> None:
    told = "each value of a segment has a test of its own, unadjusted"
    rows = segment_rows("conversion", 2)
    assert told in " ".join(read(rows).split())
    assert told not in " ".join(read([*rows[:1], result()]).split())
    assert told not in " ".join(read([each | {"significant": False} for each in rows]).split())


@pytest.mark.parametrize("table", SAMPLES)
def test_sixty_columns_keep_what_decides(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = shown(table, SAMPLES[table])
    assert max(cell_len(line) for line in text.splitlines()) <= 60
    told = {
        "results": ["conversion", "+14.75%", "+5.8% … +23.7%", "0.0019"],
        "health": ["srm", "fail", "Look."],
        "drops": ["null_id", "12,345,678"],
        "runs": [RUN, "as of 2026-03-20 12:00", "partly", "committed", "failed"],
    }[table]
    assert [part for part in told if part not in text] == []


def test_why_all_slices_were_skipped_is_told() -> None:
    slices = [
        check("clock", "skipped", message="No times.", slice_name="source", slice_value=name) for name in "ab"
    ]
    text = shown("health", slices)
    assert "No times." in text
    assert "2 slices: skipped" in text


WHY = "failed: source web: there is no column 'variant' in /lake/raw/exposures; there is: user_id, ts, group."


def run_of(hour: int, status: str, experiments: dict[str, str]) -> dict[str, Any]:
    begun = MADE_AT + timedelta(hours=hour)
    ended = None if status == "running" else begun + timedelta(minutes=2)
    times = {"started_at": begun, "finished_at": ended}
    return run_record() | times | {"run_id": f"run-{hour}", "status": status, "experiments": experiments}


def fates(*runs: dict[str, Any], after_hours: float) -> list[str]:
    return [run_table.fate(run, runs, MADE_AT + timedelta(hours=after_hours)) for run in runs]


def test_a_run_that_others_have_overtaken_is_lost() -> None:
    """Its commit would be refused: it is conditional on the predecessor that the run saw at its start."""
    killed = run_of(2, "running", {"a": "running", "b": "running"})
    first = run_of(3, "committed", {"a": "committed"})
    assert fates(killed, first, after_hours=4) == ["running", "committed"]
    second = run_of(3, "partly_committed", {"b": "committed", "c": WHY})
    assert fates(killed, first, second, after_hours=4) == ["lost", "committed", "partly_committed"]
    failed = run_of(3, "failed", {"a": WHY, "b": WHY})
    assert fates(killed, failed, after_hours=4) == ["running", "failed"]
    before = run_of(1, "committed", {"a": "committed", "b": "committed"})
    assert fates(killed, before, after_hours=4) == ["running", "committed"]


def test_a_run_that_says_nothing_for_a_day_is_lost() -> None:
    killed = run_of(2, "running", {"a": "running"})
    assert fates(killed, after_hours=25) == ["running"]
    assert fates(killed, after_hours=27) == ["lost"]


def test_a_run_that_was_killed_once_it_had_committed_counts() -> None:
    """Its record says running for ever; what of it counts is what commits says."""
    killed = run_of(1, "running", {"a": "running", "b": "running", "c": "running"})
    rows, out = [run_of(2, "committed", {"b": "committed"}), killed], io.StringIO()
    run_table.show_runs(rows, out, heads={"a": "run-1", "b": "run-2"}, now=MADE_AT + timedelta(hours=30))
    table, notes = out.getvalue().split("·", 1)
    status = [line.split()[1:] for line in table.splitlines() if "run-1" in line]
    assert [words[0] for words in status] == ["committed"]
    assert re.findall(r"[abc]: lost", table) == ["b: lost", "c: lost"]
    assert "run-1: has committed, so its rows count, though its record" in " ".join(notes.split())
    assert "abspark prune removes them" not in notes
    assert killed["status"] == "running"
    out = io.StringIO()
    run_table.show_runs(rows, out, heads={"a": "run-0", "b": "run-2"}, now=MADE_AT + timedelta(hours=30))
    assert "has committed, so" not in out.getvalue()
    assert "abspark prune removes them" in " ".join(out.getvalue().split())


def test_why_experiments_failed_stands_below_the_runs_once() -> None:
    mixed = {"a": WHY, "b": WHY, "c": "committed", "d": "conflict: another run committed it"}
    text = shown("runs", [run_of(1, "partly_committed", mixed)])
    assert " ".join(text.split()).count(WHY) == 1
    table, notes = text.split("·", 1)
    assert "a: failed" in table
    assert "c: committed" in table
    assert "run-1: a, b: failed: source web" in notes
    assert "run-1: d: conflict: another run committed it" in notes


def test_many_experiments_of_a_run_are_counted() -> None:
    text = shown("runs", [run_of(1, "committed", {f"exp_{place:02d}": "committed" for place in range(12)})])
    assert "exp_03\n" in text.replace(" ", "")
    assert "and 8 more" in text
    assert "exp_04" not in text


def test_one_very_wide_interval_does_not_flatten_the_others() -> None:
    spans = {"DE": (0.10, 0.05), "US": (0.02, 0.03), "LI": (0.5, 3.0)}
    rows = [
        result(
            segment_name="country", segment_value=name, relative_effect=at, relative_low=at - by, relative_high=at + by
        )
        for name, (at, by) in spans.items()
    ]  # fmt: skip
    lines = shown("results", rows).splitlines()
    bars = {
        name: lines[place + 1] for name in spans for place, line in enumerate(lines) if f" {name} " in line
    }
    assert bars["DE"].count("━") > 5
    assert bars["LI"].split()[0].startswith("◂")
    assert bars["LI"].split()[-1].endswith("▸")
    assert "◂ or ▸" in "".join(lines)


def test_results_say_that_p_is_adjusted() -> None:
    adjusted = result("conversion", p_value=0.01, p_adjusted=0.02)
    alone = result("revenue", p_value=0.03, p_adjusted=None)
    text = " ".join(shown("results", [adjusted, alone]).split())
    assert (
        "· conversion: p is adjusted for there being several primary comparisons; intervals are not" in text
    )
    assert "p is adjusted" not in shown("results", [result(), alone])


@pytest.mark.parametrize(("columns", "fitting"), [(80, 2), (60, 1), (120, 4)])
def test_columns_of_variants_that_do_not_fit_are_counted(
    monkeypatch: pytest.MonkeyPatch, columns: int, fitting: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    names = [f"variant_{place:06d}" for place in range(4)]
    text = shown(
        "drops", [drop("exposures", "repeated_exposure", 12_345_678, variant=name) for name in names]
    )
    assert [name in text for name in names] == [place < fitting for place in range(4)]
    assert "49,382,712" in text  # 4 x 12,345,678: the sum is of all variants
    assert ("had no room" in text) == (fitting < 4)
    assert "repeated_exposure" in text


def test_what_concerns_no_experiment_is_shown_run_by_run() -> None:
    """Each run read the source for itself: its rows are neither added to another's nor replaced by them."""
    rows = [
        drop(stage, reason, count, experiment_id="*", source="events", run_id=run)
        for run, stage, reason, count in (
            ("r2", "events", "no_metric", 9_940),
            ("r1", "events", "no_metric", 1_234),
            ("r2", "events", "after_as_of", 6),
        )
    ]
    rows += [drop("units", "excluded", 3, variant="control", run_id="r2")]
    text = shown("drops", order.in_order("drops", rows))
    found = [line.split() for line in text.splitlines() if line.strip() and "─" not in line]
    assert found == [
        ["events:", "left", "out,", "no", "experiment,", "run", "r1"],
        ["stage", "reason", "rows"],
        ["events", "no_metric", "1,234"],
        ["events:", "left", "out,", "no", "experiment,", "run", "r2"],
        ["stage", "reason", "rows"],
        ["events", "after_as_of", "6"],
        ["events", "no_metric", "9,940"],
        ["log:", "left", "out,", "exp"],
        ["stage", "reason", "control", "rows"],
        ["units", "excluded", "3", "3"],
    ]


SPANS = {
    "conversion": (-0.357, 0.758),
    "revenue_per_unit": (-0.0123, 12.3456),
    "page_load_ms": (0.01, 0.0234),
}


def metrics_and_numbers(
    columns: int, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> tuple[str, dict[str, list[str]]]:
    """What is shown of three metrics and of two segments, and the numbers that there are, by metric."""
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = []
    for day in (1, 2):
        for name, (low, high) in SPANS.items():
            span = {"relative_effect": (low + high) / 2, "relative_low": low, "relative_high": high} | more
            day_of = {"day": MADE_AT.date() + timedelta(days=day)}
            rows.append(result(name, **span, **day_of))
            rows.append(result(name, segment_name="country", segment_value="DE", **span, **day_of))
    text = shown("results", rows)
    assert max(cell_len(line) for line in text.splitlines()) <= columns
    return text, {
        name: [f"{(low + high) / 2:+.2%}", f"{low:+.1%}", f"{high:+.1%}"]
        for name, (low, high) in SPANS.items()
    }


def first_column(text: str) -> str:
    """The letters of all first cells, those that are folded in one piece."""
    cells, within = [], False
    for line in text.splitlines():
        within = "──" in line or (within and bool(line.strip()))
        if within and line[1:3].strip(" ─"):
            cells.append(line.lstrip().partition("  ")[0].replace(" ", ""))
    return "".join(cells)


@pytest.mark.parametrize(
    ("low", "high", "shown_numbers"),
    [
        (-0.005, 0.005, ["+0.00%", "-0.5%", "+0.5%"]),
        (0.0002, 0.0006, ["+0.040%", "+0.020%", "+0.060%"]),
        (0.0012, 0.0048, ["+0.30%", "+0.12%", "+0.48%"]),
        (0.0012, None, ["+0.30%", "+0.12%"]),
    ],
    ids=["wide", "very narrow", "narrow", "one-sided"],
)
def test_ends_of_a_narrow_interval_do_not_read_alike(
    low: float, high: float | None, shown_numbers: list[str]
) -> None:
    middle = 0.003 if high is None else (low + high) / 2
    words = shown(
        "results", [result("m", relative_effect=middle, relative_low=low, relative_high=high)]
    ).split()
    assert [number for number in shown_numbers if number not in words] == []


@pytest.mark.parametrize("columns", [40, 41, 43, 47, 52, 60, 66, 76, 80, 120])
@pytest.mark.parametrize(
    ("more", "decisive"),
    [
        ({"p_value": 0.0019, "p_adjusted": None}, ["0.0019"]),
        (
            {"method": "bayesian", "p_value": None, "p_adjusted": None, "significant": None,
             "prob_better": 0.9712, "prob_best": 0.3214},
            ["97.12%", "32.14%"],
        ),
    ],
    ids=["p", "bayesian"],
)  # fmt: skip
def test_no_number_is_cut_in_any_width(
    columns: int, more: dict[str, Any], decisive: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, numbers = metrics_and_numbers(columns, monkeypatch, **more)
    words = text.split()
    for shown_numbers in numbers.values():
        assert [words.count(number) for number in shown_numbers] == [2, 2, 2]  # of everyone, and of a segment
    assert [words.count(number) for number in decisive] == [6] * len(decisive)
    first = first_column(text)
    assert all(first.count(name) == 2 for name in SPANS), "names are folded, not cut"
    assert first.count("DE") == 3


@pytest.mark.parametrize(("columns", "means", "pictures"), [(40, 0, 0), (60, 0, 2), (80, 2, 2), (120, 2, 2)])
def test_values_go_first_and_pictures_then(
    columns: int, means: int, pictures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = metrics_and_numbers(columns, monkeypatch, p_value=0.0019, p_adjusted=None)
    assert (text.split().count("treated"), bool(means)) == (means, "0.081235" in text)
    assert ("●" in text, "█" in text or "▄" in text) == (bool(pictures), bool(pictures))


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_count_of_dropped_rows_is_cut(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    reasons = ("repeated_exposure", "outside_interval")
    text = shown("drops", [drop("exposures", reason, 12_345_678, variant="control") for reason in reasons])
    assert max(cell_len(line) for line in text.splitlines()) <= columns
    assert text.split().count("12,345,678") == (2 if columns == 40 else 4)
