"""One design by the solver, as `rampjax solve` asks for it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.build import build_problem
from rampjax.config.design_checks import CLOSED_FORM, SCORES
from rampjax.config.design_file import bare, design_record
from rampjax.config.points import Point
from rampjax.interop.column.program import program_csv, program_json
from rampjax.montecarlo.engine import check_numbers
from rampjax.report.figures import write_figures
from rampjax.report.solve_figures import solution_figures
from rampjax.report.solve_tables import comparison_frame
from rampjax.report.tables import to_csv_text, write_whole
from rampjax.solver.settings import SolveSettings
from rampjax.solver.solve import Scores, Solution, solve, solve_steps
from rampjax.study.folder import open_folder, to_json
from rampjax.study.notes import negative_read_note
from rampjax.study.plan import device_label
from rampjax.study.runner import BAND_CHIPS, simulate
from rampjax.study.tables import Measurement, band_frame

CONFIDENCE: Final = 0.95
_MEANS: Final = {
    "expected_max_inl_lsb": "max_inl_lsb",
    "noise_rms_lsb": "noise_rms_lsb",
    "expected_rmse_lsb": "rmse_lsb",
    "expected_total_rmse_lsb": "total_rmse_lsb",
}
_LAYOUT: Final = ("scale_V", "start_V", "n_bias", "devices_total", "ramp_time_ns")
_LISTS: Final = ("v_ramp_V", "g_target_uS", "t_pulse_ns", "n_devices")


def count_steps(settings: SolveSettings) -> int:
    """How many steps `run_solve` reports."""
    return solve_steps(settings)


def run_solve(
    point: Point,
    overrides: Sequence[str],
    settings: SolveSettings,
    *,
    seed: int,
    out: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Solves for a design and returns its design file with scores and closed form beside it, as bare JSON values.

    Args:
        point: what to design, and with which devices and circuit.
        overrides: what replaced fields of the preset or the circuit, `KEY=VALUE`: recorded.
        settings: of the solver.
        seed: seed of every random number.
        out: a new or empty folder for design.json, the program, comparison.csv and figures; None writes nothing.
        progress: called with the number of steps just finished.

    Raises:
        InputError: a problem without an answer (the sentence says what binds), or a folder that is refused.
    """
    check_numbers(settings.fresh_chips, seed)
    problem = build_problem(point)
    made = _make_folder(out) if out is not None else []
    try:
        solution = solve(problem, settings, seed=seed, progress=progress)
    except (InputError, KeyboardInterrupt):
        for folder in made:
            folder.rmdir()
        raise
    record = solution_record(solution, settings, seed, overrides)
    if out is not None:
        title = f"{point.bits}-bit {point.function} on {device_label(point)}"
        _write(out, title, record, solution, seed)
    return record


def _make_folder(out: Path) -> list[Path]:
    """Makes the folder, refused early rather than after the search, and returns those that were not there before."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    open_folder(out)
    return missing


def solution_record(
    solution: Solution, settings: SolveSettings, seed: int, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns a solution as bare JSON values: the design file's keys, then what the solver adds.

    Args:
        solution: what `solve` returned.
        settings: it was asked with.
        seed: it was asked with.
        overrides: what replaced fields of the preset or the circuit, `KEY=VALUE`.
    """
    return {
        **design_record(solution.design, overrides),
        "converged": bool(solution.converged),
        "iterations": int(solution.iterations),
        "history": [bare(value) for value in solution.history],
        "start": solution.start,
        "objective": settings.objective,
        **_scores_record(solution.scores),
        "spec_lsb": settings.spec_lsb,
        "quantile": settings.quantile,
        "noise_weight": settings.noise_weight,
        "fresh_chips": settings.fresh_chips,
        "confidence": CONFIDENCE,
        "seed": seed,
        "free": list(settings.free),
        "max_clocks": settings.max_clocks,
        "max_devices": settings.max_devices,
        "max_time_ns": settings.max_time_ns,
        "starts": settings.starts,
        "max_iterations": settings.iterations,
        "chips": settings.chips,
        "levels_compared": list(solution.levels_compared),
        "levels_compared_rmse_lsb": [bare(value) for value in solution.levels_compared.values()],
        "notes": [*solution.notes, *filter(None, [negative_read_note(solution.design)])],
        "closed_form_problem": solution.closed_form_problem or None,
        **{f"{CLOSED_FORM}{key}": value for key, value in _closed_form_record(solution).items()},
    }


def _scores_record(scores: Scores | None) -> dict[str, Any]:
    """The scores of a design; None for all of a design that there is not."""
    if scores is None:
        return dict.fromkeys([key for name in SCORES for key in (name, f"{name}_ci")] + ["quantile_max_inl_lsb"])
    values = {
        "objective_value": (scores.objective, scores.objective_ci),
        **{key: (scores.mean[name], scores.ci.get(name)) for key, name in _MEANS.items()},
        "yield_fraction": (scores.yield_fraction, scores.yield_ci),
        "total_yield_fraction": (scores.total_yield_fraction, scores.total_yield_ci),
    }
    record: dict[str, Any] = {}
    for key, (value, interval) in values.items():
        ends = None if interval is None else [bare(end) for end in interval]
        record |= {key: bare(value), f"{key}_ci": None if ends is None or None in ends else ends}
    return {**record, "quantile_max_inl_lsb": bare(scores.quantile_lsb)}


def _closed_form_record(solution: Solution) -> dict[str, Any]:
    """What of the closed form stands beside the solved design."""
    design, scores = solution.closed_form, _scores_record(solution.closed_form_scores)
    if design is None:
        nothing = dict.fromkeys((*_LAYOUT, "calibration", "levels"))
        return {**scores, **nothing, **{key: [] for key in _LISTS}}
    whole = design_record(design)
    return {**scores, **{key: whole[key] for key in (*_LAYOUT, "calibration", "levels", *_LISTS)}}


def _write(out: Path, title: str, record: dict[str, Any], solution: Solution, seed: int) -> None:
    methods = {"closed form": solution.closed_form, "solved": solution.design}
    bands = [_bands(method, design, seed) for method, design in methods.items() if design is not None]
    write_figures(out, solution_figures(title, record, pd.concat(bands, ignore_index=True)))
    write_whole(out / "program.csv", program_csv(record).encode())
    write_whole(out / "program.json", program_json(record).encode())
    write_whole(out / "comparison.csv", to_csv_text(comparison_frame(record)).encode())
    write_whole(out / "design.json", to_json(record))


def _bands(method: str, design: Design, seed: int) -> pd.DataFrame:
    measurement = Measurement(("max_inl_lsb",), "max_inl_lsb", (1.0,))
    return band_frame({"method": method}, design, simulate(design, measurement, n_samples=BAND_CHIPS, seed=seed).kept)
