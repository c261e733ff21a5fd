"""The ledger's rows and checks, from counted rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyspark.sql import Row
from rule_world import AS_OF, DAY, HOUR, START, WORLD
from world import Log
from world_models import event_source, instant, study_of

from abspark.errors import LedgerError
from abspark.pipeline.conversions import Status
from abspark.pipeline.cutoffs import freshness
from abspark.pipeline.events import time_range
from abspark.pipeline.ledger import (
    Drop,
    SourceTally,
    Values,
    assignment_drops,
    check_read,
    early_events,
    event_drops,
    pair_drops,
)
from abspark.pipeline.row_counts import SPAN
from abspark.pipeline.spreading import MANY

STUDY = study_of(WORLD)
TALLIES = {
    "screens": SourceTally("screens", 0, 0, kept_by_experiment={"red": 12}),
    "calls": SourceTally("calls", 0, 0),
}


def _assigned(exposures: int, hash_status: str, reason: str | None = "multiple_variants") -> Row:
    return Row(
        experiment_id="red", variant="control", excluded_reason=reason, hash_status=hash_status,
        n=2, exposures=exposures, repeating=1, several=2,
    )  # fmt: skip


def test_units_of_one_reason_are_one_row_whatever_their_hash() -> None:
    rows = [_assigned(5, "match"), _assigned(4, "mismatch"), _assigned(3, "match", None)]
    assert assignment_drops(rows, TALLIES, STUDY) == [
        Drop("red", "units", "screens", "multiple_variants", "control", 4, 4),
        Drop("red", "exposures", "screens", "repeated_exposure", "control", 6, 3),
    ]


def test_repeated_exposures_of_tied_units_have_no_variant() -> None:
    """So that no check takes the variant that is first in configured order for one that repeats more."""
    rows = [_assigned(8, "match", "tied_variants"), _assigned(4, "match", None)]
    assert assignment_drops(rows, TALLIES, STUDY) == [
        Drop("red", "units", "screens", "tied_variants", "control", 2, 2),
        Drop("red", "exposures", "screens", "repeated_exposure", None, 6, 1),
        Drop("red", "exposures", "screens", "repeated_exposure", "control", 2, 1),
    ]


def test_exposures_behind_the_assignments_must_be_those_counted() -> None:
    with pytest.raises(
        LedgerError, match="valid exposures of red in screens: 12 counted on their own, 11 in"
    ):
        assignment_drops([_assigned(11, "match")], TALLIES, STUDY)


def _left(source: str, status: Status, total: float, lead_total: float) -> Row:
    code = STUDY.sources.index(source)
    return Row(x=0, v=1, s=code, status=int(status), total=total, lead_total=lead_total, n1=2, early=None,
               early_units=0)  # fmt: skip


def test_events_that_leave_the_join_must_be_those_counted() -> None:
    tallies = {name: SourceTally(name, 0, 0) for name in STUDY.sources}
    tallies["actions"].kept, tallies["credits"].kept = 3, 5
    rows = [_left("actions", Status.kept, 5.0, 3.0), _left("credits", Status.variant_disagrees, 5.0, 0.0)]
    assert pair_drops(rows, tallies, STUDY) == [
        Drop("red", "pairs", "credits", "variant_disagrees", "treatment", 5, 2)
    ]
    tallies["actions"].kept = 4
    with pytest.raises(
        LedgerError, match="valid events of actions: 4 counted on their own, 3 in the main read"
    ):
        pair_drops(rows, tallies, STUDY)


def test_what_the_sample_tells_stands_beside_the_pairs() -> None:
    tallies = {name: SourceTally(name, 0, 0) for name in STUDY.sources}
    tallies["actions"].kept = 7
    row = Row(x=0, v=1, s=STUDY.sources.index("actions"), status=int(Status.outside_windows), total=9.0,
              lead_total=7.0, n1=5, early=3, early_units=2)  # fmt: skip
    assert pair_drops([row], tallies, STUDY) == [
        Drop("red", "pairs", "actions", "outside_windows", "treatment", 9, 5),
        Drop("red", "sample", "actions", "before_window", "treatment", 3, 2),
    ]


def test_rows_read_must_be_those_there() -> None:
    tally = SourceTally("screens", 10, 4)
    check_read(tally, None)
    check_read(tally, 10)
    with pytest.raises(LedgerError, match="rows of screens: 11 counted on their own, 10 in the main read"):
        check_read(tally, 11)


def test_bad_values_of_rows_left_out_for_another_reason_are_not_counted_again() -> None:
    flags = {f"bad{j}": 1 for j in range(6)} | {f"good{j}": 4 for j in range(6)}
    rows = [
        Row(reason=reason, rows=7, span=0, newest=newest, **flags)
        for reason, newest in (
            ("filtered", 9),
            ("after_as_of", 8),
            ("kept", 5),
            ("bad_value", 6),
            ("null_id", 7),
        )
    ]
    drops, tally = event_drops(rows, STUDY, "actions")
    values = {drop.source: drop.rows for drop in drops if drop.stage == "values"}
    # spent and late_spent want the same value under the same condition, so they share a flag
    assert values == dict.fromkeys(("spent", "late_spent", "spent_before", "product", "share", "number"), 2)
    # rows that were not read as events say nothing about how far the log reaches
    assert tally == SourceTally("actions", 35, 7, (6,), early=7, values=dict.fromkeys(values, Values(0, 0)))


def test_values_are_told_of_the_time_in_which_events_may_count() -> None:
    """A quarter of an hour counts where a window reaches into it; rows of other reasons are none of a metric's."""
    low, high = time_range(STUDY, "actions")
    spans = {low // SPAN - 1: 1, low // SPAN: 10, (high - 1) // SPAN: 100, -(-high // SPAN): 1_000}
    rows = [
        Row(reason=reason, rows=9, span=span, newest=None, **{f"bad{j}": (j + 1) * n for j in range(6)},
            **{f"good{j}": 2 * n for j in range(6)})
        for span, n in spans.items() for reason in ("kept", "bad_value", "outside_windows")
    ]  # fmt: skip
    found = event_drops(rows, STUDY, "actions")[1].values
    names = (("spent", "late_spent"), ("spent_before",), ("product",), ("share",), ("number",))
    assert set(found) == {name for same in names for name in same}
    assert found["spent"] == Values(660, 220)
    assert found["late_spent"] == found["spent"]
    assert sorted(values.bad for values in found.values()) == [220, 220, 440, 660, 880, 1_100]
    assert {values.wanted - values.bad for values in found.values()} == {440}


def test_rows_that_were_read_as_events_show_how_far_a_log_reaches() -> None:
    """Also those that count for nothing; of each quarter of an hour the newest."""
    flags = {f"{word}{j}": 0 for word in ("bad", "good") for j in range(6)}
    newest = {"kept": 5, "bad_value": 7, "no_metric": 9, "outside_windows": 11}
    rows = [
        Row(reason=reason, rows=1, span=span, newest=span * SPAN + at, **flags)
        for span, (reason, at) in enumerate(newest.items())
    ]
    rows += [Row(reason="kept", rows=1, span=3, newest=3 * SPAN + 10, **flags)]
    rows += [
        Row(reason=reason, rows=1, span=None, newest=9 * SPAN, **flags) for reason in ("filtered", "bot")
    ]
    assert event_drops(rows, STUDY, "actions")[1].newest == (5, SPAN + 7, 2 * SPAN + 9, 3 * SPAN + 11)


def test_early_events_are_those_before_all_windows() -> None:
    """The first window of red begins two days before its start: spent_before."""
    flags = {f"{word}{j}": 0 for word in ("bad", "good") for j in range(6)}
    first = (START - 2 * DAY) // SPAN
    rows = [
        Row(reason=reason, rows=n, span=span, newest=span * SPAN, **flags)
        for reason, n, span in (("kept", 1, first - 2), ("kept", 2, first - 1), ("kept", 4, first),
                                ("filtered", 8, first - 1))
    ]  # fmt: skip
    assert event_drops(rows, STUDY, "actions")[1].early == 3


def test_many_early_events_are_told_of_where_the_source_says_nothing_of_copies() -> None:
    sources = STUDY.event_sources
    tallies = {source.name: SourceTally(source.name, 0, 0, early=MANY - 1) for source in sources}
    assert early_events(tallies, sources) == {}
    tallies["orders"].early = MANY
    assert early_events(tallies, sources) == {"orders": MANY}
    told = [source.model_copy(update={"copies_within": timedelta(0)}) for source in sources]
    assert early_events(tallies, told) == {}
    columns = sources[0].columns.model_copy(update={"time": None})
    assert early_events(tallies, [s.model_copy(update={"columns": columns}) for s in sources]) == {}


def test_how_far_a_log_is_complete() -> None:
    plain = event_source(Log("actions", ()))
    assert freshness(plain, (3, 17)).complete_until(AS_OF) == 17
    assert freshness(plain, (3, 17)).complete_until(17) == 3
    assert freshness(plain, ()).complete_until(AS_OF) == 0
    lagging = plain.model_copy(update={"complete_until": timedelta(hours=2)})
    assert freshness(lagging, (17,)).complete_until(AS_OF) == AS_OF - 2 * HOUR
    given = plain.model_copy(update={"complete_until": instant(5)})
    assert freshness(given, (17,)).complete_until(AS_OF) == 5
    timeless = plain.model_copy(update={"fixed_time": instant(3)})
    assert freshness(timeless, (17,)).complete_until(AS_OF) == AS_OF
