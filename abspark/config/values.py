"""The kinds of value a configuration may hold: durations, instants, names, numbers and reader options."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    Strict,
    WithJsonSchema,
)

from abspark.config.faults import near_miss
from abspark.errors import UsageError

MAX_NAME_LENGTH: Final = 500
MAX_DURATION: Final = timedelta(days=3650)
FIRST_INSTANT: Final = datetime(1900, 1, 1, tzinfo=UTC)
LAST_INSTANT: Final = datetime(9899, 12, 31, tzinfo=UTC)
"""Between these any instant may be moved by some durations, and is a time of the calendar still."""
MIN_KEY_LENGTH: Final = 32
"""Characters of a secret: 128 random bits in hexadecimal."""
DURATION_FORM: Final = "a duration of days, hours, minutes and seconds such as 7d, 12h, 30m, 90s or 1d12h"
INSTANT_FORM: Final = "an ISO time with its offset such as 2026-10-01T00:00:00Z"

_DURATION: Final = re.compile(
    r"(-?)(?=\d)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII
)
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?P<offset>[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)


def doubt_of_share(what: str, share: float | None, of: str = "control's mean") -> tuple[str, ...]:
    """That a share of all or more was perhaps meant as per cent; nothing of a smaller one."""
    if share is None or abs(share) < 1:
        return ()
    return (f"{what} {share:g} is {share:.0%} of {of} (two percent is 0.02)",)


def parse_duration(value: Any) -> timedelta:
    """`1d12h` as a time difference; a leading `-` negates the whole.

    Raises:
        ValueError: another form, or longer than ten years.
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not (match := _DURATION.fullmatch(value)):
        raise ValueError(f"must be {DURATION_FORM}")
    sign, *parts = match.groups()
    days, hours, minutes, seconds = (int(part or 0) for part in parts)
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if duration > MAX_DURATION:
        raise ValueError(f"must be at most {MAX_DURATION.days}d")
    return -duration if sign else duration


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back, to the second: `0s`, `7d`, `-1d12h`."""
    rest = int(abs(duration).total_seconds())
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    text = "".join(parts) or "0s"
    return f"-{text}" if duration < timedelta(0) else text


def parse_instant(value: Any) -> datetime:
    """An ISO time with offset as an aware datetime in UTC.

    Raises:
        ValueError: another form, no offset, a date alone, an impossible date, or one before 1900 or after 9899.
    """
    if isinstance(value, datetime):
        text = value.isoformat()
    elif isinstance(value, str):
        text = value
    else:
        raise ValueError(f"must be {INSTANT_FORM}")  # noqa: TRY004  # pydantic reports ValueError, not TypeError
    if not (match := _INSTANT.fullmatch(text)):
        raise ValueError(f"must be {INSTANT_FORM}")
    if match["offset"] is None:
        raise ValueError("state the time and the offset, e.g. 2026-10-01T00:00:00Z")
    try:
        found = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no time of the calendar") from None
    if not FIRST_INSTANT <= found <= LAST_INSTANT:
        raise ValueError("must lie between 1900 and 9899; what has no end yet may have 2099-12-31T00:00:00Z")
    return found


def given_instant(name: str, value: Any) -> datetime | None:
    """An argument that is a time with its offset, as a datetime or as text; None where none is given.

    Raises:
        UsageError: It is something else.
    """
    try:
        return None if value is None else parse_instant(value)
    except ValueError as error:
        raise UsageError(
            f"{name} = {value!r}: {error}",
            allowed="a datetime with tzinfo, or text such as 2026-10-01T00:00:00Z",
        ) from None


def format_instant(instant: datetime) -> str:
    """ISO form in UTC with `Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse_completeness(value: Any) -> timedelta | datetime:
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.fullmatch(value)):
        return parse_instant(value)
    try:
        lag = parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {INSTANT_FORM}") from None
    return _not_negative(lag)


def _not_negative(duration: timedelta) -> timedelta:
    if duration < timedelta(0):
        raise ValueError("must not be negative")
    return duration


def _format_completeness(value: timedelta | datetime) -> str:
    return format_instant(value) if isinstance(value, datetime) else format_duration(value)


def _check_name(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"must have at most {MAX_NAME_LENGTH} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError("must not contain control characters")
    if name == "*":
        raise ValueError("must not be '*', which means: no experiment")
    return name


def _check_key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < MIN_KEY_LENGTH:
        raise ValueError(
            f"must have at least {MIN_KEY_LENGTH} characters, e.g. those that openssl rand -hex 32 prints"
        )
    return key


def check_time_zone(name: str) -> str:
    """The name of an IANA time zone.

    Raises:
        ValueError: it is none.
    """
    if name not in ("localtime", "posixrules") and not name.startswith(("posix/", "right/")):
        try:
            ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            pass
        else:
            return name
    places = [zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")]
    # nearer than usual, and places alone: CEST is near EST, and GMT+1 near Etc/GMT+1, which have other offsets
    guess = near_miss(name, sorted(places), cutoff=0.8)
    raise ValueError(f"is no IANA time zone{guess or ', as Europe/Berlin or UTC are'}")


def _check_column_name(name: str) -> str:
    if "." in name or "`" in name:
        raise ValueError("must contain neither '.' nor '`'; to read such a column, give it another name")
    return _check_name(name)


def _as_option(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


_DURATION_SCHEMA: Final = {"type": "string", "pattern": r"^-?(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"}
_LAG_SCHEMA: Final = {"type": "string", "pattern": r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"}
_INSTANT_SCHEMA: Final = {"type": "string", "format": "date-time"}

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]
Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema(_INSTANT_SCHEMA),
]
Lag = Annotated[
    timedelta,
    BeforeValidator(lambda value: _not_negative(parse_duration(value))),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_LAG_SCHEMA),
]
WindowEnd = Annotated[
    timedelta | Literal["open"],
    BeforeValidator(lambda value: value if value == "open" else parse_duration(value)),
    PlainSerializer(lambda value: value if value == "open" else format_duration(value), return_type=str),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": "open"}]}),
]
Completeness = Annotated[
    timedelta | datetime,
    BeforeValidator(_parse_completeness),
    PlainSerializer(_format_completeness, return_type=str),
    WithJsonSchema({"anyOf": [_LAG_SCHEMA, _INSTANT_SCHEMA]}),
]
Name = Annotated[str, AfterValidator(_check_name), Field(min_length=1)]
ColumnName = Annotated[str, AfterValidator(_check_column_name), Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]
PseudonymKey = Annotated[SecretStr, AfterValidator(_check_key)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=0)]
Switch = Annotated[bool, Strict()]
Option = Annotated[
    str, BeforeValidator(_as_option), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
