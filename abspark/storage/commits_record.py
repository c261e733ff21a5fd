"""What counts by `commits`, held against what the records of runs say: a lake that lost its commits is no new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from abspark.errors import LakeError

Commits = TypeVar("Commits", bound=Sequence[Any])


def committed_on_record(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The last run of each experiment that is on record as having committed it; `records` are rows of `runs`."""
    return {
        name: record["run_id"]
        for record in sorted(records, key=lambda record: str(record["run_id"]))
        for name, status in (record["experiments"] or {}).items()
        if status == "committed"
    }


def whole_commits(
    commits: Callable[[], Commits], records: Callable[[], Iterable[Mapping[str, Any]]], location: str
) -> Commits:
    """The commits of a lake; taken for new, one that has lost them would spend its alpha anew.

    Raises:
        LakeError: There are none, and a run is on record as having committed an experiment.
    """
    found = commits()
    if found:
        return found
    on_record = committed_on_record(records())
    # the first run of all may have committed since the first look
    if on_record and not (found := commits()):
        raise LakeError(
            f"the lake {location} is not whole: run {max(on_record.values())} is on record as committed, but commits, "
            "which says what counts, is empty or not there.",
            advice="restore it; where it is gone for good, run into a new lake",
        )
    return found
