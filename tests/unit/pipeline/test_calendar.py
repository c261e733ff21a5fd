"""The days of a series against dates found by bisection, where clocks change at night, at midnight, or by a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from oracle_moments import days
from world import Experiment, Log, Metric, World
from world_models import study_of

from abspark.pipeline.calendar import DAY, Calendar, calendar

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = DAY // 24
CHANGES = (
    ("UTC", (2026, 10, 25)),
    ("Europe/Berlin", (2026, 3, 29)),
    ("Europe/Berlin", (2026, 10, 25)),
    ("America/Santiago", (2026, 4, 5)),  # at midnight: an hour twice on the 4th
    ("America/Santiago", (2026, 9, 6)),  # at midnight: the 6th begins at one o'clock
    ("America/Havana", (2026, 11, 1)),  # at one o'clock: midnight twice
    ("Asia/Kolkata", (2026, 10, 25)),
    ("Australia/Lord_Howe", (2026, 4, 5)),  # by half an hour
)


def _micros(year: int, month: int, day: int) -> int:
    return (datetime(year, month, day, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def _world(zone: str, middle: int, as_of: int) -> World:
    experiment = Experiment(
        "one",
        ("a", "b"),
        middle - 3 * DAY + HOUR,
        middle + 2 * DAY,
        ("any", "campaign"),
        "log",
        time_zone=zone,
    )
    metrics = (
        Metric("any", "shop", 0, DAY), Metric("campaign", "shop", 0, 7 * DAY, anchor="experiment_start"),
    )  # fmt: skip
    return World((experiment,), metrics, (Log("log", []),), (Log("shop", []),), as_of)


def _date(found: Calendar, instant: int) -> date:
    """The local date as `day_index` has it."""
    offset = found.offsets[0][1]
    for since, ahead in found.offsets[1:]:
        offset = ahead if instant >= since else offset
    return (EPOCH + timedelta(microseconds=instant + offset)).date()


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("as_of_days", [-1, 1, 30])
def test_days_end_at_local_midnights(zone: str, change: tuple[int, int, int], as_of_days: int) -> None:
    middle = _micros(*change)
    world = _world(zone, middle, middle + as_of_days * DAY + 7 * HOUR)
    found = calendar(study_of(world).experiments[0], study_of(world))
    expected = days(world, world.experiments[0])
    assert [(found.day(index), end) for index, end in enumerate(found.ends)] == expected


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_dates_of_instants(zone: str, change: tuple[int, int, int]) -> None:
    middle = _micros(*change)
    world = _world(zone, middle, middle + 30 * DAY)
    found = calendar(study_of(world).experiments[0], study_of(world))
    instants = [end + step for end in found.ends[:-1] for step in (-HOUR, -1, 0, 1, HOUR, 2 * HOUR + 1)]
    instants += [middle + quarter * HOUR // 4 for quarter in range(-4 * 30, 4 * 30)]
    expected = {at: (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).date() for at in instants}
    assert {at: _date(found, at) for at in instants} == expected
