"""What a table of the lake is, free of Spark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: its name, its Spark SQL type and what it means."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: `key` identifies a row within a run; `row` says what a row is."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def ddl(self) -> str:
        """The columns as a Spark DDL string, for `createDataFrame` and `StructType.fromDDL`."""
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in table order."""
        return tuple(column.name for column in self.columns)


def columns(*given: tuple[str, str, str]) -> tuple[Column, ...]:
    """Columns by name, type and meaning."""
    return tuple(Column(*column) for column in given)
