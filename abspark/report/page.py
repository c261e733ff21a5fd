"""One self-contained page of one experiment."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from abspark.errors import UsageError
from abspark.report.data import ReportData
from abspark.report.sections.answer import answer
from abspark.report.sections.distribution import distribution
from abspark.report.sections.exposures import exposures
from abspark.report.sections.glossary import glossary
from abspark.report.sections.ledger import ledger
from abspark.report.sections.method import method
from abspark.report.sections.power import power
from abspark.report.sections.scorecard import scorecard
from abspark.report.sections.segments import segments
from abspark.report.sections.series import series
from abspark.report.sections.trust import trust
from abspark.report.sections.verdict import verdict
from abspark.report.views import Section

if TYPE_CHECKING:
    from jinja2 import Environment

_SECTIONS: Final[Sequence[Callable[[ReportData], Section | None]]] = (
    answer, trust, scorecard, segments, series, verdict, ledger, exposures, distribution, power, method,
)  # fmt: skip
_OF_DAYS: Final = (segments, series, exposures)
"""What two files without times and attributes cannot have."""


def experiment_page(data: ReportData) -> str:
    """The page as HTML.

    Raises:
        UsageError: Jinja2 or Plotly is not installed.
    """
    made = [section(data) for section in _SECTIONS if data.dated or section not in _OF_DAYS]
    sections = [section for section in (*made, glossary()) if section is not None]
    return render(
        "experiment.html",
        title=data.experiment.name or data.experiment.id,
        experiment=data.experiment,
        data=data,
        facts=_facts(data),
        sections=sections,
        page_data=packed(page_data(sections)),
        plotly=packed_plotly(),
    )


def page_data(sections: Sequence[Section]) -> dict[str, Any]:
    """What the page's script draws: figures by id, choosers by id."""
    return {
        "figures": {name: figure for section in sections for name, figure in section.figures.items()},
        "choosers": {chooser.id: chooser.as_data() for section in sections for chooser in section.choosers},
    }


def packed(content: Mapping[str, Any]) -> str:
    """JSON, compressed and in letters and digits, so that no text in it can be taken for markup."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _packed(text.encode())


@cache
def packed_plotly() -> str:
    """Plotly's script, compressed: 4.8 MB become 2."""
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    return _packed(get_plotlyjs().encode())


def render(template: str, **context: Any) -> str:
    """A page from its template, with style and script."""
    return (
        _templates()
        .get_template(template)
        .render(style=_asset("report.css"), script=_asset("report.js"), **context)
    )


def fragment(template: str, **context: Any) -> str:
    """A part of a page, with the tables' own names and nothing of the page's style."""
    return _templates().get_template(template).render(**context)


def missing_extra(error: ModuleNotFoundError) -> UsageError:
    """What to install for a report."""
    return UsageError(
        f"this command needs {(error.name or '').partition('.')[0]}, which is not installed here",
        advice="pip install 'abspark[report]'",
    )


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


@cache
def _templates() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    return Environment(
        loader=PackageLoader("abspark.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return files("abspark.report").joinpath("assets", name).read_text(encoding="utf-8")


def _facts(data: ReportData) -> list[tuple[str, str]]:
    """The line under the title."""
    experiment = data.experiment
    facts = [("Owner", experiment.owner or "")]
    if data.dated:
        last = experiment.end - timedelta(microseconds=1)
        facts.append(("Exposures", f"{experiment.start:%d %b} to {last:%d %b %Y}"))
    if data.run is not None and data.run.get("as_of") is not None:
        facts.append(("Data as of", f"{data.run['as_of']:%d %b %Y %H:%M} UTC"))
    return [fact for fact in facts if fact[1]]
