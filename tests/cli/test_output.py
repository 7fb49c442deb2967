"""What the command line prints and writes."""

import itertools
import json
import math
import re
from pathlib import Path

import pytest
from commands import Run, strict


@pytest.mark.parametrize("arguments", [[], ["study"]])
def test_no_command_shows_help(rampjax: Run, arguments: list[str]) -> None:
    done = rampjax(*arguments)
    assert done.status in (0, 2)
    assert "Commands:" in done.out + done.err


def test_help_says_clock_and_unit(rampjax: Run) -> None:
    for command in ("yield", "design"):
        text = rampjax(command, "--help").out
        for word in ("static", "temporal", "device-to-device", "cycle-to-cycle", "µS", "percent", "--range=-4:4"):
            assert word in text


DESIGN_KEYS = """schema_version function bits levels device overrides calibration x_lo x_hi lsb thresholds codes outputs
scale_V v_ramp_V g_target_uS t_pulse_ns t_clk_ns pulse_grid ramp_time_ns start_V v_read_V c_int_fF rmse_lsb"""
YIELD_KEYS = "yield_fraction failure_probability ci_low ci_high n_samples mean_max_inl_lsb noise_rms_lsb spec seed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["sigmoid", "--bits", "5"],
        ["gelu", "--levels", "zero"],
        ["sin", "--levels", "endpoint", "--bits", "7", "--set", "device.sigma_prog_uS=4.0"],
        ["x*tanh(softplus(x))", "--range=-4:4", "--bits", "6", "--calibration", "redundant:4+ramp_aware"],
        ["--table", "table.csv", "--device", "hku_hpe_taox_2026"],
    ],
    ids=lambda value: " ".join(value),
)
def test_design_json(rampjax: Run, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "table.csv").write_text("x,y\n-1,0\n0.5,1\n2,0.25\n3,0.5\n")
    done = rampjax("design", *arguments, "--json")
    assert (done.status, done.err) == (0, "")
    record = strict(done.out)
    assert set(DESIGN_KEYS.split()) <= set(record)
    k = len(record["thresholds"])
    assert sorted(record["thresholds"]) == record["thresholds"]
    assert len(record["v_ramp_V"]) == k
    assert len(record["codes"]) == len(record["outputs"]) == k + 1
    assert len(record["g_target_uS"]) == len(record["t_pulse_ns"]) == k - 1
    assert all(isinstance(code, int) for code in record["codes"])
    assert all(abs(b - a) == 1 for a, b in zip(record["codes"], record["codes"][1:], strict=False))
    # The ramp that a reader rebuilds: each step's charge on the capacitor (µS V ns / fF = V).
    steps = [
        g * record["v_read_V"] * t / record["c_int_fF"]
        for g, t in zip(record["g_target_uS"], record["t_pulse_ns"], strict=True)
    ]
    assert record["start_V"] == pytest.approx(record["v_ramp_V"][0])
    for n, v in enumerate(record["v_ramp_V"]):
        assert record["start_V"] + sum(steps[:n]) == pytest.approx(v, abs=1e-9)
        assert record["thresholds"][n] * record["scale_V"] == pytest.approx(v, abs=1e-9)


def test_infinite_range_is_null(rampjax: Run) -> None:
    record = strict(rampjax("design", "sigmoid", "--json").out)
    assert (record["x_lo"], record["x_hi"]) == (None, None)
    listed = strict(rampjax("functions", "--json").out)
    assert listed["x_lo"][listed["functions"].index("sigmoid")] is None
    assert listed["x_hi"][listed["functions"].index("sqrt")] == 4


def test_calibration_is_spelled_one_way(rampjax: Run) -> None:
    records = [
        strict(rampjax("design", "tanh", "--calibration", text, "--json").out)
        for text in ("redundant:3+one_point+ramp_aware", "ramp_aware+one_point+redundant:3")
    ]
    assert records[0] == records[1]


