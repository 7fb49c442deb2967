"""The SystemVerilog model in Icarus Verilog: its codes are those of the converter, for every input, bit by bit."""

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from converter_tables import MADE, hard_inputs
from verilog_bench import needs_icarus, needs_verilator, simulate

import rampjax as rj
from rampjax.interop.systemverilog import check_module, module_name, systemverilog
from rampjax.interop.table import converter_table

COUNT = 10_000


def run(folder: Path, table, x, ramped=0, module=None):
    name = module or module_name(table)
    return simulate(folder, systemverilog(table, module), name, table.bits, x, ramped)


@needs_icarus
@pytest.mark.parametrize("name", MADE)
def test_codes_of_ten_thousand_inputs_are_those_of_the_converter(tmp_path: Path, name):
    """The table's codes are those of `convert`, see test_table.py; the first inputs run the ramp as well."""
    table = MADE[name]()
    x = hard_inputs(table, COUNT)
    ramped = 20 if name == "10 bits" else min(3 * len(table.thresholds) + 9, 220)
    got = run(tmp_path, table, x, ramped)
    np.testing.assert_array_equal(got.codes, table.convert(x))
    np.testing.assert_array_equal(got.values.view(np.uint64), table.evaluate(x).view(np.uint64))
    np.testing.assert_array_equal(got.ramp_codes, table.convert(x[:ramped]))
    assert set(got.clocks) == {1 + len(table.thresholds)}
    assert set(got.end_V) == {table.scale_V * table.thresholds[-1]}


@needs_icarus
def test_a_function_that_only_rises_takes_two_to_the_bits_clocks(tmp_path: Path):
    got = run(tmp_path, converter_table(rj.design("tanh", 4)), np.array([0.3, np.nan, -np.inf]), 3)
    assert set(got.clocks) == {16}


@needs_icarus
def test_the_comparison_can_fail(tmp_path: Path):
    """A threshold that is one float higher is seen."""
    table = converter_table(rj.design("sigmoid", 5))
    moved = table.thresholds.copy()
    moved[4] = np.nextafter(moved[4], np.inf)
    x = hard_inputs(table, 200)
    got = run(tmp_path, dataclasses.replace(table, thresholds=moved), x)
    assert np.flatnonzero(got.codes != table.convert(x)).tolist() == [4]


@needs_icarus
def test_thresholds_of_any_size_are_exact(tmp_path: Path):
    """A table is a table: floats from the smallest to the largest, equal ones, codes in any order, one threshold."""
    table = MADE["a chip"]()
    rng = np.random.default_rng(8)
    words = rng.integers(0, 0x7FE << 52, 150, np.uint64).view(np.float64) * rng.choice([-1.0, 1.0], 150)
    at = np.sort(np.concatenate([words, [0.0, 5e-324, 5e-324, -1.0, 1.0, 1e22, 0.1]]))
    codes = rng.integers(0, 16, len(at) + 1)
    wild = dataclasses.replace(table, thresholds=at, codes=codes, outputs=rng.normal(size=len(at) + 1))
    one = dataclasses.replace(table, thresholds=at[:1], codes=codes[:2], outputs=wild.outputs[:2])
    for each in (wild, one):
        x = np.concatenate([each.thresholds, np.nextafter(each.thresholds, -np.inf), -each.thresholds, [np.nan]])
        got = run(tmp_path, each, x, min(len(x), 100))
        np.testing.assert_array_equal(got.codes, each.convert(x))
        np.testing.assert_array_equal(got.values, each.evaluate(x))
        np.testing.assert_array_equal(got.ramp_codes, each.convert(x[: len(got.ramp_codes)]))


@needs_icarus
def test_two_converters_live_in_one_simulation(tmp_path: Path):
    design = rj.design("tanh", 3)
    first, second = converter_table(design), converter_table(design, 17)
    text = systemverilog(first) + systemverilog(second)
    for table in (first, second):
        x = hard_inputs(table, 100)
        got = simulate(tmp_path, text, module_name(table), 3, x)
        np.testing.assert_array_equal(got.codes, table.convert(x))


@needs_icarus
@pytest.mark.parametrize("module", ["adc", "x", "code", "bin_of", "_", "A" * 200])
def test_a_module_has_the_name_asked_for(tmp_path: Path, module):
    table = converter_table(rj.design("tanh", 2))
    x = hard_inputs(table, 30)
    np.testing.assert_array_equal(run(tmp_path, table, x, module=module).codes, table.convert(x))


@needs_verilator
@pytest.mark.parametrize("name", ["sigmoid, 8 bits", "gelu, which turns", "2 bits", "a chip"])
def test_verilator_has_no_warning(tmp_path: Path, name):
    (tmp_path / "model.sv").write_text(systemverilog(MADE[name]()))
    # A file of several modules, of which none is above the others, is meant.
    command = ["verilator", "--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-MULTITOP", "model.sv"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_header_says_what_it_is():
    design = rj.design("gelu", 4)
    ideal = systemverilog(converter_table(design, name="design.json"))
    chip = systemverilog(converter_table(design, 3, 7))
    for words in ("Function gelu, 4 bits", f"rampjax {rj.__version__} from design.json", "ideal", "range -4 to 4"):
        assert words in ideal
    for words in ("sample 3 of seed 7", "module gelu_4bit_chip3 (", "package gelu_4bit_chip3_table;"):
        assert words in chip
    assert ideal.isascii()
    assert max(map(len, ideal.splitlines())) < 160
    assert "@" not in re.sub(r"@\(posedge clk( or negedge rst_n)?\)", "", ideal)


def test_a_function_cannot_leave_its_comment():
    table = converter_table(rj.design("tanh", 2))
    text = systemverilog(dataclasses.replace(table, function="x\nendmodule */ µ \\", design="a\rb"))
    lines = [line for line in text.splitlines() if not line.startswith("//")]
    assert not any("*/" in line or "endmodule" in line[:4] for line in lines)
    assert "Function x?endmodule */ ? \\, 2 bits" in text
    assert text.count("\nendmodule\n") == 2
    assert text.isascii()


@pytest.mark.parametrize(
    ("function", "sample", "name"),
    [
        ("sigmoid", None, "sigmoid_5bit"),
        ("x*tanh(softplus(x))", None, "x_tanh_softplus_x_5bit"),
        ("2*x", 4, "f_2_x_5bit_chip4"),
        ("../Kurve µ.csv", None, "kurve_csv_5bit"),
        ("µ", None, "f_5bit"),
        ("begin", None, "begin_5bit"),
        ("x + " * 100 + "x", None, "x_" * 29 + "x_5bit"),
    ],
)
def test_the_name_of_a_module_follows_from_the_function(function, sample, name):
    table = dataclasses.replace(MADE["sigmoid, 5 bits"](), function=function, sample=sample)
    assert module_name(table) == name
    check_module(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "empty"),
        ("5bit", "5bit"),
        ("a-b", "a-b"),
        ("a b", "a b"),
        ("µ", r"\?"),
        ("a\n", "letters"),
        ("a" * 201, "200"),
        ("module", "keyword"),
        ("logic", "logic_adc"),
        ("checker", "keyword"),
    ],
)
def test_a_name_that_no_module_may_have(name, words):
    with pytest.raises(rj.InputError, match=words):
        systemverilog(MADE["2 bits"](), name)
