"""Health checks beyond shares of units; p-values by scipy and statsmodels where they have the test."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency, chisquare
from test_health import DAY, count, experiment

from abspark.analysis.health import SourceCount, health
from abspark.analysis.health_ledger import copies_check
from abspark.analysis.health_row import percentage
from abspark.schemas import SAMPLED
from abspark.stages import checks

Rows = list[dict[str, Any]]


def row_of(check: str, found: Rows, value: str | None = None) -> dict[str, Any]:
    [row] = [row for row in found if row["check"] == check and row["slice_value"] == value]
    return row


def checked(profile: Rows, check: str, value: str | None = None, **given: Any) -> dict[str, Any]:
    return row_of(check, health(profile, [experiment(**given)]), value)


HISTORY = {
    "scheme": "none",
    "history": [
        {"from": "2026-01-01T00:00:00Z", "weights": {"a": 0.8, "b": 0.1, "c": 0.1}},
        {"from": "2026-01-05T00:00:00Z", "weights": {"a": 0.2, "b": 0.4, "c": 0.4}},
    ],
}
CHANGED = [
    *(count(v, n, period=0) for v, n in (("a", 810), ("b", 95), ("c", 95))),
    *(count(v, n, period=1, day=4) for v, n in (("a", 410), ("b", 790), ("c", 800))),
]
FLAT = [{**row, "period": 0} for row in CHANGED]


def test_expected_shares_follow_history() -> None:
    """Of 1,200, 900 and 900 expected there are 1,220, 885 and 895; the first two have the covariance of two draws."""
    row = checked(CHANGED, "srm", assignment=HISTORY)
    covariance = 1000 * np.array([[0.16, -0.08], [-0.08, 0.09]]) + 2000 * np.array(
        [[0.16, -0.08], [-0.08, 0.24]]
    )
    statistic = np.array([20, -15]) @ np.linalg.solve(covariance, [20, -15])
    assert row["statistic"] == pytest.approx(statistic, rel=1e-9)
    assert row["p_value"] == pytest.approx(chi2.sf(statistic, 2), rel=1e-9)
    assert row["expected"] == "a 1,200, b 900, c 900"
    assert checked(FLAT, "srm")["status"] == "fail"


def test_a_mismatch_is_found_though_weights_changed() -> None:
    """10,000 units at 90/10, then as many at 50/50, 200 too many in b: z = 200 / sqrt(900 + 2,500) = 3.43."""
    even, history = [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}], [
        {"from": "2026-01-01T00:00:00Z", "weights": {"a": 0.9, "b": 0.1}},
        {"from": "2026-01-05T00:00:00Z", "weights": {"a": 0.5, "b": 0.5}},
    ]  # fmt: skip
    rows = [count("a", 8900), count("b", 1100), count("a", 4900, period=1), count("b", 5100, period=1)]
    given = {"variants": even, "assignment": {"scheme": "none", "history": history}}
    row = checked(rows, "srm", **given)
    assert row["p_value"] == pytest.approx(chi2.sf(200**2 / 3400, 1), rel=1e-9)
    assert (row["status"], row["expected"]) == ("fail", "a 14,000, b 6,000")


def test_changed_weights_fail_where_units_had_both() -> None:
    row = checked(CHANGED, "weights_changed", assignment=HISTORY)
    assert (row["status"], row["observed"]) == ("fail", "a 0.8, b 0.1, c 0.1; a 0.2, b 0.4, c 0.4")
    assert "last change" in row["advice"]
    lenient = {"weights_changed": {"severity": "warn"}}
    assert checked(CHANGED, "weights_changed", assignment=HISTORY, health=lenient)["status"] == "warn"
    assert checked(CHANGED[:3], "weights_changed", assignment=HISTORY)["status"] == "pass"
    tied = count("a", 7, period=1, day=4, excluded="tied_variants")
    assert checked([*CHANGED[:3], tied], "weights_changed", assignment=HISTORY)["status"] == "pass"
    traffic = {"scheme": "sha256", "salt": "s", "history": [
        {"from": "2026-01-01T00:00:00Z", "traffic": 0.1}, {"from": "2026-01-05T00:00:00Z"},
    ]}  # fmt: skip
    assert checked(CHANGED, "weights_changed", assignment=traffic)["status"] == "pass"


def days(counts: dict[str, list[int]]) -> Rows:
    return [count(v, n, day=d) for v, each in counts.items() for d, n in enumerate(each) if n]


def test_sequential_sample_ratio() -> None:
    """One day: the Bayes factor of Dirichlet(10,000 shares) against the shares, from log-gamma functions."""
    row = checked(days({"a": [600], "b": [240], "c": [160]}), "srm_sequential")
    n, prior = np.array([600, 240, 160]), 10_000 * np.array([0.5, 0.3, 0.2])
    log_beta = lambda x: sum(map(math.lgamma, x)) - math.lgamma(sum(x))  # noqa: E731
    expected = log_beta(prior + n) - log_beta(prior) - float(n @ np.log([0.5, 0.3, 0.2]))
    assert row["statistic"] == pytest.approx(expected, rel=1e-6)
    assert row["p_value"] == pytest.approx(min(1.0, math.exp(-expected)), rel=1e-5)


def test_sequential_sample_ratio_remembers_its_worst_day() -> None:
    counts = {"a": [5000, 8000, 2000], "b": [3000, 3000, 6000], "c": [2000, 2000, 4000]}
    row = checked(days(counts), "srm_sequential")
    assert row["status"] == "fail"
    assert "first on 2026-01-02" in row["message"]
    assert checked(days({v: each[:1] for v, each in counts.items()}), "srm_sequential")["status"] == "pass"
    assert checked(CHANGED, "srm_sequential", assignment=HISTORY)["status"] == "pass"
    assert checked(FLAT, "srm_sequential")["status"] == "fail"
    settings = {"srm_sequential": {"severity": "warn", "threshold": row["p_value"] * 2}}
    assert checked(days(counts), "srm_sequential", health=settings)["status"] == "warn"
    settings = {"srm_sequential": {"threshold": max(row["p_value"] / 2, 1e-300)}}
    assert checked(days(counts), "srm_sequential", health=settings)["status"] == "pass"


def segment(value: str, counts: dict[str, int], *, wrong: bool = False, name: str = "country") -> Rows:
    return [
        {"experiment_id": "e", "segment_name": name, "segment_value": value, "period": 0, "variant": v,
         "wrong": wrong, "n": n}
        for v, n in counts.items()
    ]  # fmt: skip


def test_segments_are_adjusted_by_holm() -> None:
    slices = [*segment("DE", {"a": 1080, "b": 530, "c": 390}), *segment("FR", {"a": 500, "b": 300, "c": 200})]
    found = health([], [experiment(segments=["country"])], segments=slices)
    p = chisquare([1080, 530, 390], [1000, 600, 400]).pvalue
    assert row_of("srm", found, "DE")["p_value"] == pytest.approx(2 * p, rel=1e-9)
    assert row_of("srm", found, "DE")["slice_name"] == "country"
    assert row_of("srm", found, "FR")["status"] == "pass"
    told = [row["message"].split("after ")[1] for row in found if row["slice_name"] == "country"]
    assert told == ["Holm over 2 segment values)."] * 2
    for factor, status in ((1.9, "pass"), (2.1, "warn")):
        given = {"srm": {"threshold": p * factor, "severity": "warn"}}
        again = health([], [experiment(segments=["country"], health=given)], segments=slices)
        assert row_of("srm", again, "DE")["status"] == status


def test_several_variants_are_compared_between_arms() -> None:
    rows = [count("a", 5000, several=60), count("b", 3000, several=20), count("c", 2000, several=10)]
    tied = [count("a", 500, several=500, excluded="tied_variants")]
    row = checked([*rows, *tied], "several_variants_balanced")
    expected = chi2_contingency([[60, 20, 10], [4940, 2980, 1990]], correction=False)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert row["status"] == "pass"
    given = {"several_variants_balanced": {"threshold": expected.pvalue * 1.1, "severity": "fail"}}
    row = checked(rows, "several_variants_balanced", health=given)
    assert (row["status"], "biased" in row["advice"]) == ("fail", True)
    row = checked(rows, "several_variants_balanced", health=given, multiple_variants="first")
    assert "biased" not in row["advice"]


def test_equal_shares_are_not_biased() -> None:
    even = {"variants": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}]}
    row = checked([count("a", 500, several=60), count("b", 500)], "several_variants_balanced", **even)
    assert (row["status"], "biased" in row["advice"]) == ("warn", False)


def test_units_missing_from_the_log_are_capture() -> None:
    """800 of 1,000 b are logged; every one was given what its hash says."""
    rows = [count("a", 5000), count("b", 2400), count("c", 2000)]
    found = health(rows, [experiment()])
    row = row_of("hash_capture", found)
    assert row["p_value"] == pytest.approx(chisquare([5000, 2400, 2000], [4700, 2820, 1880]).pvalue, rel=1e-9)
    assert row["observed"].split("; ")[1] == (
        "b: recorded 2,400 - expected 2,820 = captured -420, assigned +0"
    )
    assert (row["status"], row_of("hash_assignment", found)["status"]) == ("fail", "pass")
    assert row_of("hash", found)["status"] == "pass"
    lenient = {"hash_capture": {"severity": "warn"}}
    assert checked(rows, "hash_capture", health=lenient)["status"] == "warn"
    strict = {"hash_capture": {"threshold": 1e-200}}
    assert checked(rows, "hash_capture", health=strict)["status"] == "pass"


def test_units_given_another_variant_are_assignment() -> None:
    """30 units that hash to a are recorded as b, 10 the other way: McNemar's (30 - 10)^2 / 40."""
    rows = [
        count("a", 4960), count("b", 2990), count("c", 2000), count("b", 30, status="mismatch"),
        count("a", 10, status="mismatch", expected_variant="b"), count("c", 99, status="override"),
    ]  # fmt: skip
    found = health(rows, [experiment()])
    row = row_of("hash_assignment", found)
    assert (row["statistic"], row["p_value"]) == (pytest.approx(10), pytest.approx(chi2.sf(10, 1)))
    assert row["message"].startswith("40 mismatches are not shown to shift")
    assert row["expected"] == "a 4,990, b 3,000, c 2,000, none 0"
    assert (
        "a: recorded 4,970 - expected 4,995 = captured -5, assigned -20"
        in (row_of("hash_capture", found)["observed"])
    )
    settings = {"hash_assignment": {"threshold": 0.01, "severity": "warn"}}
    assert checked(rows, "hash_assignment", health=settings)["status"] == "warn"


