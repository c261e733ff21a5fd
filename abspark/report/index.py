"""The page over all experiments: what each of them is at, in a row that leads to its own page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from abspark.config import windows_over
from abspark.naming import plural
from abspark.report import numbers
from abspark.report.data import ReportData, Row
from abspark.report.page import render
from abspark.report.sections import trust
from abspark.report.sections.answer import main_row, verdict_card

_LONGEST: Final = 60


class Entry(NamedTuple):
    """A row of the index, with the name of the page it leads to."""

    experiment: str
    title: str
    link: str
    status: str
    verdict: dict[str, Any]
    effect: str
    effect_value: float | None
    effect_of: str
    tone: str
    trust: str
    trust_tone: str
    owner: str
    days_left: int | None


def index_page(reports: Sequence[ReportData], *, made_at: datetime) -> str:
    """The page as HTML; it expects the page of each experiment beside it, as `page_name` says."""
    entries = [entry(data, made_at) for data in reports]
    failing = sum(item.trust_tone == "bad" for item in entries)
    lead = plural(len(entries), "experiment")
    if failing:
        lead += f", {failing} of which must not be trusted"
    return render("index.html", title="Experiments", lead=f"{lead}.", entries=entries, made_at=made_at)


def page_name(experiment: str) -> str:
    """The file of an experiment's page: its id, where every file system takes that and the index doesn't have it."""
    plain = re.sub(r"[^\w.-]", "-", experiment).lstrip(".")[:_LONGEST]
    is_free = plain == experiment and plain.lower() != "index"
    return f"{plain if is_free else f'{plain}-{sha256(experiment.encode()).hexdigest()[:8]}'}.html"


def entry(data: ReportData, now: datetime) -> Entry:
    """What the index says of one experiment; an effect that must not be trusted is not shown."""
    row = None if data.failing() else main_row(data)
    experiment = data.experiment
    return Entry(
        experiment.id,
        experiment.name or experiment.id,
        quote(page_name(experiment.id)),
        experiment.status,
        verdict_card(data),
        "" if row is None else _effect(row),
        None if row is None else row["relative_effect"],
        "" if row is None else f"{row['metric']}, {row['treatment']}",
        {"better": "good", "worse": "bad"}.get("" if row is None else data.standing(row), ""),
        trust.headline(data),
        trust.tone(data) if data.health else "open",
        experiment.owner or "",
        _days_left(data, now),
    )


def _effect(row: Row) -> str:
    if row["relative_effect"] is None:
        return numbers.signed(row["effect"])
    ends = numbers.percent_interval(row["relative_low"], row["relative_high"])
    return f"{numbers.percent(row['relative_effect'])} ({ends})"


def _days_left(data: ReportData, now: datetime) -> int | None:
    """Whole days until the experiment and its longest window are over; None where it does not run."""
    if data.experiment.status != "running":
        return None
    known = [data.metrics[name] for name in data.experiment.metrics.names if name in data.metrics]
    over = windows_over(data.experiment, known)
    return max(0, -((now - over) // timedelta(days=1)))
