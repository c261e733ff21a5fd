from __future__ import annotations

import pytest

from abspark.storage import retry
from abspark.storage.conditions import condition_of, first_line
from abspark.storage.retry import retried

# as raised by Delta 4.4 in a classic session and over Spark Connect
LOST = "[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] Transaction conflict detected. a concurrent MERGE added data"
LOST_OVER_CONNECT = f"(io.delta.exceptions.ConcurrentAppendException) {LOST}\n\nJVM stacktrace:\nio.delta.x"
HALF_MADE = "[DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION] Cannot create table ('`delta`.`/lake/commits`')."


class Refusing:
    """An action that raises the same error a number of times before it answers."""

    def __init__(self, text: str, times: int) -> None:
        self.text = text
        self.left = times
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise RuntimeError(self.text)
        return "done"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", taken.append)
    return taken


@pytest.mark.parametrize(
    ("text", "patience"), [(LOST, 30), (LOST_OVER_CONNECT, 30), (HALF_MADE, 7), ("[PATH_NOT_FOUND] Path", 1)]
)
def test_patience_depends_on_what_refuses(text: str, patience: int, pauses: list[float]) -> None:
    enough = Refusing(text, patience - 1)
    assert retried(enough) == "done"
    assert enough.calls == patience
    assert len(pauses) == patience - 1

    endless = Refusing(text, 100)
    with pytest.raises(RuntimeError, match=r"^\W"):
        retried(endless)
    assert endless.calls == patience


@pytest.mark.parametrize(
    "condition",
    ["DELTA_CONCURRENT_DELETE_READ", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED",
     "DELTA_TABLE_ALREADY_EXISTS", "TABLE_OR_VIEW_ALREADY_EXISTS", "SCHEMA_ALREADY_EXISTS"],
)  # fmt: skip
def test_whatever_says_that_another_came_first_is_tried_again(condition: str) -> None:
    once = Refusing(f"[{condition}] another came first", 1)
    assert retried(once) == "done"
    assert once.calls == 2


def test_no_pause_is_longer_than_two_seconds(pauses: list[float]) -> None:
    retried(Refusing(LOST, 29))
    assert 0 < max(pauses) <= 2


@pytest.mark.parametrize(
    ("text", "condition", "said"),
    [
        (LOST_OVER_CONNECT, "DELTA_CONCURRENT_APPEND.WITHOUT_HINT", "Transaction conflict detected."),
        (
            "An error occurred while calling o9.parquet.\n: org.apache.spark.SparkException: "
            "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///a.  SQLSTATE: KD001\n\tat x",
            "FAILED_READ_FILE.NO_HINT",
            "Encountered error while reading file file:///a.",
        ),
        (
            "[PATH_NOT_FOUND] Path does not exist: file:/a b. SQLSTATE: 42K03",
            "PATH_NOT_FOUND",
            "Path does not",
        ),
        (
            "[INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION] You may get a different result due to "
            "the upgrading to Spark >= 3.0:\nFail to recognize 'YYYY' pattern in the DateTimeFormatter.\n1) You can",
            "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION",
            "You may get a different result due to the upgrading to Spark >= 3.0: Fail to recognize 'YYYY' pattern",
        ),
        ("list [1] of things", "", "list [1] of things"),
    ],
)
def test_what_an_error_says(text: str, condition: str, said: str) -> None:
    error = RuntimeError(text)
    assert condition_of(error) == condition
    assert first_line(error).startswith(said)
    assert "SQLSTATE" not in first_line(error)
