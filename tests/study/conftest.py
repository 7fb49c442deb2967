"""A tiny study, and one finished run of it that no test writes to."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from rampjax import cli
from rampjax.config.study_file import load_study
from rampjax.study.plan import Outcome, plan_study
from rampjax.study.runner import run_plan

TINY = """\
title = "Does a tiny study run?"
samples = 300
seed = 5
[vary]
function = ["sigmoid", "gelu"]
bits = [3]
calibration = ["none", "one_point"]
"device.sigma_prog_uS" = [2.67]
[measure]
names = ["rmse_lsb", "max_inl_lsb"]
specs_lsb = [0.05, 0.2]
save_samples = true
[report]
figures = []
"""
TABLES = ("summary.csv", "yield.csv", "yield_curve.csv", "bands.csv.gz")


class Finished(NamedTuple):
    """A finished run."""

    study: Path
    folder: Path
    outcome: Outcome


def _run_file(study: Path, folder: Path, overrides: Sequence[str] = (), resume: bool = False) -> Outcome:
    return run_plan(plan_study(load_study(study, overrides)), folder, resume=resume)


@pytest.fixture
def run_file() -> Callable[..., Outcome]:
    """Runs a study file into a folder, in this process."""
    return _run_file


@pytest.fixture
def tables_of() -> Callable[[Path], dict[str, bytes]]:
    """Returns the tables of a run as bytes."""
    return lambda folder: {name: (folder / name).read_bytes() for name in TABLES}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    study = folder / "tiny.toml"
    study.write_text(TINY)
    return Finished(study, folder / "out", _run_file(study, folder / "out"))


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused with one sentence, and returns the sentence."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["rampjax", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        assert (stop.value.code, out) == (2, "")
        assert err.count("\n") == 1
        return err

    return run
