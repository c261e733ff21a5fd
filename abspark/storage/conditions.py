"""Spark's error conditions, read from the text, which is all that every kind of session gives.

A classic session raises some errors as `AnalysisException` and others as bare `Py4JJavaError`; Spark
Connect raises its own classes. All of them carry `[CONDITION.SUB_CONDITION]` in their text.
"""

from __future__ import annotations

import re

_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_NOISE = re.compile(r"\s*SQLSTATE: \w+.*|;\s*line \d+ pos \d+.*", re.DOTALL)
_EXCEPTION_NAME = re.compile(r"^\(?(?:[\w$]+\.)+[\w$]*(?:Exception|Error)\)?:?\s*")
_PY4J_HEAD = re.compile(r"^An error occurred while calling \S+\n:\s*")

_FULL = re.compile("no space left on device", re.IGNORECASE)
_EXECUTOR = re.compile(r"\((\S+) executor (?!driver\b)\S+\)")

_ABSENT = ("PATH_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND",
           "DELTA_PATH_DOES_NOT_EXIST", "DELTA_MISSING_DELTA_TABLE", "NO_SUCH_CATALOG_EXCEPTION",
           "REQUIRES_SINGLE_PART_NAMESPACE", "CATALOG_NOT_FOUND")  # fmt: skip
_NOT_DELTA = ("DELTA_TABLE_ONLY_OPERATION", "DELTA_ONLY_OPERATION", "EXPECT_TABLE_NOT_VIEW")
_CONFLICT = (
    "DELTA_CONCURRENT_",
    "DELTA_METADATA_CHANGED",
    "DELTA_PROTOCOL_CHANGED",
    "DELTA_TABLE_ALREADY_EXISTS",
    "TABLE_OR_VIEW_ALREADY_EXISTS",
    "SCHEMA_ALREADY_EXISTS",
)


def condition_of(error: BaseException) -> str:
    """The error's condition, such as `FAILED_READ_FILE.NO_HINT`; empty where it has none."""
    found = _CONDITION.search(str(error))
    return found.group(1) if found else ""


def is_absent(error: BaseException) -> bool:
    """Whether the error says that a path, table, schema or catalog does not exist."""
    return condition_of(error).startswith(_ABSENT)


def is_not_delta(error: BaseException) -> bool:
    """Whether the error says that something that may exist is no Delta table."""
    return condition_of(error).startswith(_NOT_DELTA)


def is_conflict(error: BaseException) -> bool:
    """Whether Delta refused a commit because another came first: nothing is written, a retry may succeed."""
    return condition_of(error).startswith(_CONFLICT)


def is_half_made(error: BaseException) -> bool:
    """Whether Delta found a folder without a table: another process may be creating it just now."""
    return condition_of(error).startswith("DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION")


def full_disk(error: BaseException) -> str | None:
    """That there is no space left, and on which machine where it was found by an executor; None of any other error."""
    if not _FULL.search(text := str(error)):
        return None
    executor = _EXECUTOR.search(text)
    return f"no space left on device{f' of the worker {executor.group(1)}' if executor else ''}"


def first_line(error: BaseException) -> str:
    """What the error says, without class names, condition, plan and stack trace; what a colon ends goes on."""
    text = _PY4J_HEAD.sub("", str(error).strip())
    text = _EXCEPTION_NAME.sub("", text)
    line, after, *_ = (*filter(str.strip, text.splitlines()), "", "")
    line = f"{line} {after.strip()}" if line.endswith(":") else line or type(error).__name__
    return _NOISE.sub("", _CONDITION.sub("", line, count=1)).strip()


def causes(error: BaseException) -> list[str]:
    """What the `Caused by:` lines of a Java stack trace say, outermost first, without class names."""
    lines = re.findall(r"^\s*Caused by: (.*)$", str(error), flags=re.MULTILINE)
    return [_EXCEPTION_NAME.sub("", line).strip() for line in lines]
