"""Every fault: told with file, line, key, value and what is allowed, and alone unless more is wrong."""

from __future__ import annotations

import os

import pytest

from abspark.errors import UsageError
from tests.unit.config.conftest import Conf

WEB, SHOP, BUTTON, LOCAL = "sources/web.yaml", "metrics/shop.yaml", "experiments/button.yaml", "environments/local.yaml"

EDITS = {
    # name: (file, text to replace, replacement, every fault told)
    "one": (
        1,2,3,4
    ),
}
