"""`rampjax export`: what it writes and prints, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pytest
from commands import Run, contents, strict
from verilog_bench import needs_icarus, simulate

import rampjax as rj
from rampjax.interop.table import KEYS
from rampjax.montecarlo.chip import sample_chip


@pytest.fixture
def designed(rampjax: Run) -> Run:
    """A folder with a design in it."""
    rj.save_design(rj.design("gelu", 4), "gelu/design.json")
    return rampjax


@pytest.mark.parametrize("out", ["gelu.json", "GELU.NPZ", "new/folder/gelu.json"])
def test_the_ideal_converter_is_the_design(designed: Run, out: str) -> None:
    done = designed("export", "gelu/design.json", "-o", out, "--json")
    assert (done.status, done.err) == (0, "")
    record = strict(done.out)
    assert (record["out"], record["sample"], record["seed"], record["module"]) == (out, None, None, None)
    table, design = rj.load_table(out), rj.load_design("gelu/design.json")
    np.testing.assert_array_equal(table.thresholds, design.target.thresholds)
    assert record["n_thresholds"] == len(table.thresholds)
    assert table.design == "design.json"
    assert not table.sigma_x.any()


def test_a_sample_is_that_chip(designed: Run) -> None:
    text = designed("export", "gelu/design.json", "-o", "one.npz", "--sample", "17").out
    assert re.match(r"4-bit gelu, sample 17 of seed 1: \d+ thresholds from \d.*\n\nwritten: one\.npz\n", text)
    assert designed("export", "gelu/design.json", "-o", "two.json", "--sample", "17", "--seed", "1").status == 0
    assert designed("export", "gelu/design.json", "-o", "three.json", "--sample", "17", "--seed", "2").status == 0
    one, two, three = (rj.load_table(name) for name in ("one.npz", "two.json", "three.json"))
    assert all(np.array_equal(getattr(one, key), getattr(two, key)) for key in KEYS)
    assert not np.array_equal(one.thresholds, three.thresholds)
    chip = sample_chip(rj.load_design("gelu/design.json"), 1, 17)
    np.testing.assert_array_equal(one.thresholds, np.sort(chip.thresholds))


@needs_icarus
def test_a_model_has_the_codes_of_its_table(designed: Run, tmp_path: Path) -> None:
    settings = ("--sample", "3", "--seed", "7")
    record = strict(designed("export", "gelu/design.json", "-o", "adc.sv", *settings, "--json").out)
    assert record["module"] == "gelu_4bit_chip3"
    text = designed("export", "gelu/design.json", "-o", "named.sv", *settings, "--module", "adc").out
    assert "module adc" in text
    designed("export", "gelu/design.json", "-o", "adc.npz", *settings)
    table = rj.load_table("adc.npz")
    x = np.linspace(-5.0, 5.0, 201)
    for path, name in (("adc.sv", "gelu_4bit_chip3"), ("named.sv", "adc")):
        got = simulate(tmp_path, Path(path).read_text(), name, 4, x, 5)
        np.testing.assert_array_equal(got.codes, table.convert(x))


def test_from_python(tmp_path: Path) -> None:
    design = rj.design("tanh", 3)
    for name in ("t.json", "t.npz", "t.sv"):
        table = rj.export_table(design, tmp_path / name)
        assert rj.export_table(design, tmp_path / name, sample=2, seed=5).seed == 5  # replaced, as by `save_design`
    assert rj.load_table(tmp_path / "t.npz").sample == rj.load_table(str(tmp_path / "t.json")).sample == 2
    assert "module tanh_3bit_chip2 (" in (tmp_path / "t.sv").read_text()
    rj.export_table(design, tmp_path / "t.sv", module="adc")
    assert "module adc (" in (tmp_path / "t.sv").read_text()
    assert table.convert(0.0) == 4
    before = contents(tmp_path)
    for wrong, words in (
        ({"path": "t.csv"}, r"t\.csv` must end in \.json, \.npz, \.sv"),
        ({"path": "t"}, "must end in"),
        ({"path": "t.npz", "module": "adc"}, "`module` has no effect"),
        ({"path": "t.sv", "module": "begin"}, "keyword"),
        ({"path": "t.npz", "sample": -1}, "`sample` must be"),
        ({"path": "t.npz", "sample": 1, "seed": -1}, "`seed` must be"),
        ({"path": "t.json/t.npz"}, "cannot be written"),
    ):
        with pytest.raises(rj.InputError, match=words):
            rj.export_table(design, tmp_path / str(wrong.pop("path")), **wrong)  # type: ignore[arg-type]
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gelu/design.json"], ["--out"]),
        (["-o", "t.npz"], ["DESIGN"]),
        (["gelu/design.json", "-o", "t.csv"], ["t.csv", ".json, .npz, .sv"]),
        (["gelu/design.json", "-o", "t.npy"], ["t.npy", "Did you mean `.npz`"]),
        (["gelu/design.json", "-o", "t"], ["`t`", ".npz"]),
        (["gelu/design.json", "-o", "there.json"], ["there.json", "new file"]),
        (["gelu/design.json", "-o", "gelu"], ["gelu", "must end"]),
        (["gelu/design.json", "-o", "folder.npz"], ["folder.npz", "new file"]),
        (["gelu/design.json", "-o", "there.json/t.npz"], ["there.json/t.npz", "cannot be written"]),
        (["none.json", "-o", "t.npz"], ["none.json", "no such file"]),
        (["gelu", "-o", "t.npz"], ["gelu", "cannot be read"]),
        (["there.json", "-o", "t.npz"], ["there.json", "JSON"]),
        (["gelu/design.json", "-o", "t.npz", "--sample", "-1"], ["sample", "-1"]),
        (["gelu/design.json", "-o", "t.npz", "--sample", "9" * 30], ["sample", "9999"]),
        (["gelu/design.json", "-o", "t.npz", "--sample", "many"], ["sample", "many", "integer"]),
        (["gelu/design.json", "-o", "t.npz", "--sample", "1", "--seed", "-1"], ["seed", "-1"]),
        (["gelu/design.json", "-o", "t.npz", "--seed", "1"], ["--seed", "--sample"]),
        (["gelu/design.json", "-o", "t.npz", "--module", "adc"], ["--module", ".sv"]),
        (["gelu/design.json", "-o", "t.sv", "--module", "begin"], ["module", "keyword", "begin_adc"]),
        (["gelu/design.json", "-o", "t.sv", "--module", "2adc"], ["module", "2adc"]),
        (["gelu/design.json", "-o", "t.sv", "--module", ""], ["module", "empty"]),
        (["gelu/design.json", "-o", "t.sv", "--bits", "4"], ["--bits"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_bad_input_is_one_sentence(designed: Run, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    (tmp_path / "there.json").write_text("mine\n")
    (tmp_path / "folder.npz").mkdir()
    before = contents(tmp_path)
    done = designed("export", *arguments)
    assert (done.status, done.out) == (2, "")
    assert re.fullmatch(r"rampjax: [^\n]+[.?]\n", done.err), done.err
    for word in words:
        assert word in done.err
    assert contents(tmp_path) == before


def test_help_teaches(rampjax: Run) -> None:
    text = rampjax("export", "--help").out
    for word in (".json", ".npz", ".sv", "sigma_x", "--sample 17", "NaN", "ideal"):
        assert word in text
