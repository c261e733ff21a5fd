"""The answer in ten seconds: trust, what happened, what to do."""

from __future__ import annotations

from typing import Any, Final

from abspark.reasons import reason_sentence
from abspark.report import numbers
from abspark.report.data import ReportData, Row, Standing
from abspark.report.sections import trust
from abspark.report.views import Section
from abspark.report.words import DECISIONS, INTERVALS

_TONES: Final[dict[Standing, str]] = {
    "better": "good", "worse": "bad", "open": "open", "unjudged": "open", "undefined": "open",
}  # fmt: skip


def answer(data: ReportData) -> Section:
    """Three cards, the first of which stands in the way of the others where a check fails."""
    failing = data.failing()
    context = {
        "trust": {
            "title": trust.headline(data),
            "tone": trust.tone(data),
            "text": trust.summary(data),
            "failing": [row["message"] for row in failing][:3],
        },
        "effect": _effect(data),
        "verdict": verdict_card(data),
        "blocked": bool(failing),
    }
    return Section("answer", "At a glance", "At a glance", "answer.html", context)


def main_row(data: ReportData) -> Row | None:
    """The comparison to name first: of the first primary metric, the treatment that gains most.

    One that is shown to be better comes before a larger gain that may be chance.
    """
    rows = data.headlines()
    for role in ("primary", "guardrail", "secondary"):
        names = [row["metric"] for row in rows if row["role"] == role]
        mine = [row for row in rows if names and row["metric"] == names[0]]
        if mine:
            return max(mine, key=lambda row: (data.standing(row) == "better", _gain(data, row)))
    return None


def _gain(data: ReportData, row: Row) -> float:
    effect = row["effect"] if row["relative_effect"] is None else row["relative_effect"]
    return float("-inf") if effect is None else data.direction(row["metric"]) * float(effect)


def _effect(data: ReportData) -> dict[str, Any]:
    row = main_row(data)
    if row is None:
        return {
            "title": "No result",
            "tone": "open",
            "text": "There are no results rows to show.",
            "fine": [],
        }
    against = f"{row['metric']}: {row['treatment']} against {row['control']}"
    if row["effect"] is None:
        text = f"{against}. {reason_sentence(row['reason'])}"
        return {"title": "Undefined", "tone": "open", "text": text, "fine": []}
    kind = INTERVALS.get(row["method"], "interval")
    level = f"{(1 - row['alpha']) * 100:.4g} %"
    if row["relative_effect"] is None:
        title, ends = numbers.signed(row["effect"]), numbers.interval(row["effect_low"], row["effect_high"])
    else:
        title = numbers.percent(row["relative_effect"])
        ends = numbers.percent_interval(row["relative_low"], row["relative_high"])
    fine = [f"{level} {kind}: {ends}", *_at_stopping(row)]
    return {"title": title, "tone": _TONES[data.standing(row)], "text": against, "fine": fine}


def _at_stopping(row: Row) -> list[str]:
    """The estimate for a test that has stopped, of which the plain effect is no fair one."""
    if row["stopped_effect"] is None:
        return []
    ends = numbers.interval(row["stopped_low"], row["stopped_high"])
    return [
        f"As estimated at stopping, in the metric's unit: {numbers.signed(row['stopped_effect'])} ({ends}), "
        f"p = {numbers.p_value(row['stopped_p_value'])}"
    ]


def verdict_card(data: ReportData) -> dict[str, Any]:
    """The decision in words; without one, why there is none."""
    if data.commit is None and data.lake is not None:
        return {
            "title": "Nothing committed yet",
            "tone": "open",
            "text": f"No run of {data.experiment.id} is committed: abspark run --experiment {data.experiment.id}",
            "hint": "",
        }
    if data.decision is None:
        return {"title": "No verdict", "tone": "open", "text": "The run wrote no decision.", "hint": ""}
    title, tone = DECISIONS.get(data.decision["decision"], (data.decision["decision"], "open"))
    text = " ".join((data.decision["reasons"] or [])[:2])
    return {"title": title, "tone": tone, "text": text, "hint": _hint(data)}


def _hint(data: ReportData) -> str:
    """A few words to a verdict that sounds like more than it is: nothing was shown, neither good nor bad."""
    if data.decision is None or data.decision["decision"] != "do_not_ship":
        return ""
    standings = {data.standing(row) for row in data.headlines() if row["role"] == "primary"}
    return "no effect was shown" if standings == {"open"} else ""
