"""The command line as a user meets it: what is refused and how, what is printed, what is written."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rampjax import cli

MAIN = "from rampjax.cli import main; main()"


class Done(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def rampjax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, in a temporary folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["rampjax", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        code = stop.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capsys.readouterr())

    return run


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def strict(text: str) -> dict[str, Any]:
    """Parses one strict JSON object of bare values."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    record = json.loads(text, parse_constant=refuse)
    assert isinstance(record, dict)
    for value in record.values():
        for item in value if isinstance(value, list) else [value]:
            assert item is None or isinstance(item, int | float | str)
    return record


FILES = {
    "nan.csv": "x,y\n0,0\n1,nan\n2,1\n",
    "one.csv": "x,y\n0,0\n",
    "unsorted.csv": "x,y\n0,0\n2,1\n1,3\n",
    "repeated.csv": "x,y\n0,0\n1,1\n1,3\n",
    "empty.csv": "",
    "empty.toml": "",
    "malformed.toml": 'title = "t"\nseed = = 3\n',
    "wrong.toml": 'title = "t"\nsamples = "many"\n',
    "key.toml": 'title = "t"\nsmaples = 5\n',
    "vary.toml": 'title = "t"\n[vary]\nbits = [3, 17]\n',
    "cannot.toml": 'title = "t"\nsamples = 5\n[device]\npreset = "ihp_hfo2_milo"\n[vary]\nbits = [2, 5]\n',
    "good.toml": 'title = "t"\nsamples = 5\n[report]\nfigures = []\n',
    "file": "not a folder\n",
    "full/notes.txt": "not a study\n",
}

