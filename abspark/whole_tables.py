"""What a committed run must have left in a lake's tables: what a copy has lost must not read as nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from abspark.errors import LakeError
from abspark.naming import first_names

_OF_EVERY_EXPERIMENT: Final = ("results", "health", "decisions")
"""Tables of which every committed experiment has rows, also one without units."""

Rows = Sequence[Mapping[str, Any]]


def require_rows(table: str, rows: Rows, heads: Mapping[str, str], location: str) -> None:
    """Nothing where `rows`, all those of the committed runs `heads`, may be all that there were.

    Raises:
        LakeError: A committed experiment has no row of a table that has some of each.
    """
    if table not in _OF_EVERY_EXPERIMENT:
        return
    if lost := sorted(heads.keys() - {row["experiment_id"] for row in rows}):
        raise _not_whole(location, heads[lost[0]], f"the table {table} has no rows of {first_names(lost)}")


def require_records(runs: Rows, heads: Iterable[str], location: str) -> None:
    """Nothing where `runs`, the records, have all committed runs.

    Raises:
        LakeError: They do not.
    """
    if lost := sorted(set(heads) - {row["run_id"] for row in runs}):
        raise _not_whole(location, lost[0], "the table runs has no record of it")


def require_drops(
    found: Rows,
    heads: Iterable[str],
    location: str,
    *,
    runs: Callable[[], Rows],
    drops: Callable[[Sequence[str]], Rows],
) -> None:
    """Nothing where the committed runs left out no more than drops tell, by what their records say of their inputs.

    `found` are drops of the experiments that are shown. Where a run has none of those, its others may have some:
    `drops` reads all of some runs, and `runs` the records.

    Raises:
        LakeError: A committed run kept fewer rows than it read, and has no row of drops.
    """
    silent = sorted(set(heads) - {row["run_id"] for row in found})
    if silent:
        silent = sorted(set(silent) - {row["run_id"] for row in drops(silent)})
    records = {row["run_id"]: row for row in runs()} if silent else {}
    for run_id in silent:
        for given in records.get(run_id, {}).get("inputs") or ():
            read, kept = given["rows"], given["kept"]
            if read is not None and kept is not None and read > kept:
                why = (
                    f"the table drops does not say why {read - kept:,} rows of {given['source']} do not count"
                )
                raise _not_whole(location, run_id, why)


def require_looks(results: Rows, looks: Rows, location: str) -> None:
    """Nothing where `looks` may be all that the results, of the same experiments, were made of.

    Those of a group sequential test alone tell by a boundary that there was a look: each day of an anytime test has
    one.

    Raises:
        LakeError: An experiment has results of looks, and no look.
    """
    of_looks = {
        row["experiment_id"]: row["run_id"]
        for row in results
        if row["method"] == "group_sequential" and row["boundary"] is not None
    }
    if lost := sorted(of_looks.keys() - {row["experiment_id"] for row in looks}):
        raise _not_whole(
            location,
            of_looks[lost[0]],
            f"the table looks has no rows of {first_names(lost)}, whose results are of looks",
        )


def _not_whole(location: str, run_id: str, lost: str) -> LakeError:
    """The error where a lake lacks what a committed run must have written; `lost` says what."""
    return LakeError(
        f"the lake {location} is not whole: run {run_id} is committed, but {lost}",
        advice="restore the lake, or copy it again while no run works; else run again",
    )
