"""Real measured files, which are no part of this repository: beside it in shared/data, or where REAL_FILES says."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("REAL_FILES") or Path(__file__).parents[2] / "shared" / "data")


def real_file(name: str) -> Path:
    """The path of a real file; without it the test is skipped."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the real file {name} is not here (REAL_FILES may name its folder)")
    return path
