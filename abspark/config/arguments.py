"""Arguments of functions that have to be written out: taken from a row they could raise, and end the run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from abspark.config.readable_text import is_zone
from abspark.config.safe_sql import written_out
from abspark.config.spark_sql import Word, form, nodes

_PATTERN: Final = "pattern"
_FORMAT: Final = "format"
_ZONE: Final = "time zone"
_COUNT: Final = "number"
_INDEX: Final = "index"
_KEY: Final = "key"
_ADVICE: Final = {
    _PATTERN: "write it out, or use contains, startswith or replace",
    _FORMAT: "write it out",
    _ZONE: "write it out",
    _KEY: "write it out",
    _COUNT: "write it out; to a time, add number * interval '1' day",
    _INDEX: "write it out, or take x[key] of a map, x[i] of an array, which counts from 0; NULL where there is none",
}
_WRITTEN_OUT: Final = {
    _PATTERN: """
        regexp:2 regexp_count:2 regexp_extract:2,3 regexp_extract_all:2,3 regexp_instr:2,3 regexp_replace:2,3
        regexp_substr:2 split:2 str_to_map:2,3
    """,
    _FORMAT: """
        date_format:2 from_unixtime:2 to_char:2 to_date:2 to_number:2 to_timestamp:2 to_timestamp_ntz:2
        to_unix_timestamp:2 to_varchar:2 try_to_date:2 try_to_number:2 try_to_timestamp:2
    """,
    _ZONE: "from_utc_timestamp:2 make_timestamp:7 to_utc_timestamp:2",
    _KEY: "parse_url:3 try_parse_url:3",
    _COUNT: "array_repeat:2 lpad:2 repeat:2 rpad:2 space:1",
    _INDEX: "element_at:2 try_element_at:2",
}
_PLACES: Final = {
    name: (what, tuple(map(int, places.split(","))))
    for what, calls in _WRITTEN_OUT.items()
    for name, places in (call.split(":") for call in calls.split())
}
_FROM_ONE: Final = {"element_at": 2, "try_element_at": 2, "split_part": 3, "slice": 2}
"""Functions that count from 1, with the place of the index."""
_MATCHES: Final = {"Like": "like", "ILike": "ilike", "RegexpLike": "rlike"}


def argument_faults(words: Sequence[Word], tree: Any) -> Iterator[str]:
    """What is wrong with the arguments of the functions and operators that an expression calls."""
    for i, (word, after) in enumerate(pairwise(words)):
        if word.is_name and after.is_sign and after.text == "(":
            yield from _of_call(word.text.lower(), _arguments(words[i + 2 :]))
    for node in nodes(tree):
        if form(node) in _MATCHES and not written_out(node.expression):
            yield _not_written(_MATCHES[form(node)], _PATTERN)


def _of_call(name: str, arguments: Sequence[Sequence[Word]]) -> Iterator[str]:
    what, places = _places(name, len(arguments))
    given = [arguments[place - 1] for place in places if place <= len(arguments)]
    if not all(map(_literal, given)):
        yield _not_written(f"{name}()", what)
    elif what == _ZONE:
        yield from (f"{zone!r} is no time zone" for zone in _texts(given) if not is_zone(zone))
    if name in ("regexp_extract", "regexp_extract_all") and all(map(_literal, arguments[1:])):
        yield from _group_fault(name, *_texts(arguments[1:]))
    if name == "map" and not all(map(_literal, arguments[::2])):
        yield _not_written("map()", _KEY)
    if name == "decode" and len(arguments) == 2:
        yield "decode() of a character set would end the run at bytes that are none; use cast(... as string)"
    if name in ("to_char", "to_varchar") and [text.lower() for text in _texts(arguments[1:])] == ["utf-8"]:
        yield f"{name}() of utf-8 would end the run at bytes that are none; use cast(... as string)"
    place = _FROM_ONE.get(name, len(arguments) + 1)
    if place <= len(arguments) and _number(arguments[place - 1]) == 0:
        yield f"{name}() counts from 1: an index of 0 would end the run"
    if name == "slice" and len(arguments) == 3 and (_number(arguments[2]) or 0) < 0:
        yield "slice() of a negative length would end the run"


def _group_fault(name: str, pattern: str = "", group: str = "1", *_: str) -> Iterator[str]:
    """The fault of a group that the pattern hasn't, where Python reads the pattern as Java does."""
    try:
        groups = re.compile(pattern).groups
    except re.error:
        return
    if group.isdecimal() and int(group) > groups:
        yield f"{name}() of group {group} would end the run at the first match: the pattern has {groups} in brackets"


def _places(name: str, count: int) -> tuple[str, Sequence[int]]:
    """Which arguments of a call have to be written out, and what they are; places count from 1."""
    if name == "convert_timezone":
        return _ZONE, range(1, count)
    if name in ("date_add", "dateadd") and count == 3:
        return _COUNT, (2,)
    return _PLACES.get(name, ("", ()))


def _not_written(called: str, what: str) -> str:
    return f"{called} takes its {what} from a row, and some would end the run: {_ADVICE[what]}"


def _arguments(words: Sequence[Word]) -> list[list[Word]]:
    """The arguments of a call, from the first word after its bracket on."""
    found: list[list[Word]] = [[]]
    depth = 0
    for word in words:
        text = word.text if word.is_sign else ""
        if depth == 0 and text == ")":
            break
        depth += (text in ("(", "[")) - (text in (")", "]"))
        if depth == 0 and text == ",":
            found.append([])
        else:
            found[-1].append(word)
    return found if found[0] else []


def _texts(arguments: Sequence[Sequence[Word]]) -> list[str]:
    return [word.text for argument in arguments for word in argument]


def _literal(argument: Sequence[Word]) -> bool:
    signed = argument[1:] if argument and argument[0].is_sign and argument[0].text == "-" else argument
    return all(word.kind in ("STRING", "RAW_STRING", "NUMBER") for word in signed) and bool(signed)


def _number(argument: Sequence[Word]) -> float | None:
    """The number that an argument is, None where it is none or not written out."""
    if not _literal(argument) or any(word.kind != "NUMBER" for word in argument if not word.is_sign):
        return None
    return float("".join(word.text for word in argument))
