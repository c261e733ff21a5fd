"""What the words mean."""

from __future__ import annotations

from abspark.report.views import Section
from abspark.report.words import GLOSSARY


def glossary() -> Section:
    """Each term in a sentence."""
    return Section("glossary", "What the words mean", "Glossary", "glossary.html", {"terms": GLOSSARY})
