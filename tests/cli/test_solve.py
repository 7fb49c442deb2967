"""`rampjax solve`: its options, what it prints and writes, and the chips of what it wrote."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Run, strict

from rampjax.circuit.closed_form import design_closed_form
from rampjax.config.solve_options import SolveOptions, solve_settings
from rampjax.solver.settings import SolveSettings
from rampjax.solver.solve import Problem, Scores, Solution

SMALL = ("--starts", "2", "--chips", "8", "--iterations", "20", "--fresh-chips", "256")
SOLVE_KEYS = (
    "converged objective expected_rmse_lsb expected_max_inl_lsb noise_rms_lsb devices_total closed_form_devices_total"
)


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Problem, SolveSettings, int]]:
    """The solver returns the closed form at once; what it was asked is kept."""
    asked: list[tuple[Problem, SolveSettings, int]] = []

    def answer(
        problem: Problem, settings: SolveSettings, *, seed: int, progress: Callable[[int], None] | None = None
    ) -> Solution:
        asked.append((problem, settings, seed))
        if progress:
            progress(1)
        design = design_closed_form(problem.target, problem.device, problem.circuit, problem.calibration)
        names = ("max_inl_lsb", "rmse_lsb", "noise_rms_lsb", "total_rmse_lsb")
        scores = Scores(
            objective=0.1,
            objective_ci=(0.09, float("nan")),
            mean=dict.fromkeys(names, 0.1),
            ci=dict.fromkeys(names, (0.09, 0.11)),
            quantile_lsb=0.2,
            yield_fraction=0.9,
            yield_ci=(0.88, 0.92),
            total_yield_fraction=0.3,
            total_yield_ci=(0.28, 0.32),
        )
        return Solution(
            design=design,
            closed_form=None,
            scores=scores,
            closed_form_scores=None,
            converged=True,
            iterations=2,
            history=np.array([0.2, np.nan]),
            start="full clocks",
            closed_form_problem="Too many devices.",
            levels_compared={"midrise": 0.29, "optimal": 0.28},
            notes=("A note.",),
        )

    monkeypatch.setattr("rampjax.study.solving.solve", answer)
    return asked


def test_options_reach_the_solver(rampjax: Run, instant: list[tuple[Problem, SolveSettings, int]]) -> None:
    options = [
        *("--free", "pulse_width, levels", "--pulse-grid", "8", "--max-clocks", "2", "--objective", "quantile"),
        *("--spec", "0.3", "--quantile", "0.9", "--noise-weight", "0.5", "--max-devices", "40", "--max-time", "99"),
        *("--starts", "3", "--iterations", "50", "--chips", "32", "--fresh-chips", "512", "--seed", "7"),
        *("--calibration", "none", "--input-dist", "normal:0:1", "--set", "ramp.q_inj_fC=0.1", "--bits", "3"),
    ]
    record = strict(rampjax("solve", "tanh", *options, "--json").out)
    ((problem, settings, seed),) = instant
    assert settings == SolveSettings(
        free=("pulse_width", "levels"),
        max_clocks=2,
        objective="quantile",
        spec_lsb=0.3,
        quantile=0.9,
        noise_weight=0.5,
        max_devices=40,
        max_time_ns=99.0,
        starts=3,
        iterations=50,
        chips=32,
        fresh_chips=512,
    )
    assert (seed, problem.circuit.pulse_grid, problem.circuit.ramp.q_inj_fC) == (7, 8, 0.1)
    assert problem.target.inputs is not None
    assert (record["calibration"], record["inputs"], record["overrides"]) == (
        "none",
        "normal:0:1",
        ["ramp.q_inj_fC=0.1"],
    )
    assert (record["objective_value_ci"], record["history"]) == (None, [0.2, None])
    assert (record["closed_form_problem"], record["closed_form_g_target_uS"]) == ("Too many devices.", [])
    assert record["closed_form_expected_max_inl_lsb"] is None
    assert (record["levels_compared"], record["levels_compared_rmse_lsb"]) == (["midrise", "optimal"], [0.29, 0.28])


@pytest.mark.parametrize(
    ("typed", "free", "grid"),
    [
        ([], ("pulse_width", "scale"), 16),
        (["--free", "none"], (), 1),
        (["--free", "scale"], ("scale",), 1),
        (["--pulse-grid", "1"], ("scale",), 1),
        (["--pulse-grid", "1", "--max-clocks", "2"], ("pulse_width", "scale"), 1),
        (["--free", "scale", "--pulse-grid", "4"], ("scale",), 4),
        (["--set", "circuit.pulse_grid=4"], ("pulse_width", "scale"), 4),
        (["--set", "circuit.pulse_grid=1"], ("scale",), 1),
    ],
)
def test_what_is_free(
    rampjax: Run,
    instant: list[tuple[Problem, SolveSettings, int]],
    typed: list[str],
    free: tuple[str, ...],
    grid: int,
) -> None:
    record = strict(rampjax("solve", "tanh", "--bits", "3", *typed, "--json").out)
    ((problem, settings, _),) = instant
    assert (settings.free, problem.circuit.pulse_grid) == (free, grid)
    assert (record["free"], record["pulse_grid"]) == (list(free), grid)


def test_help_states_the_defaults(rampjax: Run) -> None:
    text = " ".join(rampjax("solve", "--help").out.split())
    settings, overrides = solve_settings(SolveOptions(), [])
    assert settings == SolveSettings()
    assert overrides == ["circuit.pulse_grid=16"]
    for said in (
        f"Default: {','.join(settings.free)}",
        f"in clocks. Default: {settings.max_clocks}",
        f"see below. Default: {settings.objective}",
        f"in LSB. Default: {settings.spec_lsb}",
        f"minimises. Default: {settings.quantile}",
        f"quantile. Default: {settings.noise_weight:g}",
        f"among them. Default: {settings.starts}",
        f"from each. Default: {settings.iterations}",
        f"sees. Default: {settings.chips}",
        f"answer. Default: {settings.fresh_chips}",
        "rampjax solve 'x*tanh(softplus(x))'",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["--free", "pulse"], ["--free", "pulse_width"]),
        (["--free", "none,scale"], ["--free", "none"]),
        (["--free", "scale,scale"], ["--free", "scale"]),
        (["--free", ""], ["--free"]),
        (["--free", "pulse_width", "--pulse-grid", "1"], ["--free", "--pulse-grid", "--max-clocks"]),
        (["--pulse-grid", "0"], ["--pulse-grid", "0"]),
        (["--pulse-grid", "65"], ["--pulse-grid", "65"]),
        (["--pulse-grid", "8", "--set", "circuit.pulse_grid=8"], ["--pulse-grid", "circuit.pulse_grid"]),
        (["--set", "circuit.pulse_grid=many"], ["circuit.pulse_grid", "many"]),
        (["--max-clocks", "0"], ["--max-clocks", "0"]),
        (["--max-clocks", "2", "--free", "scale"], ["--max-clocks", "pulse_width"]),
        (["--objective", "best"], ["--objective", "best"]),
        (["--spec", "0"], ["--spec", "0"]),
        (["--spec", "nan"], ["--spec", "nan"]),
        (["--quantile", "0.9"], ["--quantile", "--objective"]),
        (["--quantile", "1.5", "--objective", "quantile"], ["--quantile", "1.5"]),
        (["--noise-weight", "1", "--objective", "rmse"], ["--noise-weight", "rmse"]),
        (["--noise-weight", "0", "--objective", "yield"], ["--noise-weight", "yield"]),
        (["--noise-weight", "-1"], ["--noise-weight", "-1"]),
        (["--max-devices", "0"], ["--max-devices", "0"]),
        (["--max-devices", "3"], ["--max-devices", "3"]),
        (["--max-time", "0"], ["--max-time", "0"]),
        (["--max-time", "3"], ["--max-time", "3"]),
        (["--starts", "0"], ["--starts", "0"]),
        (["--starts", "two"], ["--starts", "two"]),
        (["--chips", "0"], ["--chips", "0"]),
        (["--fresh-chips", "0"], ["--fresh-chips", "0"]),
        (["--iterations", "0"], ["--iterations", "0"]),
        (["--seed", "-1"], ["seed", "-1"]),
        (["--input-dist", "norml:0:1"], ["norml"]),
        (["--input-dist", "none.npy"], ["none.npy"]),
        (["--input-dist", "same.txt"], ["same.txt"]),
        (["--input-dist", "nan.txt"], ["nan.txt"]),
        (["--out", "file"], ["file"]),
    ],
)
def test_bad_options_are_one_sentence(rampjax: Run, tmp_path: Path, typed: list[str], words: list[str]) -> None:
    (tmp_path / "same.txt").write_text("1.5\n" * 30)
    (tmp_path / "nan.txt").write_text("1.5\n" * 30 + "nan\n")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.iterdir())
    done = rampjax("solve", "tanh", "--bits", "3", *(["--out", "new/one"] if "--out" not in typed else []), *typed)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("rampjax: ")
    assert done.err.count("\n") == 1
    for word in words:
        assert word in done.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a real, small search wrote."""
    from rampjax.config.points import point_from_options
    from rampjax.study.solving import run_solve

    folder = tmp_path_factory.mktemp("solved")
    settings, overrides = solve_settings(SolveOptions(starts=2, chips=8, iterations=20, fresh_chips=256), [])
    point = point_from_options("sigmoid", 3, calibration="ramp_aware", overrides=overrides)
    run_solve(point, [], settings, seed=1, out=folder)
    return folder


