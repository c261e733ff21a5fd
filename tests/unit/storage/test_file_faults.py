"""What is said of a file that can't be read, from the text of Spark's error alone."""

from __future__ import annotations

import pytest

from abspark.storage import as_data_error

FOOTER = (
    "[FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER] Encountered error while reading file file:/logs/shown.json. Could not "
    "read footer. SQLSTATE: KD001"
)
GONE = "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file file:/logs/a.parquet. It does not exist."


@pytest.mark.parametrize(
    ("error", "why", "advice"),
    [
        (
            FOOTER,
            "shown.json: it is no Parquet file",
            "where the log is no Parquet at all, correct the source's format",
        ),
        (
            GONE,
            "a.parquet: it was removed after the run had started",
            "run again, which reads what is there now",
        ),
    ],
)
def test_the_advice_fits_what_is_wrong_with_the_file(error: str, why: str, advice: str) -> None:
    told = str(as_data_error(Exception(error), []))
    assert why in told
    assert advice in told


def test_a_version_that_delta_keeps_no_longer_is_no_damage() -> None:
    error = (
        "[DELTA_UNSUPPORTED_TIME_TRAVEL_BEYOND_DELETED_FILE_RETENTION_DURATION] Cannot time travel beyond "
        "delta.deletedFileRetentionDuration (168 HOURS) set on the table."
    )
    told = str(as_data_error(Exception(error), []))
    assert "got a newer version during the run" in told
    assert "(168 HOURS)" in told
    assert "do: run again" in told
