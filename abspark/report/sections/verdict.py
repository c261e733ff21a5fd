"""What should we do? The decision with all its reasons."""

from __future__ import annotations

from abspark.report.data import ReportData
from abspark.report.sections.answer import verdict_card
from abspark.report.views import Section


def verdict(data: ReportData) -> Section:
    """The decision, behind the failing checks where there are any."""
    context = {
        "verdict": verdict_card(data),
        "reasons": list(data.decision["reasons"] or []) if data.decision else [],
        "failing": [row["message"] for row in data.failing()],
    }
    return Section("verdict", "What should we do?", "Verdict", "verdict.html", context)
