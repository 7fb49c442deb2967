"""Devices of measured cells: where their files are looked for, and how they judge laws."""

import json

import numpy as np
import pytest
from cells_twin import AGES_S, cells_table, device_toml, made_cells

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit.cells import MeasuredCells
from rampjax.config.device_fields import FIELDS
from rampjax.config.devices import load_device
from rampjax.config.points import point_from_options
from rampjax.config.study_file import load_study
from rampjax.report.page import render_report
from rampjax.study.cells import with_cells
from rampjax.study.cells_spread import resampled
from rampjax.study.plan import plan_study
from rampjax.study.runner import run_plan
from rampjax.study.single import run_design

TABLE = cells_table(*made_cells())
DEVICE = device_toml(TABLE)
SAID = 'certainty = "user"\nsource = "made up for tests"\n'
LAW = (
    DEVICE.partition("[cells]")[0]
    + f"[bias_prog_uS]\nvalue = 0.0\n{SAID}[sigma_prog_uS]\nconstant = 0.35\n{SAID}"
    + f"[relax_mean_uS]\nconstant = -2.0\nper_ln = 0.0\n{SAID}[relax_sigma_uS]\nconstant = 3.0\nper_ln = 0.1\n{SAID}"
)
STUDY = """\
title = "Do laws give the yield of cells?"
samples = 512
[design]
function = "sigmoid"
bits = 3
[vary]
device = ["law.toml", "made.toml"]
"operation.age_s" = [1.0, 1e5]
[measure]
specs_lsb = [0.5, 1.0]
[report]
figures = ["yield_vs_spec"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study with its device files, and the cells in a folder of their own."""
    monkeypatch.delenv("RAMPJAX_DATA", raising=False)
    for name, text in (("study.toml", STUDY), ("law.toml", LAW), ("made.toml", DEVICE)):
        (tmp_path / name).write_text(text)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cells.csv").write_text(TABLE)
    return tmp_path


def test_cells_are_found_beside_their_device_in_the_folder_and_by_the_variable(folder, monkeypatch):
    points = [point_from_options(bits=3, device=str(folder / "made.toml"))]
    with pytest.raises(InputError, match=r"cells\.csv, a file that is not there .*--data DIR or .* RAMPJAX_DATA"):
        with_cells(points)
    assert with_cells(points, folder / "data")[0].cells.n_cells == 800
    monkeypatch.setenv("RAMPJAX_DATA", str(folder / "data"))
    assert rj.load_device(folder / "made.toml").cells.n_cells == 800
    monkeypatch.delenv("RAMPJAX_DATA")
    (folder / "cells.csv").write_text(TABLE)
    assert with_cells(points)[0].cells.n_cells == 800


def test_a_folder_that_is_none_or_that_nobody_needs_is_refused(folder):
    cells, law = (point_from_options(bits=3, device=str(folder / name)) for name in ("made.toml", "law.toml"))
    with pytest.raises(InputError, match=r"--data must be a folder, but .* is not there"):
        with_cells([cells], folder / "none")
    with pytest.raises(InputError, match=r"--data must be a folder, but .* is a file"):
        with_cells([cells], folder / "data/cells.csv")
    with pytest.raises(InputError, match="--data has no effect"):
        with_cells([law], folder / "data")


def test_cells_judge_the_law_beside_them(folder):
    plan = plan_study(load_study(folder / "study.toml"), folder / "data")
    outcome = run_plan(plan, folder / "out")
    assert outcome.answer.startswith("Judged by made, the measured cells themselves, resampled: yields of law are off")
    page = outcome.page.read_text()
    assert "Laws against the measured cells" in page
    assert "800 measured cells of cells.csv" in page
    assert "say nothing of another one" in page
    assert "Had other cells of the same array been measured" in page
    document = json.loads((folder / "out/provenance.json").read_text())
    held = [device for device in document["configuration"]["devices"] if "cells" in device]
    assert [device["name"] for device in held] == ["made"]
    assert held[0]["cells"]["sha256"] in DEVICE
    assert document["report"]["cells"] == ["made"]
    assert render_report(folder / "out").read_text() == page
    changed = TABLE.replace("c0,0,2,", "c0,0,2,1")
    (folder / "data/cells.csv").write_text(changed)
    (folder / "made.toml").write_text(device_toml(changed))
    plan = plan_study(load_study(folder / "study.toml"), folder / "data")
    with pytest.raises(InputError, match=r"cannot be continued: `configuration.devices\[1\].cells.sha256` was"):
        run_plan(plan, folder / "out", resume=True)


def test_resampled_cells_are_those_of_the_same_target():
    target, reads = made_cells()
    cells = MeasuredCells(target, np.tile(AGES_S, (len(target), 1)), reads, "made")
    again = resampled(cells, np.random.default_rng(1))
    own = {level: {tuple(row) for row in reads[target == level]} for level in np.unique(target)}
    assert all(tuple(row) in own[level] for level, row in zip(target, again.g_uS, strict=True))
    drawn = {tuple(row) for row in again.g_uS}
    kept = np.mean([tuple(row) in drawn for row in reads])
    assert kept == pytest.approx(1 - np.exp(-1), abs=0.05)
    around = resampled(MeasuredCells(target, cells.age_s, reads, "made", window_uS=3.0), np.random.default_rng(1))
    np.testing.assert_array_equal(around.target_uS, target)
    errors = {round(value, 9) for value in reads[:, 0] - target}
    assert {round(value, 9) for value in around.g_uS[:, 0] - target} < errors


@pytest.mark.parametrize("key", ["sigma_prog_uS", "relax_sigma_uS", "rtn_prob"])
def test_a_law_beside_cells_is_refused(folder, key):
    with pytest.raises(InputError, match=f"made.toml: `{key}` must be absent beside `cells`"):
        load_device(folder / "made.toml", {key: 0.5})
    assert FIELDS[key]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[cells]\n", '[cells]\nfolder = "x"\n', "`cells.folder` is not a known key"),
        ('file = "cells.csv"', 'file = "../cells.csv"', "`cells.file` must be the name of a file"),
        ('file = "cells.csv"', 'file = "/cells.csv"', "`cells.file` must be the name of a file"),
        ('sha256 = "', 'sha256 = "0', "`cells.sha256` must be a SHA-256"),
        ('license = "CC0"\n', "", "`cells.license` is missing, expected text that names the license"),
        ('license = "CC0"\n', 'license = "CC0"\nwindow_uS = -1.0\n', "`cells.window_uS` must be at least 0"),
        ('license = "CC0"\n', 'license = "CC0"\nheader = "no"\n', "`cells.header` must be true or false"),
        ('title = "Made-up cells"', 'title = "x"\nfolder = "y"', "`folder` is not a known key"),
    ],
)
def test_what_is_wrong_in_the_table_is_said_with_file_and_key(folder, old, new, sentence):
    assert old in DEVICE
    (folder / "made.toml").write_text(DEVICE.replace(old, new))
    with pytest.raises(InputError, match=f"made.toml: {sentence}"):
        load_device(folder / "made.toml")


def test_a_design_of_cells_is_written_but_not_read_back(folder):
    (point,) = with_cells([point_from_options(bits=3, device=str(folder / "made.toml"))], folder / "data")
    assert run_design(point, (), seed=1)["cells"] == "cells.csv"
    device = rj.load_device(folder / "made.toml", data=folder / "data")
    with pytest.raises(InputError, match=r"has devices of measured cells .*, which a design file cannot hold"):
        rj.save_design(rj.design("sigmoid", 3, device=device), folder / "design.json")