def test_units_without_an_allocation_are_a_category() -> None:
    rows = [count("a", 5000), count("b", 3000), count("c", 2000), count("c", 30, status="not_allocated")]
    row = checked(rows, "hash_assignment")
    assert (row["status"], row["statistic"]) == ("fail", pytest.approx(30))
    assert row["expected"].endswith("none 30")


def diagnosed(rows: Rows, slices: Rows | None = None, **given: Any) -> str:
    row = row_of("hash", health(rows, [experiment(**given)], segments=slices or []))
    assert row["status"] == "fail"
    return str(row["advice"])


RIGHT = [count("a", 5000), count("b", 3000), count("c", 2000)]
WORDS = {"boundaries", "ASCII", "capital letters", "none before", "country", "at random"}


def test_diagnosis_of_boundaries_and_characters() -> None:
    near = [*RIGHT, count("b", 40, near=True), count("b", 60, status="mismatch", near=True)]
    assert {word for word in WORDS if word in diagnosed(near)} == {"boundaries"}
    foreign = [*RIGHT, count("b", 40, not_ascii=True), count("b", 60, status="mismatch", not_ascii=True)]
    assert {word for word in WORDS if word in diagnosed(foreign)} == {"ASCII"}
    lowered = [*RIGHT, count("b", 40, capitals=True), count("b", 60, status="mismatch", capitals=True)]
    assert {word for word in WORDS if word in diagnosed(lowered)} == {"capital letters"}
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    nearly_all = [
        count(v, round(1e6 * p * q), capitals=True, expected_variant=w, status="match" if v == w else "mismatch")
        for v, p in shares.items() for w, q in shares.items()
    ]  # fmt: skip
    said = {word for word in WORDS if word in diagnosed([*RIGHT, *nearly_all])}
    assert said == {"capital letters"}, "which explains that they are as many as if drawn at random"


