"""One column of a file that someone has at hand, with the ids of its rows: CSV of any usual kind, or Parquet."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from abspark.errors import DataError, UsageError

UNIT_COLUMNS: Final = (
    "unit_id", "unit", "user_id", "userid", "user", "uid", "visitor_id", "customer_id", "client_id", "account_id",
    "device_id", "session_id", "id",
)  # fmt: skip
"""Columns that are taken for the unit's id where none is named, the first that is there."""

_DELIMITERS: Final = ",;\t|"
_SAMPLE: Final = 65_536
_CHUNK: Final = 1 << 20
_FOREIGN: Final = {
    b"PK\x03\x04": ("a spreadsheet or an archive", "save its sheet as CSV"),
    b"\x1f\x8b": ("compressed", "unpack it with gunzip"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
}
_WIDE: Final = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
                codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip


@dataclass(frozen=True)
class FileColumn:
    """Values in file order: texts of a CSV, plain values of a Parquet file; numbers are not parsed.

    Attributes:
        unit: The column of ids; None where there is none, as then `units` is.
        ragged: Rows with more or fewer fields than the header, which are in no other attribute: there is no telling
            which of their fields is whose.
        encoding: How the text was read; None for Parquet.
    """

    unit: str | None
    values: list[Any] = field(default_factory=list)
    units: list[Any] = field(default_factory=list)
    ragged: int = 0
    encoding: str | None = None


def read_column(path: Path, column: str, unit: str | None = None, *, guess: bool = True) -> FileColumn:
    """The column and the ids of its rows; `unit` names the ids' column, else `guess` looks for a usual name.

    A decimal comma is told by the semicolon between columns, and becomes a point. Text is UTF-8, UTF-16 or UTF-32 by
    its byte order mark, and Latin-1 where it is no UTF-8. Empty fields beyond the header's are no fault.

    Raises:
        DataError: The file is missing, empty or unreadable, or lacks a column.
    """
    read = _parquet if path.suffix == ".parquet" else _csv
    try:
        return read(path, column, unit, guess=guess)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in {error.encoding}: {error.reason}") from None
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


def _csv(path: Path, column: str, unit: str | None, *, guess: bool) -> FileColumn:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(_SAMPLE)
        if "\0" in first:
            raise DataError(
                f"{path} is no CSV: its first line has zero bytes",
                allowed="text in UTF-8, or in UTF-16 with its byte order mark",
            )
        delimiter = _delimiter(first)
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(rows, [])]
        place = _place(path, header, column)
        ids = _unit(path, header, column, unit, guess=guess)
        found = FileColumn(ids, encoding=encoding)
        ragged = 0
        for fields in rows:
            if len(fields) != len(header) and (len(fields) < len(header) or any(fields[len(header) :])):
                ragged += bool(fields)
                continue
            text = fields[place]
            found.values.append(text.replace(",", ".") if delimiter == ";" else text)
            if ids is not None:
                found.units.append(fields[header.index(ids)])
    return FileColumn(ids, found.values, found.units, ragged, encoding)


def _encoding(path: Path) -> str:
    """By the byte order mark, else UTF-8 where the whole file is that, else Latin-1, in which any file is text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        for mark, (what, advice) in _FOREIGN.items():
            if chunk.startswith(mark):
                raise DataError(f"{path} is no CSV but {what}", advice=advice)
        for mark, encoding in _WIDE.items():
            if chunk.startswith(mark):
                return encoding
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"


def _delimiter(header: str) -> str:
    """The one that separates most names of the header."""
    return max(_DELIMITERS, key=header.count)


def _parquet(path: Path, column: str, unit: str | None, *, guess: bool) -> FileColumn:
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
    names = file.schema_arrow.names
    _place(path, names, column)
    ids = _unit(path, names, column, unit, guess=guess)
    found = FileColumn(ids)
    for batch in file.iter_batches(columns=[column] if ids is None else [column, ids]):
        found.values.extend(batch.column(column).to_pylist())
        if ids is not None:
            found.units.extend(batch.column(ids).to_pylist())
    return found


def _unit(path: Path, header: list[str], column: str, unit: str | None, *, guess: bool) -> str | None:
    """The column of ids: the one named, else by a usual name, else None."""
    if unit is not None:
        _place(path, header, unit)
        return unit
    return next(_usual(header, column), None) if guess else None


def _usual(header: list[str], column: str) -> Iterator[str]:
    for wanted in UNIT_COLUMNS:
        named = [name for name in header if name.lower() == wanted and name != column]
        if len(named) == 1:
            yield named[0]


def _place(path: Path, header: list[str], column: str) -> int:
    if not any(header):
        raise DataError(f"{path} is empty", allowed="a header line with the names of the columns")
    if header.count(column) != 1:
        fault = "has no column" if column not in header else "has several columns"
        raise DataError(f"{path} {fault} {column}", allowed=", ".join(header))
    return header.index(column)
