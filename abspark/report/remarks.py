"""What a table of results says beside its numbers: a mark per row, and notes below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from abspark.config.analysis import SEQUENTIAL
from abspark.naming import first_names
from abspark.reasons import reason_sentence
from abspark.report import numbers
from abspark.report.data import BAYESIAN, ReportData
from abspark.report.figures import edges_beyond
from abspark.report.glyphs import OFF_LEFT, OFF_RIGHT
from abspark.report.terminal import Row

RELATIVE: Final = ("relative_effect", "relative_low", "relative_high")
UNDECIDED: Final = "·"
_STANDING: Final[Mapping[str, str]] = {"better": "✓", "worse": "✗"}
_SIGNIFICANT: Final = "*"
_STYLES: Final[Mapping[str, str]] = {"✓": "bold green", "✗": "bold red", _SIGNIFICANT: "bold"}
_NO_VERDICT: Final = {
    "not_finished": "no verdict yet: the experiment or its last window has not ended",
    "below_min_sample_size": "no verdict yet: a variant has fewer units than min_sample_size",
}


def mark(row: Row, data: ReportData | None) -> str:
    """Whether the row shows the treatment to be better or worse, as its page says; else whether it may ever.

    Where the configuration has no such metric, which way is better is unknown.
    """
    if data is not None and row["metric"] in data.metrics:
        if found := _STANDING.get(data.standing(row)):
            return found
    elif row["significant"]:
        return _SIGNIFICANT
    told = row["method"] == BAYESIAN and row["prob_better"] is not None and row["reason"] is None
    return UNDECIDED if row["significant"] is None and not told else ""


def style(row: Row, data: ReportData | None) -> str | None:
    """How a row with that mark is printed."""
    return _STYLES.get(mark(row, data))


def remarks(
    rows: Sequence[Row],
    ends: tuple[float, float],
    data: ReportData | None,
    two_estimators: Sequence[Row] = (),
) -> list[str]:
    """What has to be known to read the table, each with the metrics that it is about."""
    about = {
        reason: [row for row in rows if row["reason"] == reason]
        for reason in dict.fromkeys(row["reason"] for row in rows if row["reason"])
    }
    told = [
        ("" if len(mine) == len(rows) else _of(mine)) + _NO_VERDICT.get(reason, reason_sentence(reason))
        for reason, mine in about.items()
    ]
    adjusted = [row for row in rows if row["p_adjusted"] is not None]
    if all(row["p_adjusted"] == row["p_value"] for row in adjusted):
        adjusted = []
    touching = [
        row
        for row in rows
        if row["significant"] and row["p_value"] is not None and _crosses_zero(row, "relative")
    ]
    held = [row for row in touching if _crosses_zero(row, "effect")]
    doubted = [row for row in touching if row not in held]
    earlier = [row for row in held if row["method"] in SEQUENTIAL]
    close = [row for row in held if row not in earlier]
    futile = [row for row in rows if row["futile"]]
    beyond = [row for row in rows if edges_beyond((row[name] for name in RELATIVE), ends)]
    return [
        *_meaning_of_marks(rows, data),
        *told,
        *_estimates_at_stopping(rows),
        *_note(futile, "futile at the last look (advice; going on keeps alpha)"),
        *_note(adjusted, "p is adjusted for there being several primary comparisons; intervals are not"),
        *_unadjusted_segments(rows, data),
        *_note(
            doubted,
            "p tests the effect itself; the relative interval also counts the doubt about the control's mean",
        ),
        *_note(
            earlier, "shown by an earlier look, and what was shown stays shown; the interval is the latest one"
        ),
        *_note(
            close,
            "p has the variance of equal rates, the interval that of each; close to alpha p decides",
        ),
        *_note(beyond, f"{OFF_LEFT} or {OFF_RIGHT}: the interval goes beyond the scale of the others"),
        *_note(
            two_estimators,
            f"estimator {two_estimators[0]['estimator'] if two_estimators else ''}, as configured; "
            "--format csv and json have the other one too",
        ),
    ]  # fmt: skip


def _meaning_of_marks(rows: Sequence[Row], data: ReportData | None) -> list[str]:
    marks = {mark(row, data) for row in rows}
    told = [f"{sign} {standing}" for standing, sign in _STANDING.items() if sign in marks]
    falling = [] if data is None else [row for row in rows if data.direction(row["metric"]) < 0]
    unknown = [row for row in rows if mark(row, data) == _SIGNIFICANT]
    return [
        *([", ".join(told)] if told else []),
        *_note(falling, "less is better"),
        *_note(unknown, f"{_SIGNIFICANT} significant; which way is better is not configured here"),
    ]


def _estimates_at_stopping(rows: Sequence[Row]) -> list[str]:
    """Where a group sequential test stopped, what is to be read in place of the effect, of which it is no fair one."""
    return [
        f"{row['metric']}{'' if row['segment_name'] is None else ' ' + str(row['segment_value'])}: "
        f"as estimated at stopping, effect {numbers.signed(row['stopped_effect'])} "
        f"({numbers.interval(row['stopped_low'], row['stopped_high'])}), "
        f"p {numbers.p_value(row['stopped_p_value'])}, in the metric's unit"
        for row in rows
        if row["stopped_effect"] is not None
    ]


def _note(about: Sequence[Row], text: str) -> list[str]:
    return [_of(about) + text] if about else []


def _of(about: Sequence[Row]) -> str:
    """The metrics that a note is about."""
    names = list(dict.fromkeys(row["metric"] for row in about))
    return f"{first_names(names)}: "


def _unadjusted_segments(rows: Sequence[Row], data: ReportData | None) -> list[str]:
    """A warning where several values of a segment are marked or not, each by a test of its own."""
    several = len({row["segment_value"] for row in rows if row["segment_name"] is not None}) > 1
    marked = any(mark(row, data) in _STYLES for row in rows)
    told = "each value of a segment has a test of its own, unadjusted: of many some stand out by chance"
    return [told] if several and marked else []


def _crosses_zero(row: Mapping[str, Any], stem: Literal["effect", "relative"]) -> bool:
    low, high = row[f"{stem}_low"], row[f"{stem}_high"]
    return low is not None and high is not None and low <= 0 <= high
