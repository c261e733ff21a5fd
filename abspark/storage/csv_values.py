"""One column of a file that someone has at hand: CSV with any usual delimiter, or Parquet."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from abspark.errors import DataError, UsageError

_DELIMITERS: Final = ",;\t|"
_SAMPLE: Final = 65_536
_CHUNK: Final = 1 << 20


def read_values(path: Path, column: str) -> Iterator[Any]:
    """The column's values in file order: texts of a CSV, plain values of a Parquet file. Numbers are not parsed.

    A decimal comma is told by the semicolon between columns, and becomes a point.

    Raises:
        DataError: The file is missing, empty or unreadable, or lacks the column.
    """
    values = _parquet(path, column) if path.suffix == ".parquet" else _csv(path, column)
    try:
        yield from values
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except csv.Error as error:
        raise DataError(
            f"{path} is no CSV: {error}", advice="look for a quotation mark that is opened and never closed"
        ) from None


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _csv(path: Path, column: str) -> Iterator[str | None]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline(_SAMPLE)
        if "\0" in first:
            raise DataError(
                f"{path} is no CSV: its first line has zero bytes", allowed="text in UTF-8, not UTF-16"
            )
        delimiter = _delimiter(first)
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(rows, [])]
        place = _place(path, header, column)
        for row in rows:
            if row:
                text = row[place] if place < len(row) else None
                yield text.replace(",", ".") if text is not None and delimiter == ";" else text


def _delimiter(header: str) -> str:
    """The one that separates most names of the header."""
    return max(_DELIMITERS, key=header.count)


def _parquet(path: Path, column: str) -> Iterator[Any]:
    try:
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise UsageError(
            "Parquet files need pyarrow, which is not installed here", advice="pip install 'abspark[report]'"
        ) from None
    try:
        file = pq.ParquetFile(path)
    except ValueError as error:
        raise DataError(f"{path} is no Parquet file: {error}") from None
    _place(path, file.schema_arrow.names, column)
    for batch in file.iter_batches(columns=[column]):
        yield from batch.column(0).to_pylist()


def _place(path: Path, header: list[str], column: str) -> int:
    if not any(header):
        raise DataError(f"{path} is empty", allowed="a header line with the names of the columns")
    if header.count(column) != 1:
        fault = "has no column" if column not in header else "has several columns"
        raise DataError(f"{path} {fault} {column}", allowed=", ".join(header))
    return header.index(column)
