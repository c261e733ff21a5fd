"""Late rows, clocks, exposures outside, events before, bots."""

from __future__ import annotations

from typing import Any

import pytest
from test_health import count, experiment

from abspark.analysis.health import Arrivals, health

LAGS = (60, 3_600, 86_400)
HOUR = 3_600
Rows = list[dict[str, Any]]


def cells(*rows: tuple[int, int, int], ahead: int = 0, newest: int = 100 * HOUR) -> Rows:
    return [{"cell": c * HOUR, "lag": k, "rows": n, "ahead": ahead, "newest": newest} for c, k, n in rows]


def found(check: str, source: Arrivals, **given: Any) -> dict[str, Any]:
    rows = health([count("a", 10)], [experiment(**given)], arrivals={"e": [source]})
    [row] = [row for row in rows if row["check"] == check]
    assert (row["slice_name"], row["slice_value"]) == ("source", source.source)
    return row


def late(*rows: tuple[int, int, int], **given: Any) -> dict[str, Any]:
    return found("late_rows", Arrivals("buys", None, None, cells(*rows), LAGS), **given)


def test_late_rows_are_what_is_still_to_come() -> None:
    """Half of the rows come after an hour or more; the cell of hour 98 has seen an hour, so half are to come."""
    row = late((10, 0, 400), (10, 1, 100), (10, 2, 500), (98, 0, 400), (98, 1, 100))
    assert row["statistic"] == pytest.approx(500 / 2000)
    assert row["status"] == "fail"
    assert row["observed"] == "of the rows arrive: 50% within 1 h, 90% within 1 d, 99% within 1 d"
    assert "25.00% of the rows in buys are still to come (500)" in row["message"]
    assert "complete_until" in row["advice"]
    assert late((10, 3, 50), (98, 0, 50))["observed"].endswith("50% after 1 d, 90% after 1 d, 99% after 1 d")
    assert late((10, 0, 100), (98, 0, 100))["observed"].startswith("of the rows arrive: 50% within 1 min")


def test_the_hour_of_a_cell_does_not_count_into_its_age() -> None:
    """Half of the rows come after a minute; the newest row is 5,600 s after hour 98 began, so that its last rows are
    2,000 s old: they have not seen the hour that the second half may take, and 100 are to come."""
    rows = cells((10, 0, 100), (10, 1, 100), (98, 0, 100), newest=98 * HOUR + 5_600)
    row = found("late_rows", Arrivals("buys", None, None, rows, LAGS))
    assert row["statistic"] == pytest.approx(100 / 400)


def test_late_rows_have_their_own_thresholds() -> None:
    """20 of 2,000 rows are to come; the level told is that which was passed, and where none was, the nearest."""
    rows = ((10, 0, 980), (10, 2, 20), (98, 0, 980))
    assert late(*rows)["status"] == "pass"
    for warn, fail, status, threshold in (
        (0.015, 0.02, "pass", 0.015), (0.005, 0.02, "warn", 0.005), (0.005, 0.009, "fail", 0.009),
    ):  # fmt: skip
        row = late(*rows, health={"late_rows": {"warn": warn, "fail": fail}})
        assert (row["status"], row["threshold"]) == (status, threshold)


def test_without_ingestion_times_nothing_is_known_of_late_rows() -> None:
    row = found("late_rows", Arrivals("buys", 5, 0, None, LAGS))
    assert (row["status"], row["message"]) == ("skipped", "buys maps no ingestion time (columns.ingested).")
    assert (
        found("late_rows", Arrivals("buys", 5, 0, [], LAGS))["message"] == "buys has no rows with both times."
    )


def test_clocks_are_compared_with_the_ingestion_where_there_is_one() -> None:
    rows = cells((10, 0, 400), (11, 0, 600), ahead=4)
    row = found("clock", Arrivals("buys", 5_000, 3_000, rows, LAGS))
    assert (row["statistic"], row["status"]) == (8 / 1000, "warn")
    assert row["observed"] == "8 of 1,000 rows (0.8%)"
    assert row["message"] == "0.8% of the rows in buys are dated after they reached the log."
    strict = {"clock": {"warn": 0.001, "fail": 0.002}}
    assert found("clock", Arrivals("buys", 5_000, 0, rows, LAGS), health=strict)["status"] == "fail"


def test_else_with_the_time_of_the_run() -> None:
    row = found("clock", Arrivals("buys", 1_000, 20, None))
    assert (row["statistic"], row["status"]) == (0.02, "fail")
    assert row["message"] == "2% of the rows in buys are dated after the run began."
    assert found("clock", Arrivals("buys", 1_000, 0, None))["status"] == "pass"
    assert "as_of is past" in found("clock", Arrivals("buys", 1_000, None, None))["message"]
    assert found("clock", Arrivals("buys", 0, 0, None))["message"] == "buys has no rows."


