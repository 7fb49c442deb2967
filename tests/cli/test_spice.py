"""`rampjax spice export` and `rampjax spice check`: what they write and print, and what they refuse."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from commands import Run, contents, strict

import rampjax as rj
from rampjax.circuit.blocks import Circuit, Comparator, Ramp

needs_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")


@pytest.fixture
def designed(rampjax: Run) -> Run:
    """A folder with a design in it."""
    ramp, comparator = Ramp(opamp_gain=500.0, sigma_jitter_ns=0.001), Comparator(sigma_offset_V=0.003)
    rj.save_design(rj.design("sigmoid", 3, circuit=Circuit(ramp=ramp, comparator=comparator)), "design.json")
    return rampjax


def test_a_chip_is_written_as_a_netlist(designed: Run) -> None:
    done = designed("spice", "export", "design.json", "--sample", "17", "-o", "ramp.cir", "--json")
    assert (done.status, done.err) == (0, "")
    record = strict(done.out)
    assert (record["sample"], record["seed"], record["n_rows"], record["n_levels"]) == (17, 1, 6, 7)
    text = Path("ramp.cir").read_text()
    assert text.startswith("* rampjax ")
    assert "design.json, sample 17 of seed 1" in text
    said = designed("spice", "export", "design.json", "-o", "new/two.cir", "--x=-1", "--x", "0.5").out
    assert re.match(r"3-bit sigmoid, sample 0 of seed 1: 6 rows, 7 levels, [\d.]+ ns\n\nwritten: new/two\.cir\n", said)
    assert re.findall(r"^\* column \d: x = (\S+)$", Path("new/two.cir").read_text(), re.MULTILINE) == ["-1", "0.5"]


@needs_ngspice
def test_the_netlist_runs_by_itself(designed: Run) -> None:
    designed("spice", "export", "design.json", "-o", "ramp.cir")
    done = subprocess.run(["ngspice", "-b", "ramp.cir"], capture_output=True, text=True, check=True)
    assert len(re.findall(r"^v_level_\d+ +=", done.stdout, re.MULTILINE)) == 7
    assert len(re.findall(r"^t_decision_1 +=", done.stdout, re.MULTILINE)) == 1


@needs_ngspice
def test_a_check_says_how_far_each_case_is(designed: Run) -> None:
    done = designed("spice", "check", "design.json", "--samples", "2", "--inputs", "8", "--each", "--json")
    assert done.status == 0
    record = strict(done.out)
    assert record["cases"] == ["all together", "ideal", "programming error", "amplifier gain", "comparator offset"]
    assert record["passed"] is True
    assert record["samples"] == [0, 1]
    assert max(record["worst_level_lsb"]) < 0.01
    assert max(record["worst_decision_clocks"]) < 0.05
    assert len(record["level_worst_lsb"]) == 7
    assert sum(record["inputs_with_another_code"]) == 0


@needs_ngspice
def test_a_check_is_a_table_and_files(designed: Run) -> None:
    done = designed("spice", "check", "design.json", "--samples", "2", "--inputs", "4", "--out", "checked")
    assert done.status == 0
    assert "Agreed, within 0.01 local LSB" in done.out
    assert len(re.findall(r"^ +\d  [+-]0\.\d{6} ", done.out, re.MULTILINE)) == 7
    levels, decisions = (pd.read_csv(f"checked/{name}.csv") for name in ("levels", "decisions"))
    assert len(levels) == 14
    assert len(decisions) == 8
    assert levels["error_local_lsb"].abs().max() < 0.01


@needs_ngspice
def test_beyond_the_tolerance_the_status_is_one(designed: Run) -> None:
    done = designed("spice", "check", "design.json", "--samples", "1", "--inputs", "2", "--tolerance", "1e-9")
    assert done.status == 1
    assert "NOT agreed, beyond 1e-09 local LSB" in done.out
    assert ": all together." in done.out


@needs_ngspice
def test_a_netlist_with_one_conductance_changed_by_two_percent_fails(designed: Run) -> None:
    designed("spice", "export", "design.json", "--sample", "4", "-o", "ramp.cir", "--x", "0.4")
    check = ("spice", "check", "design.json", "--netlist")
    assert designed(*check, "ramp.cir", "--sample", "4").status == 0
    text = Path("ramp.cir").read_text()
    changed = re.sub(
        r"^(Rmem3 \S+ \S+) (\S+)k$", lambda m: f"{m[1]} {float(m[2]) * 1.02:.9g}k", text, flags=re.MULTILINE
    )
    assert changed != text
    Path("changed.cir").write_text(changed)
    done = designed(*check, "changed.cir", "--sample", "4")
    assert done.status == 1
    assert ": changed.cir." in done.out
    done = designed(*check, "ramp.cir", "--sample", "5")
    assert done.status == 2
    assert "ramp.cir: is of sample 4 of seed 1, expected sample 5 of seed 1" in done.err


@needs_ngspice
def test_a_design_with_one_conductance_changed_by_two_percent_fails(designed: Run) -> None:
    """The netlist of one design is not the chip of another one, whose third step is 2 % larger."""
    designed("spice", "export", "design.json", "-o", "ramp.cir")
    design = rj.load_design("design.json")
    from rampjax.circuit.design import lay_out

    layout = design.layout
    layout.v_ramp_V[3:] += 0.02 * (layout.v_ramp_V[3] - layout.v_ramp_V[2])
    circuit = Circuit(v_window_V=0.6, ramp=design.circuit.ramp, comparator=design.circuit.comparator)
    other = lay_out(design.target, design.column, design.device, circuit, design.calibration, layout)
    assert other.g_target_uS[2] == pytest.approx(1.02 * design.g_target_uS[2], rel=1e-6)
    rj.save_design(other, "other.json")
    assert designed("spice", "check", "design.json", "--netlist", "ramp.cir").status == 0
    assert designed("spice", "check", "other.json", "--netlist", "ramp.cir").status == 1


def test_without_ngspice_a_check_says_so(designed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = designed("spice", "check", "design.json", "--samples", "1")
    assert done.status == 2
    assert "`ngspice` is not on PATH" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "no.json", "-o", "a.cir"), "no.json: no such file"),
        (("export", "design.json", "-o", "design.json"), "must be a new file"),
        (("export", "design.json", "-o", "a.cir", "--sample", "-1"), "`sample` must be between 0 and"),
        (("export", "design.json", "-o", "a.cir", "--x", "nan"), "`x` must be finite"),
        (("check", "design.json", "--samples", "0"), "`samples` must be between 1 and"),
        (("check", "design.json", "--inputs", "0"), "`inputs` must be between 1 and"),
        (("check", "design.json", "--tolerance", "-1"), "`--tolerance` must be positive"),
        (("check", "design.json", "--sample", "3"), "--sample has no effect without --netlist"),
        (("check", "design.json", "--netlist", "a.cir", "--each"), "--each has no effect beside --netlist"),
        (("check", "design.json", "--netlist", "a.cir"), "a.cir: no such file, expected a netlist"),
        (("check", "design.json", "--netlist", "shell.cir"), "must be without .control"),
        (("check", "design.json", "--out", "there"), "must be a new folder"),
    ],
)
def test_what_is_refused(designed: Run, arguments: tuple[str, ...], said: str) -> None:
    Path("shell.cir").write_text("title\n .CONTROL\nshell touch made\n.endc\n.end\n")
    Path("there").mkdir()
    before = contents(Path())
    done = designed("spice", *arguments)
    assert done.status == 2
    assert said in done.err
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert contents(Path()) == before


@needs_ngspice
def test_a_netlist_that_cannot_run_is_refused(designed: Run) -> None:
    designed("spice", "export", "design.json", "-o", "ramp.cir")
    text = Path("ramp.cir").read_text()
    Path("broken.cir").write_text(text.replace("Cint out x", "Cint out x oops oops"))
    done = designed("spice", "check", "design.json", "--netlist", "broken.cir")
    assert done.status in (1, 2)
    Path("empty.cir").write_text("nothing\n.end\n")
    done = designed("spice", "check", "design.json", "--netlist", "empty.cir")
    assert done.status == 2
    assert "has no line `* column 1: x = ...`" in done.err
    rj.save_design(rj.design("sigmoid", 4), "four.json")
    done = designed("spice", "check", "four.json", "--netlist", "ramp.cir")
    assert done.status == 2
    assert "is it of this design?" in done.err
