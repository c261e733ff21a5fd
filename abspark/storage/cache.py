"""Where abspark keeps what it can do without on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`~/.cache/abspark`, or where XDG_CACHE_HOME says; it may not be there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "abspark"
