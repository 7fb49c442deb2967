"""The benchmark against ngspice at sizes too small to time anything."""

import json
import shutil
import sys

import pytest

from rampjax import cli
from rampjax.bench.spice import SETTINGS, make_spice_design, run_spice_bench
from rampjax.bench.text import spice_bench_text
from rampjax.checks import InputError

LISTS = (
    *("spice_bits", "ngspice_chips", "ngspice_chips_per_s", "ngspice_s_per_chip", "engine_chips"),
    *("engine_chips_per_s", "engine_median_chips_per_s", "engine_first_call_s", "engine_vs_ngspice", "worst_level_lsb"),
)


@pytest.fixture(scope="module")
def record():
    if shutil.which("ngspice") is None:
        pytest.skip("ngspice is not on PATH")
    steps = []
    made = run_spice_bench(3, 0.01, lambda done, total, text: steps.append((done, total)), scale=1e-3)
    assert steps == [(0, 2), (1, 2), (2, 2)]
    return made


def test_record_is_flat_and_strict(record):
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    for key, value in record.items():
        items = value if isinstance(value, list) else [value]
        assert items, key
        assert all(type(item) in (int, float, str) for item in items), key
    assert {len(record[key]) for key in LISTS} == {1}


def test_both_answer_the_same(record):
    assert record["worst_level_lsb"][0] < 0.01
    ratio = record["engine_chips_per_s"][0] / record["ngspice_chips_per_s"][0]
    assert record["engine_vs_ngspice"][0] == pytest.approx(ratio, rel=2e-3)


def test_text(record):
    text = spice_bench_text(record)
    assert f"ngspice {record['ngspice_version']}" in text
    assert "\n   3 " in text
    assert max(map(len, text.splitlines()[2:])) <= 110
    for setting in SETTINGS:
        assert setting in " ".join(text.split())


def test_the_column_has_every_error_that_it_says():
    ramp = make_spice_design(3).circuit.ramp
    assert (ramp.opamp_gain, ramp.tau_settle_ns, ramp.r_wire_MOhm, ramp.q_inj_fC) == (1000.0, 0.1, 1e-6, 0.02)


@pytest.mark.parametrize(("bits", "seconds", "words"), [(1, 1.0, "`bits`"), (11, 1.0, "`bits`"), (5, 0.0, "`seconds`")])
def test_wrong_numbers_are_refused(bits, seconds, words):
    with pytest.raises(InputError, match=words):
        run_spice_bench(bits, seconds)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--spice"], "`ngspice` is not on PATH"),
        (["--spice", "--solver"], "--spice has no effect with --solver"),
        (["--spice", "--designs", "4"], "--designs has no effect without --solver"),
        (["--designs", "4"], "--designs has no effect without --solver"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_command_refuses_in_one_sentence(arguments, words, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["rampjax", "bench", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
