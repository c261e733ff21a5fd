"""Every error a user can meet: one base class, one class per reaction of the caller.

The exit code of the command line is an attribute of the class, so that the place that raises decides the reaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class AbsparkError(Exception):
    """Base of all errors that are meant for people.

    The message says what is wrong and where; `allowed` what would be right; `advice` what to do. `str()` is one screen.
    """

    exit_code = 1

    def __init__(self, message: str, *, allowed: str | None = None, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed
        self.advice = advice

    def __str__(self) -> str:
        """Message, what is allowed and what to do, a line each."""
        lines = [self.message]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.advice:
            lines.append(f"  do: {self.advice}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Fault:
    """One thing wrong in the configuration.

    `file` is relative to where the user stands, `line` counts from 1 (None where no line can be named), `key` is the
    dotted path inside the file (`metrics[2].window.start`), `value` is what was written, as text.
    """

    file: str
    line: int | None
    key: str
    message: str
    value: str | None = None
    allowed: str | None = None

    def __str__(self) -> str:
        """`file:line: key = value: message`, then what is allowed."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        subject = self.key if self.value is None else f"{self.key} = {self.value}"
        text = f"{place}: {subject}: {self.message}" if subject else f"{place}: {self.message}"
        return text if self.allowed is None else f"{text}\n    allowed: {self.allowed}"


class ConfigError(AbsparkError):
    """The configuration has faults; all of them are in `faults`. Exit code 2.

    They are ordered by file and line, those of whole files and folders first: of these others may follow.
    """

    exit_code = 2

    def __init__(self, faults: Sequence[Fault], *, advice: str | None = None) -> None:
        self.faults = tuple(
            sorted(faults, key=lambda fault: (fault.key != "", fault.file, fault.line or 0, fault.key))
        )
        count = len(self.faults)
        head = f"{count} fault{'s' if count != 1 else ''} in the configuration:"
        super().__init__("\n".join([head, *(f"  {fault}" for fault in self.faults)]), advice=advice)


class UsageError(AbsparkError):
    """The command was asked for something that does not exist or does not go together. Exit code 2."""

    exit_code = 2


def no_committed_run(missing: Sequence[str], known: Iterable[str]) -> UsageError:
    """What to say of experiments whose results are asked for before any run of theirs is committed."""
    named = ", ".join(missing)
    return UsageError(
        f"there are no results of {named} yet: no run has committed any",
        allowed=f"experiments with results: {', '.join(sorted(known)) or 'none so far'}",
        advice=f"abspark run --experiment {missing[0]}; abspark runs says how earlier runs ended",
    )


class DataError(AbsparkError):
    """A source is missing, unreadable, or lacks a column. Exit code 3."""

    exit_code = 3


class LakeError(AbsparkError):
    """The lake cannot be read or written. Exit code 1."""


class LedgerError(AbsparkError):
    """Rows read differ from rows kept plus drops: a defect, so the run must not be believed. Exit code 1."""


class ConflictError(AbsparkError):
    """Another run for the same experiment committed first; this run's rows stay unreferenced. Exit code 1."""


class ExperimentsFailedError(AbsparkError):
    """One or more experiments failed; the others are committed. Exit code 1."""


class HealthError(AbsparkError):
    """The caller asked for healthy results, and a check of severity fail did not pass or none was made. Exit code 4."""

    exit_code = 4
