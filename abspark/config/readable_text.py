"""Which text Spark casts to a time, a date or a number, without ANSI mode; other text becomes NULL.

By Spark's SparkDateTimeUtils.stringToTimestamp and stringToDate, UTF8String.toLong and Java's Double.parseDouble.
"""

from __future__ import annotations

import re
from calendar import monthrange
from typing import Final
from zoneinfo import ZoneInfo

_BLANKS: Final = "".join(map(chr, (*range(0x21), 0x7F)))
"""What Spark cuts off both ends: whitespace and control characters, of one byte each."""
_DAY: Final = r"(?P<year>[+-]?\d{4,%d})(-(?P<month>\d{1,2})(-(?P<day>\d{1,2})%s)?)?"
_CLOCK: Final = r"(?P<hour>\d{1,2})(:(?P<minute>\d{1,2})(:(?P<second>\d{1,2})(?P<rest>\D.*)?)?)?"
_DATE: Final = re.compile(_DAY % (7, r"([ T].*)?"), re.ASCII | re.DOTALL)
_TIMESTAMP: Final = re.compile(_DAY % (6, rf"([ T]{_CLOCK})?"), re.ASCII | re.DOTALL)
_TIME_OF_DAY: Final = re.compile(r"T?\d{1,2}:.*|T\d{1,2}", re.ASCII | re.DOTALL)
_FRACTION: Final = re.compile(r"\.\d*", re.ASCII)
_EPOCH: Final = re.compile(r"epoch[ \t]*(?P<zone>.*)", re.IGNORECASE | re.DOTALL)
_MICROSECOND_YEARS: Final = range(-290_308, 294_248)
_DAY_YEARS: Final = range(-5_877_641, 5_881_581)
"""Those that a count of microseconds, or of days, reaches."""

_OFFSET: Final = re.compile(
    r"(?:UTC|GMT|UT)?(?P<sign>[+-])"
    r"(?:(?P<h>\d\d?)(?::(?P<m>\d\d?)(?::(?P<s>\d\d))?)?|(?P<hh>\d\d)(?P<mm>\d\d)(?P<ss>\d\d)?)",
    re.ASCII,
)
_SHORT_ZONES: Final = """
    Z UTC GMT UT ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT EST HST IET IST JST MIT MST NET NST
    PLT PNT PRT PST SST VST
"""
_NOT_IN_JAVA: Final = ("Factory", "ROC", "localtime", "posixrules")

_WHOLE: Final = re.compile(r"[+-]?\d+", re.ASCII)
_CUT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d*)", re.ASCII)
_REAL: Final = re.compile(
    r"nan|[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?[fd]?|0x[\da-f]*\.?[\da-f]*p[+-]?\d+[fd]?|inf|infinity)",
    re.ASCII | re.IGNORECASE,
)


def is_timestamp(text: str) -> bool:
    """Whether Spark casts the text to a timestamp that the clock doesn't change."""
    text = text.strip(_BLANKS)
    if epoch := _EPOCH.fullmatch(text):
        return not epoch["zone"] or is_zone(epoch["zone"])
    parts = _TIMESTAMP.fullmatch(text)
    if parts is None or not _on_calendar(parts, _MICROSECOND_YEARS):
        return False
    rest = parts["rest"] or ""
    zone = _FRACTION.sub("", rest, count=1) if rest.startswith(".") else rest
    in_day = int(parts["hour"] or 0) < 24 and max(int(parts["minute"] or 0), int(parts["second"] or 0)) < 60
    return in_day and (not zone or is_zone(zone.strip(_BLANKS)))


def is_date(text: str) -> bool:
    """Whether Spark casts the text to a date that the clock doesn't change."""
    text = text.strip(_BLANKS)
    if epoch := _EPOCH.fullmatch(text):
        return not epoch["zone"] or is_zone(epoch["zone"])
    parts = _DATE.fullmatch(text)
    return parts is not None and _on_calendar(parts, _DAY_YEARS)


def is_time_of_day(text: str) -> bool:
    """Whether the text names an hour without a day, for which Spark takes the day of the run."""
    return _TIME_OF_DAY.fullmatch(text.strip(_BLANKS)) is not None


def is_zone(name: str) -> bool:
    """Whether Spark knows a time zone of this name."""
    if offset := _OFFSET.fullmatch(name):
        hours, minutes, seconds = (int(offset[a] or offset[a + a] or 0) for a in "hms")
        return minutes < 60 and seconds < 60 and hours * 3600 + minutes * 60 + seconds <= 18 * 3600
    return name in _SHORT_ZONES.split() or _is_region(name)


def is_integer(text: str, *, fraction: bool) -> bool:
    """Whether Spark casts the text to an integer; `cast` drops a fraction, `try_cast` takes none."""
    return (_CUT if fraction else _WHOLE).fullmatch(text.strip(_BLANKS)) is not None


def is_number(text: str) -> bool:
    """Whether Spark casts the text to a number with a fraction."""
    return _REAL.fullmatch(text.strip(_BLANKS)) is not None


def _on_calendar(parts: re.Match[str], years: range) -> bool:
    year, month, day = int(parts["year"]), int(parts["month"] or 1), int(parts["day"] or 1)
    if year not in years or not 1 <= month <= 12:
        return False
    # leap years repeat every 400 years, and Python's calendar begins with the year 1
    return 1 <= day <= monthrange(year % 400 + 400, month)[1]


def _is_region(name: str) -> bool:
    if name in _NOT_IN_JAVA or name.startswith(("posix/", "right/")):
        return False
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return name.startswith("SystemV/")
    return True
