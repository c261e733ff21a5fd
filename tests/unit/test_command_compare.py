from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from page_reader import Page

from abspark.cli import cli, invoke

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    def said(*arguments: object) -> tuple[int, str, str]:
        code = invoke(cli, ["compare", *map(str, arguments)])
        output = capsys.readouterr()
        return code, output.out, output.err

    return said


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    for name, ones in (("control", 90), ("treatment", 150)):
        values = ["1"] * ones + ["0"] * (1000 - ones) + ["", "oops"]
        (tmp_path / f"{name}.csv").write_text(
            "id,clicked\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values))
        )
    return tmp_path / "control.csv", tmp_path / "treatment.csv"


def test_prints_the_result_and_what_was_left_out(tell: Tell, files: tuple[Path, Path]) -> None:
    code, out, err = tell(*files, "--metric", "clicked")
    assert code == 0
    assert "+66.67%" in out
    assert "Ship treatment." in out
    assert "Verdict: ship." in out
    assert "control.csv: 1 of 1,002 rows left out: missing (no value)" in err
    assert (
        "control.csv: 1 of 1,002 rows left out: bad_value (no finite number, or one of 1e150 or more)" in err
    )


def test_where_stdout_cannot_show_a_character_it_is_escaped(files: tuple[Path, Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "abspark.cli", "compare", *map(str, files), "--metric", "clicked"],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        timeout=120,
    )
    assert rb"\u2026" in done.stdout
    assert b"Verdict: ship." in done.stdout


def test_json_is_all_there_is_on_stdout(tell: Tell, files: tuple[Path, Path]) -> None:
    _, out, _ = tell(*files, "--metric", "clicked", "--format", "json")
    [row] = json.loads(out)
    assert (row["mean_control"], row["mean_treatment"]) == (0.09, 0.15)


def test_writes_the_same_report(tell: Tell, files: tuple[Path, Path], tmp_path: Path) -> None:
    assert tell(*files, "--metric", "clicked", "--out", tmp_path / "out" / "page.html")[0] == 0
    page = Page((tmp_path / "out" / "page.html").read_text(encoding="utf-8"))
    assert "treatment.csv against control.csv" in page.text
    assert page.rows("scorecard-table")[0]["relative_effect"] == "+66.67%"
    assert "2,004" in page.text  # rows read, both files
    assert "Exposures 0" not in page.text  # there is no period to name
    told = {given["id"] for tag, given in page.elements if tag == "section"}
    assert told >= {"answer", "trust", "scorecard", "verdict", "ledger", "power", "method"}
    assert not told & {"segments", "series", "exposures"}


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("spend;id\n1,5;1\n2,5;2\n", 2.0),
        ("\ufeffspend\tid\n1.5\t1\n2.5\t2\n", 2.0),
        ('"spend","note"\n"1.5","a, b"\n\n2.5,"c\nd"\n', 2.0),
        ("note,spend\nshort\nx,2\ny,4\n", 3.0),
    ],
)
def test_the_csvs_that_people_have(tell: Tell, tmp_path: Path, text: str, mean: float) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    code, out, _ = tell(tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "spend", "--format", "json")
    assert code == 0
    assert json.loads(out)[0]["mean_control"] == mean


