"""How long the page of 200 metrics with days and segments takes to be made, and to open in Chromium.

Prints a JSON list of {name, ratio, limit, ours, theirs, unit}; the ratios are shares of a budget.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from chromium import chromium
from playwright.sync_api import Browser, sync_playwright
from report_rows import large

from abspark.report.page import experiment_page
from tests.perf.measures import Measure, measure

MADE: Final = 5.0
SEEN: Final = 3.0
DRAWN: Final = 6.0
ROUNDS: Final = 3


def pages() -> list[Measure]:
    """Medians of three, without Chromium's own start.

    Raises:
        RuntimeError: There is no Chromium on PATH.
    """
    program = chromium()
    if program is None:
        raise RuntimeError("there is no chromium on PATH; scripts/ensure_chromium.sh installs it")
    data, made = large(), []
    for _ in range(ROUNDS):
        started = time.process_time()
        html = experiment_page(data)
        made.append(time.process_time() - started)
    with TemporaryDirectory(prefix="abspark-bench-") as folder, sync_playwright() as playwright:
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        opened = [_opened(browser, page) for _ in range(ROUNDS)]
        browser.close()
    seen, drawn = (median(times) for times in zip(*opened, strict=True))
    return [
        measure("a page of 200 metrics is made, processor", median(made), MADE, unit="s", limit=1.0),
        measure("  what is read at first is drawn", seen, SEEN, unit="s", limit=1.0),
        measure("  all its figures are drawn", drawn, DRAWN, unit="s", limit=1.0),
    ]


def _opened(browser: Browser, page: Path) -> tuple[float, float]:
    """Seconds from the start of navigation until what is in view is drawn, and until all is."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    view = context.new_page()
    view.goto(page.as_uri())
    view.wait_for_selector("html[data-drawn=true]", timeout=60_000)
    marks = "['seen', 'drawn'].map((name) => performance.getEntriesByName(name)[0].startTime / 1000)"
    seen, drawn = view.evaluate(marks)
    context.close()
    return seen, drawn


if __name__ == "__main__":
    sys.stdout.write(json.dumps(pages(), indent=1) + "\n")