def test_diagnosis_of_another_salt_since_an_instant() -> None:
    """After the change recorded and predicted are independent: 62 % mismatch at 50, 30, 20 %."""
    shares, instant = {"a": 0.5, "b": 0.3, "c": 0.2}, 4 * DAY + 3_600_000_000
    late = [
        count(v, round(10_000 * p * q), day=4, expected_variant=w, status="match" if v == w else "mismatch",
              earliest=instant, latest=5 * DAY - 1)
        for v, p in shares.items() for w, q in shares.items()
    ]  # fmt: skip
    said = diagnosed([*RIGHT, *late])
    assert {word for word in WORDS if word in said} == {"none before", "at random"}
    assert "none before 1970-01-05T01:00:00+00:00" in said
    next_day = [
        {**row, "day": row["day"] + timedelta(days=1), "earliest": 5 * DAY, "latest": 6 * DAY - 1}
        for row in late
    ]
    morning = count("a", 400_000, day=4)
    assert "at random" in diagnosed([*RIGHT, *late, *next_day, morning]), "the day of the change is mixed"
    assert "at random" not in diagnosed([*RIGHT, *late, morning])
    assert "none before" not in diagnosed(late)


def test_a_day_that_holds_the_first_mismatch_is_not_before_it() -> None:
    noon = [count("b", 600, status="mismatch", earliest=DAY // 2)]
    assert "none before" not in diagnosed([*RIGHT, *noon])
    assert "none before 1970-01-02" in diagnosed([*RIGHT, count("b", 600, status="mismatch", day=1)])


def test_diagnosis_of_one_attribute_value() -> None:
    rows = [*RIGHT, count("b", 100, status="mismatch")]
    slices = [
        *segment("DE", {"a": 1000, "b": 600, "c": 400}), *segment("DE", {"b": 95}, wrong=True),
        *segment("FR", {"a": 4000, "b": 2400, "c": 1600}), *segment("FR", {"b": 5}, wrong=True),
    ]  # fmt: skip
    assert "The mismatches have country = DE." in diagnosed(rows, slices, segments=["country"])
    spread = [{**row, "segment_value": "all"} for row in slices]
    assert "country" not in diagnosed(rows, spread, segments=["country"])
    found = health(
        rows, [experiment()], attributes=[*slices, *({**row, "experiment_id": "x"} for row in spread)]
    )
    assert "The mismatches have country = DE." in row_of("hash", found)["advice"]
    assert [row["slice_name"] for row in found if row["check"] == "srm"] == [None]


@pytest.mark.parametrize(("value", "named"), [("DE", True), ("(other)", False), ("(missing)", True)])
def test_what_lumps_many_values_is_not_advised(value: str, named: bool) -> None:
    """All mismatches in one row of the segment: of a value, of what is beyond the 50 kept, or of none."""
    rows = [*RIGHT, count("b", 100, status="mismatch")]
    slices = [
        *segment(value, {"a": 1000, "b": 600, "c": 400}), *segment(value, {"b": 100}, wrong=True),
        *segment("FR", {"a": 4000, "b": 2400, "c": 1600}),
    ]  # fmt: skip
    said = diagnosed(rows, slices, segments=["country"])
    assert (f"The mismatches have country = {value}." in said, "country" in said) == (named, named)


def drop(reason: str, variant: str | None, units: int | None, stage: str = "exposures") -> dict[str, Any]:
    return {"experiment_id": "e", "stage": stage, "source": "web", "reason": reason, "variant": variant,
            "rows": 2 * (units or 1), "units": units}  # fmt: skip


def test_drops_are_compared_between_arms() -> None:
    drops = [
        *(drop("filtered", v, n) for v, n in (("a", 50), ("b", 90), ("c", 20))),
        *(drop("repeated_exposure", v, n) for v, n in (("a", 500), ("b", 300), ("c", 200))),
        drop("multiple_variants", "a", 400, "units"), drop("excluded_unit", "a", 400, "pairs"),
        drop("null_id", None, None),
        {**drop("filtered", "a", 999), "experiment_id": "other"},
    ]  # fmt: skip
    tied = count("a", 900, several=900, excluded="tied_variants")
    found = health([*RIGHT, tied], [experiment()], drops=[*drops, drop("repeated_exposure", None, 900)])
    assert [r["slice_value"] for r in found if r["check"] == "drops_balanced"] == [
        "web: filtered", "web: repeated_exposure",
    ]  # fmt: skip
    row = row_of("drops_balanced", found, "web: filtered")
    p = chi2_contingency([[50, 90, 20], [5000, 3000, 2000]], correction=False).pvalue
    assert row["p_value"] == pytest.approx(2 * p, rel=1e-9)
    assert (row["status"], row["observed"]) == ("warn", "a 50, b 90, c 20")
    repeated = row_of("drops_balanced", found, "web: repeated_exposure")
    assert (repeated["status"], repeated["p_value"]) == ("pass", pytest.approx(1))
    for settings, status in (({"threshold": p * 1.9}, "pass"), ({"severity": "fail"}, "fail")):
        again = health(RIGHT, [experiment(health={"drops_balanced": settings})], drops=drops)
        assert row_of("drops_balanced", again, "web: filtered")["status"] == status


@pytest.mark.parametrize(
    ("reason", "stage", "advice"),
    [
        ("repeated_exposure", "exposures", "treatment itself"),
        ("variant_disagrees", "pairs", "its logging"),
        ("after_window", SAMPLED, "treatment itself"),
    ],
)
def test_repeated_exposures_and_pairs_are_of_assigned_units(reason: str, stage: str, advice: str) -> None:
    drops = [drop(reason, v, n, stage) for v, n in (("a", 2000), ("b", 1400), ("c", 800))]
    row = row_of("drops_balanced", health(RIGHT, [experiment()], drops=drops), f"web: {reason}")
    expected = chi2_contingency([[2000, 1400, 800], [3000, 1600, 1200]], correction=False)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert advice in row["advice"]


@pytest.mark.parametrize(("unmatched", "status"), [(990, "pass"), (991, "warn"), (1000, "fail")])
def test_unmatched_events(unmatched: int, status: str) -> None:
    source = SourceCount("orders", 5000, 1000 - unmatched, identified=True)
    lost = {**drop("unmatched_unit", None, 1, "events"), "source": "orders", "rows": unmatched}
    found = health(RIGHT, [experiment()], drops=[lost], sources={"e": [source]})
    row = row_of("unmatched_events", found, "orders")
    assert (row["status"], row["statistic"]) == (status, unmatched / 1000)
    given = {"unmatched_events": {"warn": 0.0, "fail": 0.1}}
    found = health(RIGHT, [experiment(health=given)], drops=[lost], sources={"e": [source]})
    assert row_of("unmatched_events", found, "orders")["status"] == "fail"


@pytest.mark.parametrize(("duplicates", "status"), [(250, "pass"), (251, "warn"), (2501, "fail")])
def test_duplicate_events(duplicates: int, status: str) -> None:
    source = SourceCount("orders", 5000, 900, identified=True)
    lost = {**drop("duplicate_event", None, 1, "events"), "source": "orders", "rows": duplicates}
    found = health(RIGHT, [experiment()], drops=[lost], sources={"e": [source]})
    assert row_of("duplicates", found, "orders")["status"] == status
    given = {"duplicates": {"warn": 0.9, "fail": 0.95}}
    found = health(RIGHT, [experiment(health=given)], drops=[lost], sources={"e": [source]})
    assert row_of("duplicates", found, "orders")["status"] == "pass"


@pytest.mark.parametrize(("distant", "status"), [(0, "pass"), (1, "warn"), (5, "warn"), (6, "fail")])
def test_copies_far_apart(distant: int, status: str) -> None:
    within = timedelta(hours=36)
    row = copies_check(experiment(), "orders", within, compared=5000, distant=distant, all_rows=True)
    assert (row["check"], row["slice_value"], row["status"]) == ("distant_copies", "orders", status)
    assert row["observed"] == f"{distant} of 5,000 events compared ({distant / 50:.3g}%)"
    assert row["message"].endswith(
        "events compared in orders have rows whose times are more than 1d12h apart."
    )
    given = experiment(health={"distant_copies": {"warn": 0.9, "fail": 0.95}})
    row = copies_check(given, "orders", within, compared=5000, distant=distant, all_rows=False)
    assert row["status"] == "pass"
    assert row["message"].endswith("1d12h apart. Rows that the ledger left unread were not looked at.")


def test_copies_of_one_time_differ_or_do_not() -> None:
    row = copies_check(experiment(), "orders", timedelta(0), compared=4, distant=1, all_rows=True)
    assert row["message"] == "25% of the events compared in orders have rows whose times differ."


def test_duplicates_are_a_share_of_the_rows_within_reach() -> None:
    source = SourceCount("orders", 5000, 900, identified=True)
    lost = [
        {**drop(reason, None, 1, "events"), "source": "orders", "rows": n}
        for reason, n in (("duplicate_event", 250), ("outside_windows", 4000))
    ]
    row = row_of("duplicates", health(RIGHT, [experiment()], drops=lost, sources={"e": [source]}), "orders")
    assert (row["status"], row["observed"]) == ("warn", "250 of 1,000 rows (25%)")
    lost[1]["rows"] = 5000
    row = row_of("duplicates", health(RIGHT, [experiment()], drops=lost, sources={"e": [source]}), "orders")
    assert (row["status"], row["message"]) == ("skipped", "orders has no rows within reach of a window.")


def test_copies_of_nothing_are_not_compared() -> None:
    row = copies_check(experiment(), "orders", timedelta(0), compared=0, distant=0, all_rows=True)
    assert (row["status"], row["message"]) == (
        "skipped",
        "No event of orders has an id and was drawn to be compared.",
    )


def test_sources_that_cannot_be_checked_say_why() -> None:
    source = SourceCount("orders", None, None, identified=False)
    found = health(RIGHT, [experiment()], sources={"e": [source], "other": [source, source]})
    assert row_of("duplicates", found, "orders")["message"].startswith("orders maps no event_id")
    assert row_of("unmatched_events", found, "orders")["message"] == "orders has no events to match."
    assert {row_of(check, found, "orders")["status"] for check in ("duplicates", "unmatched_events")} == {
        "skipped"
    }


def test_one_day_and_one_mismatch_are_told_as_one() -> None:
    rows = [*days({"a": [500], "b": [299], "c": [200]}), count("b", 1, status="mismatch")]
    assert checked(rows, "traffic")["message"].startswith("0 of 1 day between")
    assert checked(rows, "srm_sequential")["message"].startswith("Over 1 day the units")
    assert checked(rows, "hash_assignment", assignment={"scheme": "sha256", "salt": "s"})[
        "message"
    ].startswith("1 mismatch is not shown to shift")


def test_days_without_units() -> None:
    rows = days({"a": [50, 40, 0, 0, 30, 40], "b": [30, 20, 0, 0, 20, 10]})
    row = checked(rows, "traffic")
    assert (row["status"], row["observed"]) == ("warn", "2026-01-03, 2026-01-04")
    assert row["p_value"] == pytest.approx(6 * math.exp(-50))
    few = days({"a": [5, 0, 3, 4]})
    assert checked(few, "traffic")["p_value"] == pytest.approx(4 * math.exp(-3))
    assert checked(few, "traffic")["status"] == "pass"
    assert checked(rows, "traffic", health={"traffic": {"severity": "fail"}})["status"] == "fail"
    assert checked(rows, "traffic", health={"traffic": {"threshold": 1e-30}})["status"] == "pass"


def test_days_without_units_up_to_as_of() -> None:
    """Due are the days that are over by as_of and before the experiment's end, of which the last unit is no sign."""
    rows = days({"a": [50, 40, 30], "b": [30, 20, 10]})

    def seen(as_of: datetime, profile: Rows = rows, **given: Any) -> tuple[str, str]:
        row = row_of("traffic", health(profile, [experiment(**given)], as_of=as_of))
        return row["status"], row["observed"]

    assert seen(datetime(2026, 1, 5, 23, tzinfo=UTC)) == ("warn", "2026-01-04")
    assert seen(datetime(2026, 1, 4, 23, tzinfo=UTC)) == ("pass", "units on every day")
    assert seen(datetime(2026, 3, 1, tzinfo=UTC), end="2026-01-05T12:00:00Z") == ("warn", "2026-01-04")
    [row] = [row for row in health(rows, [experiment()], as_of=datetime(2026, 1, 5, tzinfo=UTC))
             if row["check"] == "traffic" and row["slice_value"] is None]  # fmt: skip
    assert row["p_value"] == pytest.approx(4 * math.exp(-40))
    assert row["message"].startswith("1 of 4 days between 2026-01-01 and 2026-01-04 have no first exposure")
    assert row["advice"].endswith("move the experiment's end to when that was.")
    for status in ("paused", "completed"):
        assert seen(datetime(2026, 1, 9, tzinfo=UTC), status=status)[0] == "pass"
    mailing = days({"a": [500, 100], "b": [300, 50]})
    assert seen(datetime(2026, 1, 9, tzinfo=UTC), mailing)[0] == "pass"


def test_a_run_misses_units_up_to_its_as_of(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: Rows = days({"a": [50, 40, 30], "b": [30, 20, 10]})
    monkeypatch.setattr(checks, "counted_assignments", lambda _: rows)
    monkeypatch.setattr(checks, "counted_by_value", lambda _: ([], []))
    for name in ("_sources", "_arrivals", "_bots"):
        monkeypatch.setattr(checks, name, lambda *_: {})
    as_of, no_rows = datetime(2026, 1, 6, tzinfo=UTC), list[Any]()
    run: Any = SimpleNamespace(running=(experiment(),), rows_of=lambda _: no_rows, inputs={}, as_of=as_of)
    assert row_of("traffic", checks.health_rows(run))["observed"] == "2026-01-04, 2026-01-05"


def test_a_variant_that_stops() -> None:
    """30 units after c's last day, none of them c at a share of 0.2; three variants by Holm."""
    found = health(days({"a": [50, 20], "b": [30, 10], "c": [20, 0]}), [experiment()])
    row = row_of("traffic", found, "c")
    assert row["p_value"] == pytest.approx(3 * 0.8**30, rel=1e-9)
    assert row["observed"] == f"last unit on {date(2026, 1, 1)}"
    assert row_of("traffic", found, "a")["status"] == "pass"
    long = health(days({"a": [50, 80], "b": [30, 10], "c": [20, 0]}), [experiment()])
    assert row_of("traffic", long, "c")["status"] == "warn"


def test_a_variant_that_stops_is_missed_by_the_shares_of_those_days() -> None:
    """30 units after c's last day, none of them c at a share of 0.4, which had been 0.1; three variants by Holm."""
    before = [count("a", 80), count("b", 10), count("c", 10)]
    after = [count("a", 12, period=1, day=4), count("b", 18, period=1, day=4)]
    row = checked([*before, *after], "traffic", "c", assignment=HISTORY)
    assert row["p_value"] == pytest.approx(3 * 0.6**30, rel=1e-9)


@pytest.mark.parametrize(("level", "passes"), [(1e-300, True), (0.9999, False)])
def test_a_test_that_passes_has_shown_nothing_and_says_so(level: float, *, passes: bool) -> None:
    """The same data, at a level that no p is below, and at one that all p are below."""
    rows = [
        count("a", 4980, several=40), count("b", 3010, several=12), count("c", 2010, several=8),
        count("a", 10, status="mismatch", expected_variant="b"),
    ]  # fmt: skip
    segments = [{"experiment_id": "e", "segment_name": "country", "segment_value": "JP", "period": 0, "variant": v,
                 "wrong": False, "n": n} for v, n in (("a", 30), ("b", 12), ("c", 18))]  # fmt: skip
    drops = [drop("filtered", v, n) for v, n in (("a", 30), ("b", 28), ("c", 9))]
    names = ("srm", "hash_capture", "hash_assignment", "several_variants_balanced", "drops_balanced")
    given = {name: {"threshold": level} for name in names}
    found = health(rows, [experiment(segments=["country"], health=given)], segments=segments, drops=drops)
    told = {
        (row["check"], row["slice_value"]): row["message"].split(" (p = ")[0]
        for row in found
        if row["check"] in names
    }
    fit = "do not contradict" if passes else "do not fit"
    differ = "are not shown to differ" if passes else "differ"
    shift = "are not shown to shift" if passes else "shift"
    assert told == {
        ("srm", None): f"The units by the variant of their first exposure {fit} the configured shares",
        ("srm", "JP"): f"The units with country = JP {fit} the configured shares",
        ("hash_capture", None): f"The variants that the hash gives the logged units {fit} the configured shares",
        ("hash_assignment", None): f"10 mismatches {shift} the variants' counts",
        ("several_variants_balanced", None): "The shares of units that were seen in another variant later "
        f"{differ} between the variants of first exposure",
        ("drops_balanced", "web: filtered"): "The shares of the variants' units with rows of web dropped as filtered "
        f"{differ}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 90, "0%"),
        (1, 10**9, "< 0.0005%"),
        (1, 100_000, "0.001%"),
        (327, 382, "85.6%"),
        (9_996, 10_000, "> 99.9%"),
        (9_994, 10_000, "99.9%"),
        (7, 7, "100%"),
    ],
)
def test_shares_have_three_digits_and_are_never_rounded_to_none_or_all(
    part: int, whole: int, told: str
) -> None:
    assert percentage(part / whole) == told
