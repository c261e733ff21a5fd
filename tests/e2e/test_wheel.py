"""The wheel, installed alone: no Spark, no Java."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an empty environment in which nothing but the wheel was asked for."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=300)
    programs = folder / "venv" / "bin"
    [wheel] = folder.glob("*.whl")
    install = [programs / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, timeout=600)
    return programs


def run(programs: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run with nothing else on the path, so that no Java can be found."""
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "JAVA", "SPARK"))
    }
    environ["PATH"] = str(programs)
    return subprocess.run(
        [programs / command[0], *command[1:]],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_importing_needs_neither_spark_nor_java(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, abspark; print(sorted(m for m in ('pyspark', 'numpy', 'pydantic') if m in sys.modules))"
    )
    assert run(installed, "python", "-c", code, cwd=tmp_path).stdout == "[]\n"
    missing = run(installed, "python", "-c", "import pyspark", cwd=tmp_path)
    assert "No module named 'pyspark'" in missing.stderr


def test_a_starter_project_validates(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "abspark", "init", "shop", cwd=tmp_path).returncode == 0
    checked = run(installed, "abspark", "validate", "--conf", "shop/conf", "--env", "local", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.endswith("no faults\n")


def test_running_says_that_spark_is_missing(installed: Path, tmp_path: Path) -> None:
    run(installed, "abspark", "init", "shop", cwd=tmp_path)
    refused = run(installed, "abspark", "run", "--conf", "shop/conf", "--env", "local", cwd=tmp_path)
    assert refused.returncode == 2
    assert "pyspark is not installed" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("job", ["run", "assignments", "moments", "analyze"])
def test_jobs_are_entry_points(installed: Path, tmp_path: Path, job: str) -> None:
    shown = run(installed, f"abspark-{job}", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "--conf" in shown.stdout


def test_two_files_are_compared_and_a_report_says_what_it_needs(installed: Path, tmp_path: Path) -> None:
    for name, ones in (("a", 10), ("b", 30)):
        (tmp_path / f"{name}.csv").write_text("clicked\n" + "1\n" * ones + "0\n" * 90)
    command = ("abspark", "compare", "a.csv", "b.csv", "--metric", "clicked")
    compared = run(installed, *command, cwd=tmp_path)
    assert (compared.returncode, compared.stderr) == (0, "")
    assert "+150.00%" in compared.stdout
    refused = run(installed, *command, "--out", "page.html", cwd=tmp_path)
    assert refused.returncode == 2
    assert "pip install 'abspark[report]'" in refused.stderr