def drop(
    reason: str, rows: int, *, stage: str = "exposures", variant: str = "a", **more: Any
) -> dict[str, Any]:
    return {"experiment_id": "e", "stage": stage, "source": "web", "reason": reason, "variant": variant,
            "rows": rows, "units": rows, **more}  # fmt: skip


UNITS = [count("a", 60), count("b", 40)]


def of(check: str, drops: Rows, bots: Any = None, profile: Rows = UNITS, **given: Any) -> dict[str, Any]:
    known = {} if bots is None else {"e": bots}
    rows = health(profile, [experiment(**given)], drops=drops, bots=known)
    [row] = [row for row in rows if row["check"] == check]
    return row


def test_exposures_outside_the_interval() -> None:
    drops = [
        drop("outside_interval", 20),
        drop("repeated_exposure", 70),
        drop("filtered", 10, experiment_id="x"),
    ]
    row = of("exposures_outside_interval", [*drops, drop("outside_windows", 99, stage="pairs")])
    assert (row["statistic"], row["status"]) == (20 / 190, "warn")
    assert row["observed"] == "20 of 190 exposures (10.5%)"
    given = {"exposures_outside_interval": {"warn": 0.01, "fail": 0.1}}
    assert of("exposures_outside_interval", drops, health=given)["status"] == "fail"
    assert of("exposures_outside_interval", [])["status"] == "pass"
    assert row["advice"].startswith("Compare start and end with")
    nobody = of("exposures_outside_interval", [drop("outside_interval", 20)], profile=[])
    assert (nobody["status"], nobody["statistic"]) == ("fail", 1.0)
    assert nobody["advice"].startswith("Compare columns.time, time_unit and time_zone of the source")


def test_events_before_exposure() -> None:
    drops = [
        drop("before_window", 30, stage="pairs"),
        drop("before_window", 25, stage="pairs", variant="b"),
        drop("before_window", 5, stage="pairs", source="app"),
    ]
    row = of("events_before_exposure", drops)
    assert (row["statistic"], row["status"]) == (0.55, "warn")
    assert "55% of the units have events in web before their windows begin" in row["message"]
    given = {"events_before_exposure": {"warn": 0.1, "fail": 0.2}}
    assert of("events_before_exposure", drops, health=given)["status"] == "fail"
    assert of("events_before_exposure", [drop("after_window", 1, stage="pairs")])["status"] == "pass"


def test_events_before_exposure_of_the_sample() -> None:
    """100 units, of which 40 and 20 are in the sample."""
    profile = [count("a", 60, sampled=40), count("b", 40, sampled=20)]
    early = [drop("before_window", 27, stage="sample"), drop("before_window", 6, stage="sample", variant="b"),
             drop("outside_windows", 500, stage="pairs")]  # fmt: skip
    row = of("events_before_exposure", early, profile=profile)
    assert (row["statistic"], row["status"]) == (0.55, "warn")
    assert row["observed"] == "33 of 60 sampled units (55%)"
    assert row["message"].startswith("55% of a sample of 1 in 16 units have events in web before")
    assert of("events_before_exposure", [], profile=profile)["status"] == "pass"
    few = [count("a", 400, sampled=30)]
    assert of("events_before_exposure", early[1:], profile=few)["statistic"] == 6 / 30
    row = of("events_before_exposure", early, profile=[count("a", 400, sampled=29)])
    assert row["status"] == "skipped"
    assert row["message"] == "Only 29 units are in the sample of 1 in 16; with ledger: full all are judged."


def test_bots_kept_and_bots_left_out() -> None:
    row = of(
        "bots",
        [],
        [{"experiment_id": "e", "variant": "b", "n": 2}, {"experiment_id": "x", "variant": "b", "n": 9}],
    )
    assert (row["statistic"], row["status"], row["observed"]) == (0.02, "fail", "a 0, b 2, c 0")
    assert row["message"].endswith("their log's limit; they are kept.")
    row = of("bots", [drop("bot", 25)], [])
    assert (row["statistic"], row["observed"]) == (0.2, "a 25, b 0, c 0")
    assert row["message"].endswith("they are left out.")
    both = of("bots", [drop("bot", 25)], [{"experiment_id": "e", "variant": "b", "n": 2}])
    assert both["message"] == (
        "27 of 125 units (21.6%) have more events than their log's limit; 25 of them are left out."
    )
    given = {"bots": {"warn": 0.2, "fail": 0.3}}
    assert of("bots", [drop("bot", 25)], [], health=given)["status"] == "pass"
    assert of("bots", [])["status"] == "skipped"
