from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from page_reader import Page
from report_rows import MADE_AT, check, experiment, metric, report_data, result, row

from abspark.command_report import write_all
from abspark.report.data import ReportData
from abspark.report.index import entry, index_page, page_name

ENDS = (MADE_AT + timedelta(days=2, hours=1)).isoformat()


def test_a_row_per_experiment_with_what_matters() -> None:
    running = report_data([result()], of=experiment(status="running", end=ENDS), health=[check("srm")])
    bare = ReportData(
        experiment(id="new", name=None), {"conversion": metric("conversion")}, MADE_AT, lake="x"
    )
    failing = report_data(
        [result()], health=[check("srm", "fail")], decision=row("decisions", decision="do_not_trust")
    )
    page = Page(index_page([running, bare, failing], made_at=MADE_AT))
    cells = [[text for _, text in line] for line in page.tables["experiments"][1:]]
    assert [line[3] for line in cells] == ["Yes", "Not checked", "No"]
    assert cells[0][2].startswith("+15.20% (+5.08% … +25.32%)")
    assert cells[2][2] == "—"  # an effect not to be trusted is not shown
    assert [line[1] for line in cells] == ["Ship", "Nothing committed yet", "Do not trust these numbers"]
    assert "3 experiments, 1 of which must not be trusted." in page.text


def test_a_verdict_that_nothing_was_shown_says_no_more_than_that() -> None:
    stopped = row("decisions", decision="do_not_ship", reasons=["Nothing."])
    nothing = result(significant=False, p_value=0.4, p_adjusted=0.4)
    worse = result("other", effect=-0.01, relative_effect=-0.1)
    for rows, hint in (([nothing], "no effect was shown"), ([nothing, worse], ""), ([result()], "")):
        assert entry(report_data(rows, decision=stopped), MADE_AT).verdict["hint"] == hint
    page = Page(index_page([report_data([nothing], decision=stopped)], made_at=MADE_AT))
    assert page.tables["experiments"][1][1][1] == "Do not shipno effect was shown"


def test_days_left_count_the_longest_window() -> None:
    data = report_data([result()], of=experiment(status="running", end=ENDS))
    assert entry(data, MADE_AT).days_left == 10  # 2 days and an hour, and a window of 7 days
    assert entry(data, MADE_AT + timedelta(days=99)).days_left == 0
    assert entry(report_data(of=experiment(status="completed")), MADE_AT).days_left is None
    campaign = metric("conversion", window={"end": "40d", "anchor": "experiment_start"})
    begun = (MADE_AT - timedelta(days=5)).isoformat()
    late = report_data(
        [result()], of=experiment(status="running", start=begun, end=ENDS), metrics={"conversion": campaign}
    )
    assert entry(late, MADE_AT).days_left == 35


def test_pages_have_names_that_every_file_system_takes() -> None:
    assert page_name("checkout_button") == "checkout_button.html"
    names = [page_name(name) for name in ("a/b", "a b", "../x", "=1", "ü" * 300, "🎉", "a:b")]
    assert len(set(names)) == len(names)
    assert all("/" not in name and not name.startswith(".") and len(name.encode()) < 255 for name in names)


def test_no_page_has_the_name_of_the_index(tmp_path: Path) -> None:
    reports = [report_data([result()], of=experiment(id=name)) for name in ("index", "Index", "indexes")]
    index, *pages = write_all(reports, tmp_path)
    assert len({page.name.lower() for page in pages}) == len(reports)
    assert pages[2].name == "indexes.html"
    assert index.name == "index.html"
    assert index.name not in {page.name.lower() for page in pages}
    assert all(page.name in index.read_text(encoding="utf-8") for page in pages)


def test_no_experiments() -> None:
    assert "There are no experiments." in index_page([], made_at=MADE_AT)
