from __future__ import annotations

from pathlib import Path

import pytest
from conf_directory import Conf

from abspark.config.starter import write_starter


@pytest.fixture
def conf(tmp_path: Path) -> Conf:
    return Conf(tmp_path / "project" / "conf")


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    write_starter(tmp_path / "starter")
    return tmp_path / "starter"