@pytest.mark.parametrize("measure", ["static", "total"])
def test_yield_json(rampjax: Run, tmp_path: Path, measure: str) -> None:
    arguments = ["yield", "tanh", "--samples", "300", "--spec", "0.6", "--measure", measure, "--seed", "3", "--json"]
    done = rampjax(*arguments, "--set", "device.sigma_prog_uS=4.0")
    assert done.status == 0
    assert done.out.count("\n") == 1
    assert re.search(r"300 of 300 chips in \d+:\d\d:\d\d", done.err)  # progress
    record = strict(done.out)
    assert set(YIELD_KEYS.split()) <= set(record)
    assert 0 <= record["ci_low"] <= record["yield_fraction"] <= record["ci_high"] <= 1
    assert record["failure_probability"] == pytest.approx(1 - record["yield_fraction"])
    assert (record["n_samples"], record["spec"], record["seed"]) == (300, 0.6, 3)
    assert record["overrides"] == ["device.sigma_prog_uS=4.0"]
    assert list(tmp_path.iterdir()) == []
    again = rampjax(*arguments, "--set", "device.sigma_prog_uS=4.0")
    assert again.out == done.out


def test_one_chip_has_no_interval(rampjax: Run) -> None:
    record = strict(rampjax("yield", "tanh", "--samples", "1", "--json").out)
    assert record["mean_max_inl_lsb_ci_low"] is None
    assert record["mean_max_inl_lsb_ci_high"] is None


def test_yield_text_shows_noise_beside_inl(rampjax: Run) -> None:
    done = rampjax("yield", "tanh", "--samples", "300")
    assert done.status == 0
    for line in done.out.splitlines():
        if "mean worst INL" in line:
            assert "noise" in line
            break
    else:
        raise AssertionError(done.out)


def test_expression_equals_the_named_function(rampjax: Run) -> None:
    options = ["--samples", "256", "--range=-4:4", "--json"]
    named, spelled = (strict(rampjax("yield", *given, *options).out) for given in (["tanh"], ["--expr", "tanh(x)"]))
    assert named["yield_fraction"] == spelled["yield_fraction"]
    assert named["mean_max_inl_lsb"] == pytest.approx(spelled["mean_max_inl_lsb"], rel=1e-4)


def test_note_where_a_composition_is_worse(rampjax: Run) -> None:
    done = rampjax("yield", "gelu", "--samples", "256", "--calibration", "one_point+ramp_aware", "--json")
    assert done.status == 0
    strict(done.out)
    assert "`ramp_aware+one_point` is worse than `ramp_aware`" in done.err


def test_design_writes_what_it_prints(rampjax: Run, tmp_path: Path) -> None:
    done = rampjax("design", "tanh", "--bits", "3", "--out", "new/folder", "--json")
    written = json.loads((tmp_path / "new/folder/design.json").read_text())
    assert written == strict(done.out)
    assert {path.name for path in (tmp_path / "new/folder/figures").iterdir()} == {"transfer.png", "ramp.png"}


def test_design_text(rampjax: Run) -> None:
    text = rampjax("design", "sigmoid", "--bits", "8").out
    assert "[-inf, inf]" in text
    assert "g (µS)" in text
    assert "--json lists all" in text
    assert len(text.splitlines()) < 60


@pytest.mark.parametrize(("function", "range_"), [("tanh(1e4*(x-1.1e-3))", "1e-3:1.2e-3"), ("tanh(x-1e3)", "996:1004")])
def test_a_narrow_range_is_printed_with_the_digits_that_it_needs(rampjax: Run, function: str, range_: str) -> None:
    options = (function, f"--range={range_}", "--bits", "4")
    thresholds = strict(rampjax("design", *options, "--json").out)["thresholds"]
    lines = rampjax("design", *options).out.splitlines()
    assert f"[{', '.join(f'{float(end):.12g}' for end in range_.split(':'))}]" in lines[0]
    rows = [line.split() for line in lines if line[:4].strip().isdigit()]
    shown = [float(rows[0][1]), *(float(row[2]) for row in rows)]
    steps = [high - low for low, high in itertools.pairwise(thresholds)]
    assert shown == pytest.approx(thresholds, rel=0, abs=0.02 * min(steps))