REFUSED: list[tuple[list[str], list[str]]] = [
    # functions
    (["yield", "sigmod"], ["sigmod", "sigmoid"]),
    (["design", "--expr", "sigmod(x)"], ["sigmod"]),
    (["yield", "__import__('os').system('id')"], ["__import__"]),
    (["yield", "9**9**9**9**9"], ["9**9", "not finite"]),
    (["design", "x + 9**9**9**9**9"], ["9**9"]),
    (["design", "--expr", "(" * 400 + "x" + ")" * 400], ["expression"]),
    (["design", "3"], ["`3`"]),
    (["design", ""], ["function"]),
    (["yield"], ["FUNCTION", "--expr", "--table"]),
    (["design"], ["FUNCTION", "--expr", "--table"]),
    (["design", "sigmoid", "--expr", "x"], ["FUNCTION", "--expr", "--table"]),
    (["design", "--expr", "x", "--table", "one.csv"], ["FUNCTION", "--expr", "--table"]),
    (["design", "sigmoid", "tanh"], ["tanh"]),
    (["design", "1/x"], ["x = "]),
    (["design", "log(x)", "--range=-1:1"], ["x = -1"]),
    (["design", "gelu", "--range=-inf:inf"], ["gelu"]),
    # bits, range, levels, calibration
    *((["yield", "sigmoid", "--bits", bits], ["bits", bits]) for bits in ("0", "1", "17", "-3", "abc", "5.5")),
    *(
        (["yield", "sigmoid", f"--range={given}"], ["range", given])
        for given in ("1:1", "4:-4", "nan:1", "a", "1", "1:2:3", "")
    ),
    (["design", "sigmoid", "--levels", "middle"], ["levels", "middle"]),
    (["design", "relu", "--range=1:2", "--levels", "zero"], ["zero"]),
    (["design", "sigmoid", "--calibration", "one_pont"], ["one_pont", "one_point"]),
    (["design", "sigmoid", "--calibration", "redundant:0"], ["redundant:0"]),
    (["design", "sigmoid", "--calibration", "one_point+two_point"], ["two_point"]),
    # tables
    (["yield", "--table", "none.csv"], ["none.csv"]),
    (["yield", "none.csv"], ["none.csv"]),
    (["yield", "--table", "full"], ["full"]),
    (["yield", "--table", "nan.csv"], ["nan.csv", "line 3"]),
    (["yield", "--table", "one.csv"], ["one.csv", "two rows"]),
    (["yield", "--table", "unsorted.csv"], ["unsorted.csv", "line 4"]),
    (["yield", "--table", "repeated.csv"], ["repeated.csv", "line 4"]),
    (["yield", "--table", "empty.csv"], ["empty.csv"]),
    # device and keys
    (["yield", "sigmoid", "--device", "taox"], ["taox", "taox_paper"]),
    (["devices", "taox"], ["taox", "taox_paper"]),
    (["devices", "none.toml"], ["none.toml"]),
    (["yield", "sigmoid", "--set", "device.sigma_prg_uS=3"], ["device.sigma_prg_uS", "device.sigma_prog_uS"]),
    (["yield", "sigmoid", "--set", "sigma=3"], ["sigma"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS"], ["KEY=VALUE"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS=-1"], ["device.sigma_prog_uS", "-1"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS=nan"], ["device.sigma_prog_uS"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS='a'"], ["device.sigma_prog_uS"]),
    (["yield", "sigmoid", "--set", "circuit.n_reads=1.5"], ["circuit.n_reads"]),
    (["yield", "sigmoid", "--set", "design.bits=99"], ["design.bits", "99"]),
    (["yield", "sigmoid", "--set", "measure.confidence=0.9"], ["measure.confidence"]),
    (["design", "sigmoid", "--device", "ihp_hfo2_milo", "--bits", "5"], ["ihp_hfo2_milo", "step 16", "11.21 µS"]),
    # numbers
    *((["yield", "sigmoid", "--samples", n, "--out", "new"], ["samples", n]) for n in ("0", "-5", "many")),
    *((["yield", "sigmoid", "--samples", n], ["samples", n]) for n in ("0", "99999999999999999999")),
    *((["yield", "sigmoid", "--seed", n, "--out", "new"], ["seed", n]) for n in ("-1", "9223372036854775808", "x")),
    *((["yield", "sigmoid", "--seed", "-1"], ["seed", "-1"]) for _ in range(1)),
    *((["design", "sigmoid", "--seed", "-1", *out], ["seed", "-1"]) for out in ([], ["--out", "new"])),
    *(
        (["yield", "sigmoid", "--spec", spec, "--out", "new"], ["spec", spec])
        for spec in ("0", "nan", "-1", "inf", "y")
    ),
    (["yield", "sigmoid", "--measure", "dynamic", "--out", "new"], ["measure", "dynamic"]),
    # folders
    *(
        ([command, "sigmoid", "--out", out], [out])
        for command in ("yield", "design")
        for out in ("file", "file/below", "file/far/below", "full")
    ),
    *((["study", "run", "good.toml", "--out", out], [out]) for out in ("file", "file/below", "full")),
    (["study", "run", "good.toml", "--out", "full", "--resume"], ["full", "provenance.json"]),
    # studies
    (["study", "run", "none.toml"], ["none.toml"]),
    (["study", "run", "full"], ["full"]),
    (["study", "run", "empty.toml"], ["empty.toml", "empty"]),
    (["study", "run", "malformed.toml"], ["malformed.toml", "line 2"]),
    (["study", "run", "wrong.toml"], ["wrong.toml", "samples", "integer", "many"]),
    (["study", "run", "key.toml"], ["key.toml", "smaples", "samples"]),
    (["study", "run", "vary.toml"], ["vary.toml", "vary.bits", "17"]),
    (["study", "run", "cannot.toml"], ["ihp_hfo2_milo", "bits = 5"]),
    (["study", "run", "good.toml", "--samples", "0"], ["samples", "0"]),
    (["study", "run", "good.toml", "--seed", "-1"], ["seed", "-1"]),
    (["study", "run", "good.toml", "--set", "measure.spec_lsb=[1.0]"], ["measure.spec_lsb", "measure.specs_lsb"]),
    (["study", "list", "none"], ["none"]),
    (["study", "list", "full"], ["full"]),
    (["report", "full"], ["full"]),
    (["report", "none"], ["none"]),
    (["report", "file"], ["file"]),
    # typer's own
    (["yield", "sigmoid", "--colour", "1"], ["--colour"]),
    (["design", "sigmoid", "--samples", "5"], ["--samples"]),
    (["yield", "sigmoid", "--bits"], ["--bits"]),
    (["yeld", "sigmoid"], ["yeld", "yield"]),
    (["study", "rum"], ["rum", "run"]),
    (["study", "run"], ["FILE"]),
    (["report"], ["DIR"]),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: " ".join(value)[:60] or "-")
def test_bad_input_is_one_sentence(rampjax: Run, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    before = contents(tmp_path)
    done = rampjax(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert re.fullmatch(r"rampjax: [^\n]+[.?]\n", done.err), done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert contents(tmp_path) == before


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
    assert re.search(r"300 of 300 chips in .*/s", done.err)  # progress
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


def test_pipe_that_closes_is_no_traceback() -> None:
    command = f'"{sys.executable}" -c "{MAIN}" functions | true'
    done = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_console_without_greek() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "devices", "taox_paper"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_interrupt_is_no_traceback(tmp_path: Path) -> None:
    arguments = ["yield", "sigmoid", "--samples", "100000000", "--out", str(tmp_path / "out")]
    with subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("out/chunks/*/chunk_*.npz")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("rampjax: interrupted; a study continues with --resume.\n")


def test_design_text_of_a_column_run_at_fewer_bits_and_of_bias_devices(rampjax: Run) -> None:
    settings = ("--set", "design.column_bits=5", "--set", "circuit.pulse_grid=4", "--calibration", "one_point_bias")
    done = rampjax("design", "sigmoid", "--bits", "3", *settings)
    assert "of 5 bits" in done.out
    assert "5 bias devices of 141.9 µS, 1 ns each" in done.out
    rows = [line.split() for line in done.out.splitlines() if line[:4].strip().isdigit()]
    assert len(rows) == 30
    # Every fourth of the 31 levels of 5 bits is a threshold of 3 bits.
    assert [row[3] for row in rows if len(row) == 6] == [str(code) for code in range(1, 8)]
