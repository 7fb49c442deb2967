"""One design on many chips, from the command line's side and from Python's."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import rampjax as rj
from rampjax.checks import InputError
from rampjax.config.points import point_from_options
from rampjax.report.text import yield_text
from rampjax.study.notes import assumptions, measurement_note
from rampjax.study.runner import simulate
from rampjax.study.single import run_design, run_yield
from rampjax.study.tables import Measurement

SIGMA = "device.sigma_prog_uS=4.0"


def test_yield_of_a_folder_equals_that_without(tmp_path):
    point = point_from_options("tanh", 4, overrides=[SIGMA])
    told = []
    record = run_yield(point, [SIGMA], spec_lsb=0.3, samples=200, seed=7, out=tmp_path / "out", progress=told.append)
    assert record == run_yield(point, [SIGMA], spec_lsb=0.3, samples=200, seed=7)
    assert (told[0], sum(told)) == (0, 200)
    configuration = json.loads((tmp_path / "out" / "provenance.json").read_text())["configuration"]
    assert configuration["device_fields"]["sigma_prog_uS"]["constant"] == 4.0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "tanh" in page
    assert "sigma_prog_uS = 4" in page


def test_yield_equals_the_api():
    record = run_yield(point_from_options("gelu", 4), spec_lsb=0.5, samples=300, seed=3)
    result = rj.simulate(rj.design("gelu", 4), 300, seed=3)
    assert record["yield_fraction"] == result.statistics.yield_at("max_inl_lsb", 0.5)[0]
    assert record["mean_max_inl_lsb"] == pytest.approx(result.statistics.mean("max_inl_lsb"), rel=1e-6)


def test_without_variation_every_chip_is_good():
    still = [f"device.{name}=0.0" for name in ("sigma_prog_uS", "sigma_read_uS", "bias_prog_uS")]
    record = run_yield(point_from_options("sigmoid", 5, overrides=still), still, spec_lsb=0.01, samples=64, seed=1)
    assert (record["yield_fraction"], record["failure_probability"]) == (1.0, 0.0)
    assert record["mean_max_inl_lsb"] < 1e-3
    assert record["noise_rms_lsb"] == 0.0
    assert record["rmse_lsb"] == pytest.approx(12**-0.5, rel=1e-4)
    assert record["total_rmse_lsb"] == pytest.approx(record["rmse_lsb"], rel=1e-6)


def test_measure_total_counts_the_noise():
    point = point_from_options("tanh", 5)
    total = run_yield(point, spec_lsb=0.5, samples=512, seed=1, measure="total")
    quiet = ["device.sigma_read_uS=0.0"]
    still = run_yield(
        point_from_options("tanh", 5, overrides=quiet), spec_lsb=0.5, samples=512, seed=1, measure="total"
    )
    assert total["measure"] == "total_rmse_lsb"
    assert total["yield_fraction"] < still["yield_fraction"]


def lines_of(record):
    return yield_text(record).splitlines()[1:4]


def test_static_and_total_yield_stand_side_by_side():
    point = point_from_options("tanh", 5)
    static, total = (run_yield(point, samples=512, seed=1, measure=measure) for measure in ("static", "total"))
    sides = [f"{kind}_yield_fraction{end}" for kind in ("static", "total") for end in ("", "_ci_low", "_ci_high")]
    assert [static[key] for key in sides] == [total[key] for key in sides]
    statistics = rj.simulate(rj.design("tanh", 5), 512, seed=1).statistics
    for record, kind, measure in ((static, "static", "max_inl_lsb"), (total, "total", "total_rmse_lsb")):
        keys = ("yield_fraction", "ci_low", "ci_high")
        own = tuple(record[key] for key in keys)
        assert own == tuple(record[f"{kind}_yield_fraction{end}"] for end in ("", "_ci_low", "_ci_high"))
        assert own == statistics.yield_at(measure, 0.5)
    assert 0 < static["total_yield_fraction"] < 1
    first, second, _ = lines_of(static)
    assert re.fullmatch(r"\d+ % of 512 chips are within 0.5 LSB static: worst INL \(95 % interval \d+–\d+ %\);", first)
    assert re.fullmatch(r"\d+ % with noise: total RMS error \(\d+–\d+ %\)", second)
    first, second, _ = lines_of(total)
    assert "within 0.5 LSB with noise: total RMS error (95 %" in first
    assert re.fullmatch(r"\d+ % static: worst INL \(\d+–\d+ %\)", second)


def test_without_noise_the_text_says_so():
    quiet = point_from_options("tanh", 4, overrides=["device.sigma_read_uS=0.0"])
    assert lines_of(run_yield(quiet, samples=64, seed=1))[1] == "no temporal noise was simulated"
    lines = lines_of(run_yield(quiet, samples=64, seed=1, measure="total"))
    assert "in all: total RMS error" in lines[0]
    assert lines[2] == "no temporal noise was simulated"
    unknown = run_yield(point_from_options("tanh", 4, device="ihp_hfo2_milo"), samples=64, seed=1)
    assert unknown["read_noise_unknown"] is True
    assert lines_of(unknown)[1] == "the read noise of this device is unknown, and taken as 0"


def test_chips_without_a_missing_code_are_counted(tmp_path):
    stuck = ["device.stuck_off_prob=0.1", "device.g_stuck_off_uS=0.0"]
    point = point_from_options("sigmoid", 5, overrides=stuck)
    options = {"samples": 512, "seed": 1, "measure": "missing-codes"}
    record = run_yield(point, stuck, **options, out=tmp_path / "out")
    counts = rj.simulate(
        rj.design("sigmoid", 5, device=rj.load_device("taox_paper", stuck_off_prob=0.1, g_stuck_off_uS=0.0)),
        512,
        seed=1,
        measures=["missing_codes"],
        save_samples=True,
    ).measures[:, 0]
    assert (record["measure"], record["spec"]) == ("missing_codes", 0.0)
    assert record["yield_fraction"] == np.mean(counts == 0)
    assert 0.01 < record["yield_fraction"] < 0.15
    assert record["static_yield_fraction"] is None
    assert "% of 512 chips have no missing code (95 % interval" in lines_of(record)[0]
    two = run_yield(point, stuck, **options, spec_lsb=2)
    assert two["yield_fraction"] == np.mean(counts <= 2)
    assert "chips have at most 2 missing codes" in lines_of(two)[0]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "have no missing codes?" in page
    curves = pd.read_csv(tmp_path / "out" / "yield_curve.csv")
    assert curves["spec_lsb"].tolist() == list(range(len(curves)))
    assert curves["yield_fraction"].tolist() == pytest.approx(
        [np.mean(counts <= n) for n in range(len(curves))], rel=1e-5
    )
    with pytest.raises(InputError, match=r"whole number of missing codes from 0, but is 0\.5"):
        run_yield(point, stuck, **options, spec_lsb=0.5)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"spec_lsb": 0.0}, "spec"),
        ({"spec_lsb": float("nan")}, "spec"),
        ({"samples": 0}, "samples"),
        ({"seed": 2**63}, "seed"),
        ({"measure": "statc"}, "static"),
    ],
)
def test_wrong_numbers_leave_no_folder(tmp_path, wrong, match):
    options = {"spec_lsb": 0.5, "samples": 10, "seed": 1, **wrong}
    with pytest.raises(InputError, match=match):
        run_yield(point_from_options("tanh", 3), out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_design_file_rebuilds_the_chips():
    record = run_design(point_from_options("gelu", 4, "zero", "-3:3", "ramp_aware", overrides=[SIGMA]), [SIGMA], seed=1)
    (override,) = record["overrides"]
    key, value = override.split("=")
    device = rj.load_device(record["device"], **{key.removeprefix("device."): float(value)})
    design = rj.design(
        record["function"],
        record["bits"],
        device=device,
        calibration=record["calibration"],
        levels=record["levels"],
        x_range=(record["x_lo"], record["x_hi"]),
    )
    assert design.g_target_uS.tolist() == record["g_target_uS"]
    assert list(device.sigma_prog_uS) == record["sigma_prog_uS"]
    measurement = Measurement(("max_inl_lsb",), "max_inl_lsb", (0.5,))
    kept = simulate(design, measurement, n_samples=3, seed=2).kept
    assert kept.shape[0] == 3
    assert np.isfinite(kept[:, 0, : len(record["thresholds"])]).all()


@pytest.mark.parametrize(
    "overrides",
    [["device.stuck_off_prob=1.0"], [f"device.{n}=0.0" for n in ("sigma_prog_uS", "sigma_read_uS", "bias_prog_uS")]],
    ids=["every device stuck", "no variation"],
)
def test_page_of_a_single_chip(tmp_path, overrides):
    point = point_from_options("tanh", 3, overrides=overrides)
    record = run_yield(point, overrides, spec_lsb=0.5, samples=1, seed=1, out=tmp_path / "out")
    assert (record["mean_max_inl_lsb_ci_low"], record["mean_max_inl_lsb_ci_high"]) == (None, None)
    assert (tmp_path / "out" / "report.html").is_file()


def test_wide_columns_have_smaller_chunks(monkeypatch):
    asked = {}

    def note(model, params, **options):
        asked[model.width] = options["chunk_samples"]

    monkeypatch.setattr("rampjax.study.runner.run", note)
    measurement = Measurement(("rmse_lsb",), "rmse_lsb", (0.5,))
    for bits in (5, 10, 12):
        simulate(rj.design("sigmoid", bits), measurement, n_samples=1, seed=1)
    sizes = [asked[width] for width in sorted(asked)]
    assert sizes[0] == 65_536
    assert sizes == sorted(sizes, reverse=True)
    assert all(size >= 2_048 for size in sizes)


def test_notes_say_clock_and_unit():
    points = [point_from_options("tanh", 4, overrides=["comparator.sigma_offset_V=0.002", "circuit.n_reads=4"])]
    notes = assumptions(points)
    assert any("sigma_prog_uS = 2.67" in note and "static" in note and "µS" in note for note in notes)
    assert any("sigma_read_uS" in note and "temporal" in note for note in notes)
    assert any("sigma_offset_V = 0.002" in note and "static" in note for note in notes)
    assert not any("stuck" in note for note in notes[:-1])
    assert "stuck_off_prob" in notes[-1]
    assert "sigma_offset_V" not in notes[-1]
    assert "n_reads = 4" in measurement_note(points)
    assert "free of noise" in measurement_note([point_from_options("tanh", 4)])


def test_api_study(tmp_path, tiny, finished, tables_of):
    page = rj.run_study(tiny, tmp_path / "out")
    assert page == tmp_path / "out" / "report.html"
    assert tables_of(tmp_path / "out") == tables_of(finished.folder)
    with pytest.raises(InputError, match="new or empty"):
        rj.run_study(str(tiny), str(tmp_path / "out"))
    with pytest.raises(InputError, match="measures"):
        rj.simulate(rj.design("tanh", 3), 10, measures=["max_inl"])


def test_what_a_yield_cannot_be_judged_without_is_always_there():
    written = run_yield(
        point_from_options("sigmoid", 4, overrides=["programming.mode=write_verify", "device.write_max_pulses=2"]),
        spec_lsb=0.5,
        samples=300,
        seed=1,
    )
    assert written["n_unverified"] > 5
    assert 0 < written["write_pulses"] <= 2 * 14
    strobed = run_yield(
        point_from_options("sigmoid", 4, overrides=["comparator.kind=strobed", "comparator.tau_latch_ns=0.2"]),
        spec_lsb=0.5,
        samples=300,
        seed=1,
    )
    assert strobed["metastable_probability"] > 0.05
    assert "metastable" in yield_text(strobed)
    assert "not verified" in yield_text(written)


def test_the_text_says_what_a_chip_is():
    overrides = ["array.n_columns=8", "array.n_spare=2", "comparator.sigma_offset_V=0.01"]
    array = run_yield(point_from_options("sigmoid", 4, overrides=overrides), spec_lsb=0.5, samples=300, seed=1)
    one = run_yield(point_from_options("sigmoid", 4, overrides=overrides[2:]), spec_lsb=0.5, samples=300, seed=1)
    assert "8 columns and 2 spare on one ramp" in yield_text(array)
    assert "a chip is" not in yield_text(one)
    assert (array["n_columns"], array["n_spare"], array["n_ramps"]) == (8, 2, 1)


def test_the_api_reads_writes_and_solves(tmp_path):
    design = rj.design("gelu", 3, inputs="normal:0:1", calibration="ramp_aware")
    path = rj.save_design(design, tmp_path / "folder" / "design.json")
    again = rj.simulate(rj.load_design(path), 64, seed=2)
    assert again.statistics.mean("rmse_lsb") == rj.simulate(design, 64, seed=2).statistics.mean("rmse_lsb")
    with pytest.raises(InputError, match="objective"):
        rj.solve("tanh", 3, objektive="rmse")
    with pytest.raises(InputError, match="`chips`"):
        rj.solve("tanh", 3, chips=0)
    with pytest.raises(InputError, match="inputs"):
        rj.design("tanh", 3, inputs=np.ones(100))


def test_solving_from_python(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "rampjax.solver.solve.solve", lambda problem, settings, **rest: asked.append((problem, settings))
    )
    rj.solve("tanh", 3, objective="yield", spec_lsb=0.25)
    rj.solve("tanh", 3, free=("scale",), inputs="normal:0:1")
    (first, settings), (second, _) = asked
    assert (settings.objective, settings.spec_lsb, first.calibration.text) == ("yield", 0.25, "ramp_aware")
    assert (first.circuit.pulse_grid, second.circuit.pulse_grid) == (16, 1)
    assert second.target.inputs.text == "normal:0:1"


def test_inputs_weigh_the_rms_error():
    even = run_yield(point_from_options("tanh", 4), spec_lsb=0.5, samples=64, seed=1)
    normal = run_yield(point_from_options("tanh", 4, inputs="normal:0:0.3"), spec_lsb=0.5, samples=64, seed=1)
    assert (even["inputs"], normal["inputs"]) == ("output", "normal:0:0.3")
    assert even["mean_max_inl_lsb"] == normal["mean_max_inl_lsb"]
    assert even["rmse_lsb"] != normal["rmse_lsb"]