def test_a_design_says_which_targets_are_low_and_which_are_faint(rampjax: Run) -> None:
    """Of the 254 targets of the default design 134 are below 4.625 µS and 50 below 3.5 µS."""
    record = strict(rampjax("design", "sigmoid", "--bits", "8", "--json").out)
    n_low, n_faint = (sum(g < bound for g in record["g_target_uS"]) for bound in (4.625, 3.5))
    text = rampjax("design", "sigmoid", "--bits", "8").out
    assert f"low targets      {n_low} below 4.625 µS, the window of write-verify" in text
    assert f"faint targets    {n_faint} below their own read noise" in text
    quiet = ["--set", "device.sigma_read_uS=0", "--set", "programming.mode=write_verify"]
    for arguments in (["--bits", "5"], ["--bits", "8", *quiet]):
        assert " targets  " not in rampjax("design", "sigmoid", *arguments).out


def test_a_curve_of_another_form_is_printed_flat(rampjax: Run) -> None:
    pcm = strict(rampjax("devices", "ibm_pcm", "--json").out)
    assert pcm["sigma_slow_uS"] == ["power_law", 0.22, 0.35, 25.0]
    assert pcm["sigma_drift_nu"] == [-0.0125, -0.0059, 0.008, 0.045]
    assert strict(rampjax("devices", "ibm_cmo_hfox", "--json").out)["sigma_read_uS"][:3] == ["table", 9.0, 0.0959]
    assert "sigma_slow_uS = 0.22 (g / 25 µS)^0.35" in rampjax("devices", "ibm_pcm").out


def test_lists(rampjax: Run, tmp_path: Path) -> None:
    assert "1/(1 + exp(-x))" in rampjax("functions").out
    assert "taox_paper" in rampjax("devices").out
    fields = rampjax("devices", "taox_paper").out
    for word in ("sigma_prog_uS", "static", "cycle-to-cycle", "not percent", "assumed"):
        assert word in fields
    assert strict(rampjax("devices", "taox_paper", "--json").out)["sigma_prog_uS"][0] == pytest.approx(2.67)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/one.toml").write_text('title = "Is it?"\nsamples = 7\n[vary]\nbits = [3, 4]\n')
    assert re.search(r"one\.toml +2 +7 +Is it\?", rampjax("study", "list").out)
    assert strict(rampjax("study", "list", "studies", "--json").out)["points"] == [2]


@pytest.mark.parametrize("name", sorted(("taox_paper", "hku_hpe_taox_2026", "neurram_2022")))
def test_every_preset_designs_a_sigmoid(rampjax: Run, name: str) -> None:
    record = strict(rampjax("design", "tanh", "--bits", "4", "--device", name, "--range=-2:2", "--json").out)
    assert record["device"] == name
    assert all(math.isfinite(g) for g in record["g_target_uS"])


def test_design_text_of_a_column_run_at_fewer_bits_and_of_bias_devices(rampjax: Run) -> None:
    settings = ("--set", "design.column_bits=5", "--set", "circuit.pulse_grid=4", "--calibration", "one_point_bias")
    done = rampjax("design", "sigmoid", "--bits", "3", *settings)
    assert "of 5 bits" in done.out
    assert "5 bias devices of 141.9 µS, 1 ns each" in done.out
    rows = [line.split() for line in done.out.splitlines() if line[:4].strip().isdigit()]
    assert len(rows) == 30
    # Every fourth of the 31 levels of 5 bits is a threshold of 3 bits.
    assert [row[3] for row in rows if len(row) == 6] == [str(code) for code in range(1, 8)]
