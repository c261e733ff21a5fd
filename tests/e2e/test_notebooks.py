"""Notebooks run from top to bottom, and what they say of their outputs is so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [pytest.mark.spark, pytest.mark.e2e]
FOLDER = Path(__file__).parents[2] / "notebooks"
SAID: Mapping[str, tuple[str, ...]] = {
    "01_quick_start": ("exp_1  conversion",),
    "02_your_own_logs": (
        "'valeu' is no column of the source; did you mean 'value'?",
        "duplicate_event",
        "repeated_exposure",
        "pass  hash ",
        "ship\n  Ship new.",
    ),
    "03_when_not_to_believe": (
        "exp_1  fail  srm\n",
        "exp_1  fail  srm (platform = android)",
        "hash_capture: fail",
        "hash_assignment: pass",
        "exp_2  fail  hash\n",
        "exp_3  fail  srm_after_exclusions",
        "exp_0  do_not_ship",
        "exp_1  do_not_trust",
        "exp_2  do_not_trust",
        "exp_3  do_not_trust",
    ),
    "04_sequential_monitoring": (
        "keep_running\n",
        "   ship\n",
        "exp_1\n    ship\n",
        "exp_0\n    keep_running\n",
        "median-unbiased: +0.0",
        "backfilled True\n",
        "backfilled False\n",
        "ordinary test, p < 5 % on some day:  21.9% err",
        "group sequential, some day:          4.8% err",
    ),
    "05_statistics_and_simulation": (),
}
"""Notebook: what has to be among its outputs, as its text relies on it."""


def printed(notebook: Any) -> str:
    """All that the cells print or show, without what goes to stderr."""
    return "\n".join(
        output["text"] if output["output_type"] == "stream" else output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output["output_type"] in ("execute_result", "display_data") or output.get("name") == "stdout"
    )


def executed(name: str, folder: Path) -> str:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return printed(notebook)


@pytest.mark.long
@pytest.mark.parametrize("name", SAID)
def test_notebook_runs(name: str, tmp_path: Path) -> None:
    text = executed(name, tmp_path)
    assert [said for said in SAID[name] if said not in text] == []


@pytest.mark.long
def test_simulations_give_what_is_committed(tmp_path: Path) -> None:
    """Seeded draws and nothing but numpy and scipy: every digit shown is the same."""
    name = "05_statistics_and_simulation"
    assert executed(name, tmp_path) == printed(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))


@pytest.mark.parametrize("name", SAID)
def test_outputs_are_committed(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    text = printed(notebook)
    assert [said for said in SAID[name] if said not in text] == []
    assert text
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    errors = [
        o
        for cell in notebook.cells
        if cell.cell_type == "code"
        for o in cell.outputs
        if o["output_type"] == "error"
    ]
    assert errors == []


def test_every_notebook_is_tested() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(SAID)
