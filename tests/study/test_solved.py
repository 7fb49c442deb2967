"""Studies with solved points: what is handed to the solver, kept, and read again; and one small study for real."""

import json
import os
from collections.abc import Callable
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from rampjax.checks import InputError
from rampjax.circuit.closed_form import design_closed_form
from rampjax.config.build import build_design
from rampjax.config.design_file import read_design
from rampjax.config.solve_section import SolveConfig
from rampjax.config.study_file import load_study
from rampjax.solver import solve as solver
from rampjax.study import design_points
from rampjax.study.notes import solver_note
from rampjax.study.plan import plan_study
from rampjax.study.runner import run_plan

BRIEF = """\
samples = 256
seed = 5
[design]
calibration = "ramp_aware"
[circuit]
pulse_grid = 4
[solve]
starts = 2
iterations = 20
chips = 16
fresh_chips = 256
"""
STUDY = f"""\
title = "Does a study solve?"
{BRIEF}[cases.ideal]
[cases.realistic]
"ramp.q_inj_fC" = 0.02
"circuit.n_reads" = 16
[vary]
function = ["sigmoid", "gelu"]
bits = [3, 4]
case = ["ideal", "realistic"]
method = ["published", "closed_form", "solved"]
[measure]
names = ["max_inl_lsb"]
specs_lsb = [0.05, 0.2]
[report]
figures = []
"""


class Fake:
    """Stands for the solver: the closed form, read at two thirds of the largest conductance."""

    def __init__(self):
        self.calls, self.fail_after = [], None

    def solve_batch(self, problems, settings, *, seed, progress=None):
        if self.fail_after is not None and len(self.calls) == self.fail_after:
            raise KeyboardInterrupt
        self.calls.append((list(problems), settings, seed))
        if progress:
            progress(design_points_steps(len(problems)))
        return [
            SimpleNamespace(design=closed_form(problem), converged=problem.target.bits == 3) for problem in problems
        ]


def design_points_steps(n_problems):
    return solver.solve_steps(SolveConfig().settings(), n_problems)


def closed_form(problem):
    return design_closed_form(problem.target, problem.device, problem.circuit, problem.calibration, problem.column_bits)


@pytest.fixture
def fake(monkeypatch):
    made = Fake()
    monkeypatch.setattr(solver, "solve_batch", made.solve_batch)
    return made


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "solved.toml"
    path.write_text(STUDY)
    return path


def run(path, out, overrides=(), **options):
    return run_plan(plan_study(load_study(path, overrides)), out, **options)


def kept(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("chunks/designs/*")}


def test_solved_points_are_handed_over_by_resolution_and_circuit(tmp_path, study, fake):
    run(study, tmp_path / "out")
    points = load_study(study).points()
    asked = [
        [(problem.target.function.name, problem.target.bits, problem.circuit) for problem in problems]
        for problems, _, _ in fake.calls
    ]
    assert len(asked) == 4
    for batch in asked:
        assert [name for name, _, _ in batch] == ["sigmoid", "gelu"]
        assert len({(bits, circuit) for _, bits, circuit in batch}) == 1
    expected = [(p.function, p.bits, p.circuit) for p in points if p.method == "solved"]
    assert sorted(map(repr, (item for batch in asked for item in batch))) == sorted(map(repr, expected))
    for _, settings, seed in fake.calls:
        assert settings == load_study(study).solve_config().settings()
        assert seed == 5


def test_designs_are_kept_as_design_files(tmp_path, study, fake):
    run(study, tmp_path / "out")
    points = load_study(study).points()
    numbers = [number for number, point in enumerate(points) if point.method == "solved"]
    assert sorted(kept(tmp_path / "out")) == [f"point_{number:05d}.json" for number in numbers]
    for number in numbers:
        design = read_design(tmp_path / "out" / "chunks" / "designs" / f"point_{number:05d}.json")
        expected = build_design(points[number])
        assert np.array_equal(design.g_target_uS, expected.g_target_uS)
        assert (design.circuit.n_reads, design.target.bits) == (points[number].circuit.n_reads, points[number].bits)


