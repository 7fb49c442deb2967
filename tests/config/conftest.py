from collections.abc import Callable
from pathlib import Path

import pytest

STUDY = """\
title = "How often does a 5-bit column stay within half a step?"
samples = 40_000
seed = 1
[design]
levels = "midrise"
[device]
preset = "taox_paper"
[vary]
function = ["sigmoid", "tanh"]
bits = [4, 5, 6]
calibration = ["none", "one_point", "ramp_aware"]
"device.sigma_prog_uS" = [1.0, 2.67, 4.0]
[measure]
names = ["max_inl_lsb", "rmse_lsb"]
yield_of = "max_inl_lsb"
specs_lsb = [0.25, 0.5, 1.0]
confidence = 0.95
[report]
figures = ["yield_vs_spec", "inl_per_code", "transfer"]
"""


@pytest.fixture
def study_text() -> str:
    return STUDY


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file into a temporary folder and returns its path."""

    def write_file(text: str | bytes, name: str = "study.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_file
