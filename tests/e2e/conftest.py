"""Real data sets, found through ABSPARK_REAL_DATA; their absence skips a test on a laptop and fails it in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("ABSPARK_REAL_DATA")
    if folder:
        return Path(folder).resolve()
    if os.environ.get("CI"):
        pytest.fail("ABSPARK_REAL_DATA is not set, and CI must not skip the real data")
    pytest.skip("ABSPARK_REAL_DATA is not set: the real data sets are not part of the repository")
