"""Instants and durations as whole microseconds, the form in which Spark compares them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def micros(duration: timedelta) -> int:
    """Whole microseconds of a duration, exactly."""
    return duration // _MICROSECOND


def epoch_micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z of an aware instant, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    """The instant that many microseconds after 1970-01-01T00:00:00Z."""
    return _EPOCH + timedelta(microseconds=microseconds)
