"""Where Chromium is on this machine, for tests and timings of pages."""

from __future__ import annotations

import shutil


def chromium() -> str | None:
    """The program, by the names that systems give it; None where there is none on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)