def test_parquet(tell: Tell, tmp_path: Path) -> None:
    pq.write_table(pa.table({"clicked": [True, False, None, True]}), tmp_path / "a.parquet")
    code, out, err = tell(
        tmp_path / "a.parquet", tmp_path / "a.parquet", "--metric", "clicked", "--format", "json"
    )
    assert code == 0
    assert json.loads(out)[0]["n_control"] == 3
    assert "1 of 4 rows left out: missing" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "has no column clicked\n  allowed: a, b"),
        ("clicked,clicked\n1,2\n", "has several columns clicked"),
        ("clicked\n", "has a header and no rows\n  allowed: a row per unit"),
        ("clicked\n5%\n6%\n", "none of its 2 rows has a number in column clicked; the first has '5%'"),
        ('clicked\n1\n"0\n1\n', "is no CSV: unexpected end of data"),
    ],
)
def test_files_at_fault_are_exit_3(tell: Tell, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    code, out, err = tell(tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "clicked")
    assert (code, out) == (3, "")
    assert message in err


def test_the_same_file_twice_is_told_as_that(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,clicked\nu1,1\nu2,0\nu3,\n")
    code, out, err = tell(tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "clicked")
    assert (code, out) == (3, "")
    assert "a.csv: of its 3 rows 3 are of units that the other file has as well" in err
    assert "has a number in column clicked; the first has" not in err


def test_a_file_that_is_compared_is_not_written_over(tell: Tell, files: tuple[Path, Path]) -> None:
    before = files[1].read_text()
    code, out, err = tell(*files, "--metric", "clicked", "--out", files[1])
    assert (code, out, files[1].read_text()) == (2, "", before)
    assert "is one of the files that are compared" in err


def test_digits_in_groups_of_underscores_are_no_number(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("clicked\n1\n0\n1_0\n")
    code, out, err = tell(tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "clicked", "--format", "json")
    assert (code, json.loads(out)[0]["mean_control"]) == (0, 0.5)
    assert "1 of 3 rows left out: bad_value" in err


def test_what_is_no_parquet_file_is_exit_3(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("clicked\n1\n")
    code, _, err = tell(tmp_path / "a.parquet", tmp_path / "a.parquet", "--metric", "clicked")
    assert code == 3
    assert f"{tmp_path / 'a.parquet'} is no Parquet file" in err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings_that_spreadsheets_write(tell: Tell, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_text(
        "größe\tuser_id\n1\tJürgen\n3\tJörgen\n", encoding=encoding, newline="\r\n"
    )
    code, out, err = tell(tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "größe", "--unit", "-",
                          "--format", "json")  # fmt: skip
    assert code == 0
    assert json.loads(out)[0]["mean_control"] == 2.0
    assert ("not UTF-8, so read as Latin-1" in err) == (encoding == "latin-1")


def test_ids_that_differ_in_no_ascii_letter_stay_apart(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("clicked,user_id\n1,Jürgen\n0,Jörgen\n", encoding="latin-1")
    (tmp_path / "b.csv").write_text("clicked,user_id\n1,a\n0,b\n", encoding="latin-1")
    code, out, _ = tell(tmp_path / "a.csv", tmp_path / "b.csv", "--metric", "clicked", "--format", "json")
    assert (code, json.loads(out)[0]["n_control"]) == (0, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clicked\n1\n".encode("utf-16-le"), "its first line has zero bytes\n  allowed: text in UTF-8"),
        (b"PK\x03\x04" + bytes(20), "is no CSV but a spreadsheet or an archive\n  do: save its sheet as CSV"),
        (b"\x1f\x8b" + bytes(20), "is no CSV but compressed"),
        (b"PAR1" + bytes(20), "is no CSV but a Parquet file"),
        (b"\xff\xfe\x00\xd8a\x00", "is no text in utf-16"),
    ],
)
def test_what_is_no_text_is_told_by_name(tell: Tell, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    code, out, err = tell(tmp_path / "a.csv", tmp_path / "a.csv", "--metric", "clicked")
    assert (code, out) == (3, "")
    assert message in err


def test_ragged_rows_are_left_out_and_told(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,clicked,shop\nDoe, J.,1,x\nRoe,1,x\nPoe,0\nMoe,0,x,,\n\n")
    (tmp_path / "b.csv").write_text("name,clicked,shop\nLoe,1,x\nZoe,0,x\n")
    code, out, err = tell(tmp_path / "a.csv", tmp_path / "b.csv", "--metric", "clicked", "--format", "json")
    assert code == 0
    assert json.loads(out)[0]["n_control"] == 2
    assert "a.csv: 2 of 4 rows left out: ragged_row (more or fewer fields than the header)" in err
    assert "b.csv" not in err


def arms(tmp_path: Path, first: str, second: str, header: str = "user_id,clicked") -> tuple[Path, Path]:
    for name, text in (("a", first), ("b", second)):
        (tmp_path / f"{name}.csv").write_text(header + "\n" + text.replace(" ", "\n") + "\n")
    return tmp_path / "a.csv", tmp_path / "b.csv"


def test_a_row_that_is_there_twice_counts_once(tell: Tell, tmp_path: Path) -> None:
    paths = arms(tmp_path, "u1,1 u2,0 u1,1.0 ,1", "v1,1 v2,0")
    code, out, err = tell(*paths, "--metric", "clicked", "--format", "json")
    assert (code, json.loads(out)[0]["n_control"]) == (0, 2)
    assert "a.csv: 1 of 4 rows left out: repeated_id" in err
    assert "a.csv: 1 of 4 rows left out: null_id" in err


@pytest.mark.parametrize("header", ["user_id,clicked", "ID,clicked", "shopper,clicked"])
def test_a_unit_whose_rows_disagree_is_exit_3(tell: Tell, tmp_path: Path, header: str) -> None:
    paths = arms(tmp_path, "u1,1 u2,0 u1,0", "v1,1 v2,0", header)
    named = ("--unit", "shopper") if "shopper" in header else ()
    code, out, err = tell(*paths, "--metric", "clicked", *named)
    assert (code, out) == (3, "")
    assert f"1 unit with several rows that disagree, such as {header.split(',')[0]} 'u1'" in err
    assert "--unit -: there is none" in err
    assert tell(*paths, "--metric", "clicked", "--unit", "-")[0] == 0


def test_units_of_both_files_are_left_out_of_both(tell: Tell, tmp_path: Path) -> None:
    shared = " ".join(f"w{place},1" for place in range(5))
    paths = arms(tmp_path, f"u1,1 u2,0 {shared}", f"v1,1 v2,0 v3,0 {shared}")
    code, out, err = tell(*paths, "--metric", "clicked", "--format", "json")
    [row] = json.loads(out)
    assert (code, row["n_control"], row["n_treatment"]) == (0, 2, 3)
    assert "a.csv: 5 of 7 rows left out: multiple_variants" in err
    code, out, _ = tell(*paths, "--metric", "clicked", "--out", tmp_path / "page.html")
    assert "do not trust" in out  # 5 of 10 units
    assert "50% of units" in Page((tmp_path / "page.html").read_text(encoding="utf-8")).text


def shared_by_both(folder: Path, shared: int) -> tuple[Path, Path]:
    """100 units in all, so many of them in both files; as many have a 1 in either."""
    own = (100 - shared) // 2
    for name, first in (("a", 0), ("b", own)):
        ids = range(first, first + own + shared)
        rows = "".join(f"u{place},{place % 2}\n" for place in ids)
        (folder / f"{name}.csv").write_text(f"user_id,clicked\n{rows}")
    return folder / "a.csv", folder / "b.csv"


@pytest.mark.parametrize(
    ("shared", "warning", "verdict"),
    [
        (0, "", "do not ship"),
        (2, "2% of units are in both files.", "do not ship"),
        (6, "", "do not trust. The check several_variants failed: 6% of units are in both files."),
    ],
)
def test_units_of_both_files_are_warned_of(
    tell: Tell, tmp_path: Path, shared: int, warning: str, verdict: str
) -> None:
    _, out, err = tell(*shared_by_both(tmp_path, shared), "--metric", "clicked")
    assert f"Verdict: {verdict}" in " ".join(out.split())
    warned = [line for line in err.splitlines() if line.startswith("warn: ")]
    assert [line.startswith(f"warn: {warning} Find where units change variant") for line in warned] == (
        [True] if warning else []
    )


def test_files_have_neither_days_nor_exposures(tell: Tell, files: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, out, _ = tell(*files, "--metric", "clicked", "--share", "0.9", "--unit", "-", "--out", page)
    assert code == 0
    assert out.splitlines()[0] == "compare: treatment against control"
    told = "The check srm failed: The units of the files do not fit the configured shares"
    assert told in " ".join(out.split())
    [row] = csv.DictReader(
        io.StringIO(tell(*files, "--metric", "clicked", "--unit", "-", "--format", "csv")[1])
    )
    assert (row["day"], row["exposure_day"]) == ("", "")
    read = Page(page.read_text(encoding="utf-8"))
    assert "proportion files — more" in read.text
    assert "UTC from the files." in read.text
    for word in ("from the tables", "variant of their first exposure", "Look for exposures"):
        assert word not in read.text


def test_a_column_id_may_just_number_the_rows(tell: Tell, files: tuple[Path, Path]) -> None:
    code, out, err = tell(*files, "--metric", "clicked", "--format", "json")
    assert (code, json.loads(out)[0]["n_control"]) == (0, 1000)
    assert "1,002 ids are in both files and were kept" in err
    code, out, err = tell(*files, "--metric", "clicked", "--unit", "id")
    assert (code, out) == (3, "")
    assert "of its 1,002 rows 1,002 are of units that the other file has as well" in err


def test_a_unit_column_that_is_not_there(tell: Tell, files: tuple[Path, Path]) -> None:
    code, _, err = tell(*files, "--metric", "clicked", "--unit", "shopper")
    assert code == 3
    assert "has no column shopper" in err


def test_ids_of_parquet(tell: Tell, tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": [1, 2, 2, None], "clicked": [1, 0, 0, 1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"user_id": [3, 4], "clicked": [1, 0]}), tmp_path / "b.parquet")
    code, out, err = tell(
        tmp_path / "a.parquet", tmp_path / "b.parquet", "--metric", "clicked", "--format", "json"
    )
    assert (code, json.loads(out)[0]["n_control"]) == (0, 2)
    assert "repeated_id" in err
    assert "null_id" in err


def test_formats_for_machines(tell: Tell, files: tuple[Path, Path]) -> None:
    code, out, _ = tell(*files, "--metric", "clicked", "--format", "csv")
    header, row = out.splitlines()
    assert code == 0
    assert dict(zip(header.split(","), row.split(","), strict=True))["mean_control"] == "0.09"
    code, out, _ = tell(*files, "--metric", "clicked", "--format", "markdown")
    assert code == 0
    assert "| 0.09 |" in out


def test_what_was_not_checked_is_not_trusted(tell: Tell, files: tuple[Path, Path], tmp_path: Path) -> None:
    for path in files:
        path.write_text(path.read_text().replace("1000,\n1001,oops\n", ""))
    assert tell(*files, "--metric", "clicked", "--out", tmp_path / "page.html")[0] == 0
    assert "Not checked" in Page((tmp_path / "page.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize("option", [("--alpha", "0.7"), ("--share", "1"), ("--share", "-0.1")])
def test_options_out_of_range(tell: Tell, files: tuple[Path, Path], option: tuple[str, str]) -> None:
    code, _, err = tell(*files, "--metric", "clicked", *option)
    assert code == 2
    assert "is out of range" in err
