"""Studies that compare chips with ngspice: what is refused, what is kept, and one small study for real."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from rampjax.checks import InputError
from rampjax.config.spice_section import MOST_CHIPS, MOST_INPUTS, SpiceConfig
from rampjax.config.study_file import load_study
from rampjax.interop.spice import compare
from rampjax.report.page import render_report
from rampjax.study import spice, spice_runner
from rampjax.study.design_points import closed_designs
from rampjax.study.plan import plan_study
from rampjax.study.runner import run_plan
from rampjax.study.spice_effect import effect, without_sources
from rampjax.study.spice_store import ChipStore, Compared

STUDY = """\
title = "Does a tiny study agree?"
samples = 2
seed = 3
[circuit]
pulse_grid = 4
[spice]
inputs = 4
[cases.plain]
[cases.gain]
"ramp.opamp_gain" = 100.0
[cases.late]
"comparator.kind" = "continuous"
"comparator.t_delay_ns" = 0.4
[vary]
function = ["gelu"]
bits = [3]
case = ["plain", "gain", "late"]
"""
needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not on PATH")


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "agree.toml"
    path.write_text(STUDY)
    return path


def run_file(path, out, overrides=(), **options):
    return run_plan(plan_study(load_study(path, overrides)), out, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice is not on PATH")
    folder = tmp_path_factory.mktemp("agree")
    (folder / "agree.toml").write_text(STUDY)
    counts = []
    outcome = run_file(folder / "agree.toml", folder / "out", progress=counts.append)
    assert (counts[0], sum(counts)) == (0, 6)
    return folder / "agree.toml", folder / "out", outcome


def edited(path, old, new):
    assert STUDY.count(old) == 1
    path.write_text(STUDY.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("samples = 2\n", "", ["`samples` is missing"]),
        ("samples = 2\n", f"samples = {MOST_CHIPS + 1}\n", ["`samples`", str(MOST_CHIPS)]),
        ("inputs = 4", "inputs = 0", ["`spice.inputs`", str(MOST_INPUTS)]),
        ("inputs = 4", "tolerance_lsb = 0.0", ["`spice.tolerance_lsb`", "positive"]),
        ("inputs = 4", "input = 4", ["`spice.input`", "`spice.inputs`"]),
        ("[vary]", "[measure]\nspecs_lsb = [1.0]\n[vary]", ["`measure` has no effect beside `spice`"]),
        ("[vary]", '[report]\nfigures = ["trend"]\n[vary]', ["`report` has no effect beside `spice`"]),
        ("[vary]", "[comparator]\nsigma_noise_V = 0.001\n[vary]", ["`comparator.sigma_noise_V`", "temporal noise"]),
        ("[vary]", "[ramp]\nsigma_jitter_ns = 0.001\n[vary]", ["`ramp.sigma_jitter_ns`", "temporal noise"]),
        ("[vary]", "[device]\nsigma_read_uS = 1.0\n[vary]", ["`device.sigma_read_uS`", "n_reads"]),
        ("[vary]", "[array]\nn_columns = 8\n[mac]\nsigma_offset_V = 0.001\n[vary]", ["`array.n_columns`", "one ramp"]),
    ],
    ids=lambda value: None if isinstance(value, list) else value.replace("\n", " "),
)
def test_what_would_have_no_effect_is_refused(study_file, old, new, words):
    with pytest.raises(InputError) as refused:
        load_study(edited(study_file, old, new))
    for word in [str(study_file), *words]:
        assert word in str(refused.value)


def test_read_noise_may_stand_where_calibrations_measure(study_file):
    edited(study_file, "pulse_grid = 4", 'pulse_grid = 4\nn_reads = 2\n[design]\ncalibration = "ramp_aware"')
    study_file.write_text(study_file.read_text() + "[device]\nsigma_read_uS = 1.0\n")
    assert len(load_study(study_file).points()) == 3


def test_spice_keys_need_the_section(tmp_path, study_file):
    assert load_study(study_file, ["spice.inputs=9"]).spice.inputs == 9
    other = tmp_path / "other.toml"
    other.write_text("samples = 2\n")
    with pytest.raises(InputError, match="section \\[spice\\]"):
        load_study(other, ["spice.inputs=9"])


def test_an_empty_section_has_the_tolerances_of_a_check(study_file):
    given = load_study(edited(study_file, "inputs = 4\n", "")).spice
    assert given == SpiceConfig()
    assert (given.tolerance_lsb, given.tolerance_clocks) == dataclasses.astuple(spice.Tolerances())[:2]
    assert (MOST_CHIPS, MOST_INPUTS) == (spice.MOST_SAMPLES, spice.MOST_INPUTS)


def test_other_studies_rest_on_what_they_did(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text("samples = 2\n")
    assert "spice" not in plan_study(load_study(path)).configuration


def test_configuration_has_no_measures(study_file):
    configuration = plan_study(load_study(study_file)).configuration
    assert configuration["spice"] == {"inputs": 4, "tolerance_lsb": 0.01, "tolerance_clocks": 0.05}
    assert not {"measure", "report", "samples", "seed", "title"} & set(configuration)


def test_nothing_is_written_without_ngspice(study_file, tmp_path, refused, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "`ngspice` is not on PATH" in refused("study", "run", study_file, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tables(finished):
    _, out, outcome = finished
    points = pd.read_csv(out / "agreement.csv").set_index("case")
    assert list(points.index) == ["plain", "gain", "late"]
    assert (points["n_samples"] == 2).all()
    assert (points["passed"] == 1).all()
    assert (points["worst_level_lsb"] < 0.01).all()
    assert (points["p95_level_lsb"] <= points["worst_level_lsb"]).all()
    assert (points["inputs_compared"] <= 8).all()
    assert (points["inputs_with_another_code"] == 0).all()
    assert points.loc["gain", "effect_lsb"] > 0.1
    assert points.loc["late", "effect_clocks"] == pytest.approx(0.4, abs=0.05)
    levels = pd.read_csv(out / "levels.csv.gz")
    worst = levels.assign(off=levels["error_local_lsb"].abs()).groupby("case")["off"].max()
    for case, row in points.iterrows():
        assert worst[case] == pytest.approx(row["worst_level_lsb"], rel=1e-4)
    assert len(levels) == 3 * 2 * levels["level"].max()
    assert outcome.answer.startswith("3 of 3 cases agree with ngspice")
    assert outcome.statistics == []


def test_provenance_has_ngspice(finished):
    _, out, _ = finished
    record = json.loads((out / "provenance.json").read_text())
    assert record["versions"]["ngspice"]
    assert record["report"]["kind"] == "agreement"
    assert record["configuration"]["spice"]["inputs"] == 4


def test_report_draws_the_same_again(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[1], copy)
    before = (copy / "report.html").read_bytes()
    (copy / "report.html").unlink()
    assert render_report(copy).read_bytes() == before
    for name in ("agreement.png", "levels.png"):
        assert (copy / "figures" / name).read_bytes() == (finished[1] / "figures" / name).read_bytes()


def test_a_finished_run_simulates_nothing_again_and_may_grow(finished, tmp_path, monkeypatch):
    path, out, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    before = (copy / "agreement.csv").read_bytes()
    ran = []

    def note(design, seed, sample, *, n_inputs):
        ran.append(sample)
        return compare.compare_chip(design, seed, sample, n_inputs=n_inputs)

    monkeypatch.setattr(spice_runner, "compare_chip", note)
    run_file(path, copy, resume=True)
    assert ran == []
    assert (copy / "agreement.csv").read_bytes() == before
    (copy / "chunks" / "point_00001" / "chip_000000.npz").write_bytes(b"half")
    run_file(path, copy, ["samples=3"], resume=True)
    assert sorted(ran) == [0, 2, 2, 2]


def test_another_ngspice_cannot_continue(finished, tmp_path, monkeypatch):
    path, out, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    monkeypatch.setattr(spice_runner, "ngspice_version", lambda: "0")
    with pytest.raises(InputError, match=r"versions\.ngspice"):
        run_file(path, copy, resume=True)


@needs_ngspice
def test_a_chip_that_fails_is_named_and_what_is_finished_stays(study_file, tmp_path, monkeypatch):
    def fail(design, seed, sample, *, n_inputs):
        if design.circuit.ramp.opamp_gain is not None:
            raise InputError("ngspice could not simulate the netlist (no reason).")
        return compare.compare_chip(design, seed, sample, n_inputs=n_inputs)

    monkeypatch.setattr(spice_runner, "compare_chip", fail)
    with pytest.raises(InputError, match=r"case = gain: ngspice could not"):
        run_file(study_file, tmp_path / "out")
    assert not (tmp_path / "out" / "agreement.csv").exists()
    monkeypatch.undo()
    run_file(study_file, tmp_path / "out", resume=True)
    assert (tmp_path / "out" / "agreement.csv").exists()


def test_without_sources_the_programming_error_is_left(study_file):
    study = load_study(study_file)
    designs = closed_designs(study.points())
    plain, gain, late = (without_sources(designs[number]) for number in range(3))
    assert not any(plain.device.sigma_prog_uS)
    assert any(gain.device.sigma_prog_uS)
    assert gain.circuit.ramp.opamp_gain is None
    assert late.circuit.comparator.t_delay_ns == 0


def test_effect_of_an_offset_of_known_size(study_file):
    """A read voltage 10 % up moves every level, in volts, by a tenth of what it is."""
    edited(study_file, '"ramp.opamp_gain" = 100.0', '"operation.v_read_change_rel" = 0.1')
    design = closed_designs(load_study(study_file).points())[1]
    chip = compare.sample_chip(design, 1, 0)
    moved = effect(design, chip, np.zeros(1), 1, 0)
    held_V = design.v_ramp_V + chip.ramp.held_V
    expected = (0.1 * np.abs(held_V) / compare.local_steps(design.v_ramp_V)).max()
    assert moved.lsb == pytest.approx(expected, rel=1e-4)


def test_a_chip_on_disk_reads_back(finished, tmp_path):
    held = ChipStore(finished[1] / "chunks" / "point_00002").load(1)
    assert isinstance(held, Compared)
    store = ChipStore(tmp_path)
    store.save(held)
    again = store.load(1)
    for item in dataclasses.fields(compare.ChipComparison):
        np.testing.assert_array_equal(getattr(again.chip, item.name), getattr(held.chip, item.name))
        assert type(getattr(again.chip, item.name)) is type(getattr(held.chip, item.name))
    assert (again.effect_lsb, again.effect_clocks) == (held.effect_lsb, held.effect_clocks)
    assert store.load(0) is None
