from __future__ import annotations

import subprocess
import sys


def test_help_loads_no_library_that_takes_long() -> None:
    code = (
        "import sys; from abspark.cli import cli, invoke; assert invoke(cli, ['--help']) == 0;"
        "heavy = {'numpy', 'scipy', 'pydantic', 'pyspark', 'pyarrow', 'yaml'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, timeout=60)