def test_from_the_command_to_the_chips(rampjax: Run, solved: Path) -> None:
    done = rampjax("solve", "sigmoid", "--bits", "3", *SMALL, "--json")
    assert (done.status, done.out.count("\n")) == (0, 1)
    assert "steps in" in done.err
    record = strict(done.out)
    assert set(SOLVE_KEYS.split()) <= set(record)
    assert record == json.loads((solved / "design.json").read_text())
    low, high = record["expected_max_inl_lsb_ci"]
    assert low <= record["expected_max_inl_lsb"] <= high
    assert record["expected_max_inl_lsb"] <= record["closed_form_expected_max_inl_lsb"]
    found = strict(rampjax("yield", "--design", str(solved / "design.json"), "--samples", "2000", "--json").out)
    assert found["mean_max_inl_lsb"] == pytest.approx(record["expected_max_inl_lsb"], rel=0.15)
    assert found["noise_rms_lsb"] == pytest.approx(record["noise_rms_lsb"], rel=0.01)


def test_the_folder_holds_what_a_tester_loads(rampjax: Run, solved: Path) -> None:
    record = json.loads((solved / "design.json").read_text())
    names = {"design.json", "program.csv", "program.json", "comparison.csv", "figures"}
    assert {path.name for path in solved.iterdir()} == names
    assert list((solved / "figures").iterdir())
    with open(solved / "program.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == record["devices_total"]
    assert [float(row["conductance_uS"]) for row in rows] == pytest.approx(record["g_target_uS"], rel=1e-4)
    assert "expected_max_inl_lsb" in (solved / "comparison.csv").read_text()


def test_text_shows_both_designs(rampjax: Run, instant: list[Any]) -> None:
    text = rampjax("solve", "sigmoid", "--bits", "3").out
    for word in ("closed form", "solved", "noise", "converged", "full clocks", "A note.", "Too many devices."):
        assert word in text
