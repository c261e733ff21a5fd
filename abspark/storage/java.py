"""Whether this machine has the Java that Spark needs, and what to say where it has not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from abspark.errors import AbsparkError

NEEDED: Final = 17
_ADVICE: Final = (
    "install a JDK 17 (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk@17; "
    "conda: conda install openjdk=17) and let JAVA_HOME name its folder"
)


def java_executable() -> Path | None:
    """The `java` that Spark would start: the one in JAVA_HOME, else the first on PATH; else None."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    return Path(found) if found else None


def java_version(executable: Path) -> int | None:
    """Major version of a `java` (8 for 1.8); None where it does not say."""
    try:
        ended = subprocess.run(
            [str(executable), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', ended.stderr + ended.stdout)
    return int(found.group(1)) if found else None


def require_java() -> None:
    """Check that there is a Java to start.

    Raises:
        AbsparkError: there is none.
    """
    if java_executable() is None:
        home = os.environ.get("JAVA_HOME")
        where = f"JAVA_HOME is {home}, which has no bin/java" if home else "there is no java on PATH"
        raise AbsparkError(
            f"Spark needs Java, and {where}.", allowed=f"Java {NEEDED} or newer", advice=_ADVICE
        )


def old_java_error() -> AbsparkError | None:
    """Why Spark did not start, where its Java is too old; None where Java is not to blame."""
    executable = java_executable()
    version = java_version(executable) if executable else None
    if version is None or version >= NEEDED:
        return None
    return AbsparkError(
        f"Java {NEEDED} is needed, and {executable} is Java {version}.",
        allowed=f"Java {NEEDED} or newer",
        advice=_ADVICE,
    )
