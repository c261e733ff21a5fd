"""`abspark assign`: what a unit's hash says, and why; starts neither Spark nor Java."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from abspark.errors import UsageError

if TYPE_CHECKING:
    from abspark.assignment import Assigned

COLUMNS = ("unit_id", "scheme", "hash_input", "bucket", "boundaries", "variant", "status", "reason")
_FLUSHED = 1000
"""Units per table, so that a long file shows its first rows at once."""


def _instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    from abspark.config.values import parse_instant

    if value is None:
        return None
    try:
        return parse_instant(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}") from None


@click.command(name="assign")
@click.option(
    "--conf",
    type=click.Path(path_type=Path),
    default=Path("conf"),
    show_default=True,
    help="Configuration directory.",
)
@click.option("--experiment", "experiment_id", required=True, help="Experiment id.")
@click.option("--file", "file", type=click.File(encoding="utf-8-sig"), help="A unit per line; - is stdin.")
@click.option(
    "--at",
    callback=_instant,
    help="First exposure, e.g. 2026-10-15T00:00:00Z. Default: under the newest entry of history.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.argument("units", nargs=-1, metavar="[UNIT]...")
def command_assign(
    conf: Path,
    experiment_id: str,
    file: TextIO | None,
    at: datetime | None,
    form: Literal["table", "json"],
    units: tuple[str, ...],
) -> None:
    """Show bucket and variant of units, with the text that was hashed and why.

    Where the experiment hashes an attribute (assignment.unit), units are values of that attribute.
    """
    if not units and file is None:
        raise UsageError("no unit was given", advice="name units as arguments, or a file of them with --file")
    if find_spec("pyspark") is None:
        raise UsageError(
            "the hash kernels are defined next to their Spark columns, and pyspark is not installed here",
            advice="pip install 'abspark[local]'; no Java is needed for this command",
        )
    from abspark.assignment import assign
    from abspark.config import load_project

    experiments = load_project(conf).experiments
    if experiment_id not in experiments:
        raise UsageError(f"no experiment {experiment_id!r}", allowed=", ".join(sorted(experiments)))
    named = [*_sound(units), *_lines(file)]
    rows = [_row(assign(experiments[experiment_id], unit, at=at)) for unit in named]
    if form == "json":
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        _show(rows, sys.stdout)


def _sound(units: Sequence[str]) -> Iterator[str]:
    """The arguments, none of which is empty, as a run drops such rows, or holds bytes that are no UTF-8."""
    for unit in units:
        if not unit:
            raise UsageError(
                "an empty text is no unit", advice="look whether a variable of the shell is unset"
            )
        try:
            unit.encode()
        except UnicodeEncodeError:
            raise UsageError(f"unit {unit!a} is not UTF-8, which is what schemes hash") from None
        yield unit


def _lines(file: TextIO | None) -> Iterator[str]:
    """Lines without their ends, nor a byte order mark; an empty line is no unit, and spaces belong to the id."""
    try:
        for line in file or ():
            if unit := line.rstrip("\r\n"):
                yield unit
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the file of units is not UTF-8: {error.reason} at byte {error.start}",
            advice="convert it, e.g. iconv -f UTF-16 -t UTF-8",
        ) from None


def _row(said: Assigned) -> dict[str, Any]:
    return said._asdict() | {"boundaries": [segment._asdict() for segment in said.boundaries]}


def _show(rows: Sequence[dict[str, Any]], out: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=out)
    for start in range(0, len(rows), _FLUSHED):
        table = Table(*COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column in table.columns:
            column.overflow, column.min_width = "fold", len(str(column.header))
        for row in rows[start : start + _FLUSHED]:
            table.add_row(*(escape(_cell(row[name])) for name in COLUMNS))
        console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"{part['start']:,} to below {part['end']:,}: {part['outcome']}" for part in value)
    return "" if value is None else str(value)
