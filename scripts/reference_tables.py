"""The page on the lake's tables, from `abspark.schemas`."""

from __future__ import annotations

from abspark.schemas import SCHEMA_VERSION, TABLES
from abspark.table_shape import Table

_HEAD = f"""# Tables

Generated from `abspark/schemas.py`, schema version {SCHEMA_VERSION}. NULL means not applicable or undefined. A row that
concerns no experiment has experiment_id `*`. Columns may be added, never renamed. Rows count only once their run is in
`commits`: read them with `abspark results` and the like, `abspark.rows` or `abspark.table`.
"""


def tables_page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    rows = [f"| `{column.name}` | {column.type} | {column.meaning} |" for column in table.columns]
    key = ", ".join(f"`{name}`" for name in table.key)
    head = ["| column | type | meaning |", "|---|---|---|"]
    return "\n".join(
        [f"## {table.name}", "", f"A row is {table.row}. Key within a run: {key}.", "", *head, *rows, ""]
    )