def test_the_page_tells_how_designs_were_solved(tmp_path, study, fake):
    outcome = run(study, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Solved designs: free are conductances, pulse width, scale" in page
    assert "4\u00a0of 8 searches did not converge" in page or "4 of 8 searches did not converge" in page
    assert outcome.answer.startswith("Solved against closed form in the ideal case, medians over ")
    report = json.loads((tmp_path / "out" / "provenance.json").read_text())["report"]
    assert any(note.startswith("Solved designs") for note in report["notes"])


def test_a_killed_run_solves_only_what_is_missing(tmp_path, study, fake, tables_of: Callable):
    fake.fail_after = 2
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "out")
    before = kept(tmp_path / "out")
    assert len(before) == 4
    fake.fail_after = None
    run(study, tmp_path / "out", resume=True)
    assert len(fake.calls) == 4
    assert before.items() <= kept(tmp_path / "out").items()
    run(study, tmp_path / "out", resume=True)
    assert len(fake.calls) == 4
    run(study, tmp_path / "whole")
    assert tables_of(tmp_path / "out") == tables_of(tmp_path / "whole")
    for name in ("report.html", "provenance.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("harm", ["empty", "truncate", "remove", "half written"])
def test_a_batch_with_a_harmed_design_is_solved_again_whole(tmp_path, study, fake, harm):
    folder = tmp_path / "out"
    run(study, folder)
    before = kept(folder)
    path = sorted(folder.glob("chunks/designs/*.json"))[0]
    whole = path.read_bytes()
    if harm == "remove":
        path.unlink()
    elif harm == "half written":
        os.replace(path, path.with_name(f".{path.name}.77.tmp"))
    else:
        path.write_bytes(whole[: len(whole) // 2] if harm == "truncate" else b"")
    run(study, folder, resume=True)
    assert len(fake.calls) == 5
    assert len(fake.calls[-1][0]) == 2
    assert {name: held[0] for name, held in before.items()}.items() <= {
        n: h[0] for n, h in kept(folder).items()
    }.items()


def test_other_settings_of_the_solver_are_another_run(tmp_path, study, fake):
    run(study, tmp_path / "out")
    with pytest.raises(InputError, match=r"`configuration\.solve\.chips` was 16 and is 32"):
        run(study, tmp_path / "out", ["solve.chips=32"], resume=True)


def test_progress_counts_the_steps_that_are_left(tmp_path, study, fake):
    shown = []

    @contextmanager
    def solving(total):
        done = []
        yield done.append
        shown.append((total, sum(done)))

    run(study, tmp_path / "out", solving=solving)
    assert shown == [(design_points_steps(8), design_points_steps(8))]
    for path in sorted((tmp_path / "out").glob("chunks/designs/*.json"))[:1]:
        path.unlink()
    run(study, tmp_path / "out", solving=solving, resume=True)
    assert shown[1:] == [(design_points_steps(2), design_points_steps(2))]
    run(study, tmp_path / "out", solving=solving, resume=True)
    assert len(shown) == 2


def test_what_cannot_be_designed_is_refused_before_the_folder_is_touched(tmp_path, study, fake):
    study.write_text(STUDY.replace('"gelu"', '"1/x"'))
    with pytest.raises(InputError, match=r"At function = 1/x, bits = 3, case = ideal, method = published: "):
        run(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_problem_without_a_solution_names_its_points(tmp_path, study, monkeypatch):
    def refuse(*_, **__):
        raise InputError("`gelu` cannot be met.")

    monkeypatch.setattr(solver, "solve_batch", refuse)
    with pytest.raises(InputError, match=r"^At bits = 3, case = ideal, method = solved: `gelu` cannot be met\.$"):
        run(study, tmp_path / "out")
    assert not list((tmp_path / "out").glob("chunks/point*"))


def test_a_case_that_decides_the_device_keeps_the_columns_together(tmp_path, study):
    study.write_text(
        'title = "t"\nsamples = 256\n[cases.a]\n"device.preset" = "taox_paper"\n[cases.b]\n"device.preset" = '
        '"neurram_2022"\n"design.calibration" = "one_point"\n"device.sigma_prog_uS" = 1.0\n[vary]\nbits = [3, 4]\n'
        'case = ["a", "b"]\n[measure]\nspecs_lsb = [0.1]'
    )
    outcome = run(study, tmp_path / "out")
    assert "in the b case, against" in outcome.answer or "in the a case, against" in outcome.answer
    assert "neurram_2022,ramp" not in (tmp_path / "out" / "yield.csv").read_text()


def test_the_note_on_the_solver():
    text = solver_note(SolveConfig(free=("pulse_width",), max_clocks=2, max_devices=40, max_time_ns=64.0), 3, 0)
    assert "free are conductances, pulse width, pulses of up to 2 clocks" in text
    assert "at most 40 devices, at most 64 ns; all 3 searches converged" in text
    assert "the expected worst INL plus 2 times" in solver_note(SolveConfig(noise_weight=2.0), 1, 1)
    assert "1 of 1 searches did not converge" in solver_note(SolveConfig(objective="rmse"), 1, 1)
    assert "beyond 0.25 LSB" in solver_note(SolveConfig(objective="yield", spec_lsb=0.25), 1, 0)
    assert "the 99 % quantile" in solver_note(SolveConfig(objective="quantile", quantile=0.99), 1, 0)


TOLD = f"""\
title = "Is each case told its own?"
{BRIEF}[cases.static]
[cases.total]
"solve.objective" = "total"
[cases."more devices"]
"solve.objective" = "total"
"solve.free" = ["pulse_width", "scale", "devices"]
"solve.max_devices" = 60
[vary]
bits = [3, 4]
case = ["static", "total", "more devices"]
method = ["closed_form", "solved"]
[report]
figures = ["gain"]
"""


def test_each_case_is_solved_as_it_says(tmp_path, study, fake):
    study.write_text(TOLD)
    outcome = run(study, tmp_path / "out")
    asked = {(s.objective, s.free, s.max_devices) for _, s, _ in fake.calls}
    assert asked == {
        ("max_inl", ("pulse_width", "scale"), None),
        ("total", ("pulse_width", "scale"), None),
        ("total", ("pulse_width", "scale", "devices"), 60),
    }
    assert len(fake.calls) == 2 * 3
    notes = json.loads((tmp_path / "out" / "provenance.json").read_text())["report"]["notes"]
    solved = [note.partition(":")[0] for note in notes if note.startswith("Solved designs")]
    assert solved == ["Solved designs (static)", "Solved designs (total)", "Solved designs (more devices)"]
    assert any("solve.free = pulse_width, scale, devices, solve.max_devices = 60" in note for note in notes)
    assert sum("1 of 2 searches did not converge" in note for note in notes) == 3
    for case in ("static", "total", "more devices"):
        assert f"Solved against closed form in the {case} case, medians over 2 columns" in outcome.answer
    assert (tmp_path / "out" / "figures" / "gain.png").exists()


def test_the_total_objective_lowers_the_total_error(tmp_path, study):
    study.write_text(TOLD.replace("bits = [3, 4]", "bits = [5]"))
    told = load_study(study)
    outcome = run(study, tmp_path / "out")
    total = {
        (point.bits, point.labels["case"], point.method): statistics.mean("total_rmse_lsb")
        for point, statistics in zip(told.points(), outcome.statistics, strict=True)
    }
    assert total[5, "total", "solved"] < total[5, "static", "closed_form"]
    assert total[5, "more devices", "solved"] < total[5, "total", "solved"]


def test_batches_are_small_and_complete(study, monkeypatch):
    monkeypatch.setattr(design_points, "_MOST_AT_ONCE", 1)
    points = load_study(study).points()
    problems = {number: None for number, point in enumerate(points) if point.method == "solved"}
    batches = list(design_points._batches(points, problems))
    assert sorted(number for batch in batches for number in batch) == list(problems)
    assert {len(batch) for batch in batches} == {1}


def test_a_solved_column_is_no_worse_than_its_closed_form(tmp_path, study):
    study.write_text(
        STUDY.replace('["sigmoid", "gelu"]', '["sigmoid"]')
        .replace("[3, 4]", "[4]")
        .replace('"ideal", ', "")
        .replace("[cases.ideal]\n", "")
    )
    outcome = run(study, tmp_path / "out")
    published, closed, solved = (statistics.mean("max_inl_lsb") for statistics in outcome.statistics)
    spread = outcome.statistics[1].std("max_inl_lsb") / 16
    assert solved < closed + 3 * spread
    assert solved < published


def test_cases_and_methods_are_told(study):
    notes = plan_study(load_study(study)).notes
    assert notes[0] == "Case ideal: nothing is set beside what all points share."
    assert notes[1] == "Case realistic: ramp.q_inj_fC = 0.02, circuit.n_reads = 16."
    assert "as published, every pulse is a full clock" in notes[2]
