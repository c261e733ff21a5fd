"""Rows for machines: as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from abspark.report.terminal import Row


def as_json(rows: Sequence[Row]) -> str:
    """An array of rows with the tables' column names; times in ISO 8601, undefined numbers null."""
    return json.dumps(list(rows), default=_text, ensure_ascii=False, indent=1)


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A header and a line per row; NULL, and a column that a row lacks, is empty; lists are JSON.

    A text that a spreadsheet would take for a formula gets a quote before it.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(_cell(row.get(name))) for name in columns})
    return out.getvalue()


def as_markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """A Markdown table of the columns in which some row has a value."""
    filled = [name for name in columns if any(row.get(name) is not None for row in rows)]
    lines = [filled, ["---"] * len(filled), *([_markdown(row.get(name)) for name in filled] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _inert(value: Any) -> Any:
    """A text that cannot be taken for a formula; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r", "\n")  # which the writer quotes, as it does not a lone carriage return
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _markdown(value: Any) -> str:
    text = "" if value is None else str(_cell(value))
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return _text(value) if isinstance(value, datetime | date) else value
