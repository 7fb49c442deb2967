"""`rampjax column`: a program out, measured conductances and conversions in."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from commands import Run, contents, strict

from rampjax.config.design_file import read_design
from rampjax.montecarlo.chip import sample_chip


@pytest.fixture
def design(rampjax: Run, tmp_path: Path) -> Path:
    """A design file, with the program of a sampled chip as a tester filled it in, and its conversions."""
    rampjax("design", "sigmoid", "--bits", "4", "--json")
    record = json.loads(rampjax("design", "sigmoid", "--bits", "4", "--json").out)
    path = tmp_path / "design.json"
    path.write_text(json.dumps(record))
    assert rampjax("column", "program", "design.json", "-o", "program.csv").status == 0
    chip = sample_chip(read_design(path), 3, 1)
    lines = (tmp_path / "program.csv").read_text().splitlines()
    filled = [f"{line},{g!r}" for line, g in zip(lines[1:], map(float, chip.g_uS), strict=True)]
    (tmp_path / "measured.csv").write_text("\n".join([f"{lines[0]},measured_uS", *filled]))
    x = np.random.default_rng(1).uniform(-5, 5, 20_000)
    counts = np.bincount(np.searchsorted(chip.thresholds, x, side="right"), minlength=16)
    rows = [f"{code},{count}" for code, count in enumerate(counts)]
    (tmp_path / "histogram.csv").write_text("\n".join(["code,count", *rows]))
    return path


def test_a_program_as_csv_and_json(rampjax: Run, design: Path, tmp_path: Path) -> None:
    done = rampjax("column", "program", "design.json", "--out", "new", "-o", "again.JSON")
    assert done.out.splitlines() == [
        f"written: {path}" for path in (Path("new/program.csv"), Path("new/program.json"), Path("again.JSON"))
    ]
    program = strict((tmp_path / "new/program.json").read_text())
    assert (tmp_path / "again.JSON").read_bytes() == (tmp_path / "new/program.json").read_bytes()
    assert (tmp_path / "program.csv").read_bytes() == (tmp_path / "new/program.csv").read_bytes()
    assert [program[key] for key in ("schema_version", "function", "bits", "calibration")] == [1, "sigmoid", 4, "none"]
    with open(tmp_path / "program.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in rows[0]:
        read = [row[name] for row in rows]
        if name == "role":
            assert program[name] == read
        else:
            np.testing.assert_array_equal(program[name], [float(value) for value in read])


def test_a_program_to_stdout(rampjax: Run, design: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    done = rampjax("column", "program", "design.json", "--json")
    assert (done.status, done.err, done.out.count("\n")) == (0, "", 1)
    assert contents(tmp_path) == before
    both = rampjax("column", "program", "design.json", "--json", "-o", "p.json")
    assert strict(both.out) == strict(done.out) == strict((tmp_path / "p.json").read_text())


def test_check_as_text_json_and_folder(rampjax: Run, design: Path, tmp_path: Path) -> None:
    done = rampjax("column", "check", "design.json", "measured.csv", "--spec", "0.1", "--json", "--out", "new")
    assert (done.status, done.out.count("\n")) == (1, 1)
    record = strict(done.out)
    assert done.err == "".join(f"rampjax: read {said}\n" for said in record["read_as"])
    assert not record["within_spec"]
    assert record["reprogram_row"]
    assert record == json.loads((tmp_path / "new/check.json").read_text())
    names = {"check.json", "thresholds.csv", "devices.csv", "reprogram.csv", "figures"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    assert (tmp_path / "new/figures/check.png").stat().st_size > 10_000
    text = rampjax("column", "check", "design.json", "measured.csv", "--spec", "0.1").out
    for word in ("worst INL", "above the spec of 0.1 LSB", "noise", "missing codes", "program anew", "least worst INL"):
        assert word in text
    good = rampjax("column", "check", "design.json", "measured.csv", "--spec", "5")
    assert good.status == 0
    assert "Nothing needs" in good.out


def test_adc_as_text_json_and_folder(rampjax: Run, design: Path, tmp_path: Path) -> None:
    options = ("column", "adc", "design.json", "histogram.csv", "--input=ramp:-5:5")
    done = rampjax(*options, "--samples", "200", "--json", "--out", "new")
    assert (done.status, done.out.count("\n")) == (0, 1)
    record = strict(done.out)
    assert record == json.loads((tmp_path / "new/adc.json").read_text())
    assert 0 <= record["model_share_better"] <= 1
    low, high = (np.array(record[f"model_inl_p{q}_lsb"]) for q in ("05", "95"))
    assert (low[1:] < high[1:]).all()  # the start is exact
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"adc.json", "thresholds.csv", "dnl.csv", "figures"}
    assert "errors of measurement" in rampjax(*options, "--samples", "100").out
    text = rampjax(*options, "--samples", "0").out
    for word in ("20000 conversions", "histogram", "worst INL", "±", "noise", "missing codes"):
        assert word in text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["program", "design.json"], ["--out", "-o"]),
        (["program", "design.json", "-o", "p.txt"], ["-o", "p.txt"]),
        (["program", "design.json", "-o", "program.csv"], ["program.csv", "new file"]),
        (["program", "none.json", "-o", "p.csv"], ["none.json"]),
        (["program", "measured.csv", "--out", "new"], ["measured.csv"]),
        (["check", "design.json", "none.csv"], ["none.csv"]),
        (["check", "design.json", "histogram.csv", "--out", "new"], ["histogram.csv", "row"]),
        (["check", "design.json", "measured.csv", "--spec", "0", "--out", "new"], ["spec", "0"]),
        (["check", "design.json", "measured.csv", "--spec", "nan"], ["spec", "nan"]),
        (["check", "design.json", "measured.csv", "--stuck", "99"], ["stuck", "99"]),
        (["check", "design.json", "measured.csv", "--stuck", "two"], ["--stuck", "two"]),
        (["check", "design.json", "measured.csv", "--seed", "-1"], ["seed", "-1"]),
        (["check", "design.json", "measured.csv", "--units", "measured=mS"], ["measured", "mS"]),
        (["check", "design.json", "measured.csv", "--units", "measured"], ["--units", "measured"]),
        (["check", "design.json", "measured.csv", "--out", "measured.csv"], ["measured.csv", "folder"]),
        (["adc", "design.json", "histogram.csv"], ["--input"]),
        (["adc", "design.json", "histogram.csv", "--input=ramp:5:-5", "--out", "new"], ["--input", "ramp:5:-5"]),
        (["adc", "design.json", "histogram.csv", "--input=ramp:50:60"], ["ramp:50:60", "no threshold"]),
        (["adc", "design.json", "histogram.csv", "--input=ramp:-5:5", "--samples", "-1"], ["samples", "-1"]),
        (["adc", "design.json", "measured.csv"], ["measured.csv", "code"]),
    ],
)
def test_what_is_refused_is_one_sentence(
    rampjax: Run, design: Path, tmp_path: Path, typed: list[str], words: list[str]
) -> None:
    before = contents(tmp_path)
    done = rampjax("column", *typed)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("rampjax: ")
    assert done.err.count("\n") == 1
    for word in words:
        assert word in done.err
    assert contents(tmp_path) == before


def test_help_teaches(rampjax: Run) -> None:
    assert "column check sigmoid/design.json measured.csv" in rampjax("column", "--help").out
    for command, words in {
        "check": ("row", "measured_uS", "--stuck", "Exit status"),
        "adc": ("x, code", "code, count"),
    }.items():
        text = rampjax("column", command, "--help").out
        for word in words:
            assert word in text
