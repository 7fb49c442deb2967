"""The short way in from Python: a design, by closed form, solver or file; many chips of it; a study file."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rampjax.checks import InputError, nearest
from rampjax.circuit.blocks import Circuit
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.closed_form import design_closed_form
from rampjax.circuit.design import Design
from rampjax.circuit.device import Device
from rampjax.config import devices
from rampjax.config.build import build_device
from rampjax.config.design_file import design_record, read_design, rebuild_design
from rampjax.config.solve_options import DEFAULT_GRID
from rampjax.config.study_file import load_study
from rampjax.metrics import MEASURES
from rampjax.montecarlo.engine import Result
from rampjax.report.tables import write_whole
from rampjax.solver.settings import SolveSettings, check_settings
from rampjax.study import runner
from rampjax.study.cells import device_cells
from rampjax.study.folder import to_json
from rampjax.study.plan import plan_study
from rampjax.study.tables import Measurement
from rampjax.target.functions import Function, as_function, table_function
from rampjax.target.inputs import parse_inputs, sample_inputs
from rampjax.target.target import Target, make_target

if TYPE_CHECKING:
    from rampjax.solver.solve import Solution


def load_device(name: str | Path, *, data: str | Path | None = None, **overrides: float) -> Device:
    """Loads a preset (`rampjax devices` lists them) or a user's own `.toml` device file.

    Args:
        name: a preset's name, or a path.
        data: the folder of data files, for a device of measured cells; by default that of the environment variable
            RAMPJAX_DATA.
        overrides: fields to replace, e.g. `sigma_prog_uS=4.0`; a curve, whatever its form, by a constant.

    Raises:
        InputError: an unknown device or field, or a wrong value.
    """
    config = devices.load_device(name, overrides)
    return build_device(config, device_cells(config, None if data is None else Path(data)))


def design(
    function: str | Callable[..., Any] | Function | tuple[ArrayLike, ArrayLike],
    bits: int = 5,
    *,
    device: str | Path | Device = devices.DEFAULT_DEVICE,
    calibration: str = "none",
    levels: str = "midrise",
    x_range: tuple[float, float] | None = None,
    inputs: str | ArrayLike | None = None,
    circuit: Circuit | None = None,
    column_bits: int | None = None,
) -> Design:
    """Designs a ramp column in closed form: one device and one pulse per step.

    Args:
        function: a name, an expression in `x`, a Python callable, or a table (x, y).
        bits: 2 to 16.
        device: a preset, a path, or a `Device`.
        calibration: `none`, or a correction (`one_point`, `one_point_bias`, `two_point`), `ramp_aware` and
            `redundant:N` joined by `+`.
        levels: `midrise`, `endpoint`, `zero`, `optimal` or `bs_kmq`.
        x_range: (x_lo, x_hi); the function's own by default.
        inputs: how x is distributed: `uniform`, `uniform:LO:HI`, `normal:MEAN:STD`, or recorded inputs; by default
            every output is equally likely.
        circuit: everything around the devices, see `rampjax.circuit.blocks`.
        column_bits: bits of the column, where one of more bits is run at `bits`.

    Raises:
        InputError: a function that cannot be converted, or conductances that the device cannot meet.
    """
    target = _make_target(function, bits, levels, x_range, inputs)
    return design_closed_form(
        target, _as_device(device), circuit or Circuit(), parse_calibration(calibration), column_bits
    )


def _make_target(
    function: str | Callable[..., Any] | Function | tuple[ArrayLike, ArrayLike],
    bits: int,
    levels: str,
    x_range: tuple[float, float] | None,
    inputs: str | ArrayLike | None,
) -> Target:
    chosen = table_function("table", *function) if isinstance(function, tuple) else as_function(function)
    if inputs is None:
        return make_target(chosen, bits, levels, x_range)
    spread = parse_inputs(inputs) if isinstance(inputs, str) else sample_inputs(inputs, "inputs")
    return make_target(chosen, bits, levels, x_range, spread)


def _as_device(device: str | Path | Device) -> Device:
    return device if isinstance(device, Device) else load_device(device)


def simulate(
    design: Design,
    n_samples: int = 10_000,
    *,
    seed: int = 0,
    measures: Sequence[str] = ("max_inl_lsb", "rmse_lsb", "noise_rms_lsb"),
    specs_lsb: Sequence[float] = (0.25, 0.5, 1.0),
    save_samples: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Simulates many chips of a design.

    Args:
        design: what to simulate.
        n_samples: number of chips.
        seed: 0 to 2**63-1.
        measures: of `rampjax.metrics.MEASURES`.
        specs_lsb: specs at which `result.statistics.yield_at` may be asked.
        save_samples: keep the measures of every chip, `result.measures` (n_samples, n_measures).
        progress: called with the number of chips just finished.

    Returns:
        Statistics of all chips; of the first 1000 `kept` (chip, 2, threshold): realised thresholds in x, ramp in V.

    Raises:
        InputError: an unknown measure, or a number out of range.
    """
    for name in measures:
        if name not in MEASURES:
            known = f"expected some of {', '.join(MEASURES)}"
            raise InputError(f"`measures` has the unknown `{name}`, {known}.{nearest(name, MEASURES)}")
    measurement = Measurement(tuple(measures), "max_inl_lsb", tuple(np.asarray(specs_lsb, float).tolist()))
    return runner.simulate(
        design, measurement, n_samples=n_samples, seed=seed, save_samples=save_samples, progress=progress
    )


def solve(
    function: str | Callable[..., Any] | Function | tuple[ArrayLike, ArrayLike],
    bits: int = 5,
    *,
    device: str | Path | Device = devices.DEFAULT_DEVICE,
    calibration: str = "ramp_aware",
    levels: str = "midrise",
    x_range: tuple[float, float] | None = None,
    inputs: str | ArrayLike | None = None,
    circuit: Circuit | None = None,
    column_bits: int | None = None,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
    **settings: Any,
) -> "Solution":
    """Solves for the column that survives variation best: `solution.design`, its scores, the closed form's beside them.

    Args:
        function: a name, an expression in `x`, a Python callable, or a table (x, y).
        bits: 2 to 16.
        device: a preset, a path, or a `Device`.
        calibration: as of `design`.
        levels: as of `design`.
        x_range: (x_lo, x_hi); the function's own by default.
        inputs: as of `design`.
        circuit: everything around the devices; by default pulses are on a grid of sixteenths of a clock where
            `pulse_width` is free.
        column_bits: bits of the column, where one of more bits is run at `bits`.
        seed: of every random number.
        progress: called with the number of steps just finished, of `rampjax.solver.solve.solve_steps`.
        settings: of `rampjax.solver.settings.SolveSettings`, such as `objective="yield"`, `spec_lsb=0.25`.

    Raises:
        InputError: as of `design`; an unknown or wrong setting; a problem without an answer, with what binds.
    """
    from rampjax.solver.solve import Problem  # brings optax, half a second that only a solve needs
    from rampjax.solver.solve import solve as solve_problem

    names = [field.name for field in dataclasses.fields(SolveSettings)]
    for name in settings:
        if name not in names:
            raise InputError(f"`{name}` is not a setting of the solver.{nearest(name, names)}")
    if isinstance(settings.get("free"), list | set):
        settings["free"] = tuple(settings["free"])
    asked = SolveSettings(**settings)
    check_settings(asked)
    grid = DEFAULT_GRID if "pulse_width" in asked.free else 1
    problem = Problem(
        _make_target(function, bits, levels, x_range, inputs),
        _as_device(device),
        circuit or Circuit(pulse_grid=grid),
        parse_calibration(calibration),
        column_bits,
    )
    return solve_problem(problem, asked, seed=seed, progress=progress)


def load_design(path: str | Path) -> Design:
    """Reads a design file: the very design that was written, with the same parameters to the last bit.

    Args:
        path: what `rampjax design --out`, `rampjax solve --out` or `save_design` wrote.

    Raises:
        InputError: names the file and the key that is wrong.
    """
    return read_design(path)


def save_design(design: Design, path: str | Path) -> Path:
    """Writes a design as a file that `load_design` and `rampjax yield --design` read.

    Args:
        design: of a function by name, expression or table; a Python callable cannot be written.
        path: the file, replaced where it is there.

    Raises:
        InputError: a design that a file cannot hold, or a path that cannot be written.
    """
    record = design_record(design)
    try:
        rebuild_design(record, str(path))
    except InputError as error:
        raise InputError(f"{error} A design file holds functions by name, as expressions or as tables.") from None
    return write_whole(Path(path), to_json(record))


def run_study(
    path: str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    resume: bool = False,
    data: str | Path | None = None,
) -> Path:
    """Runs a study file into a folder and returns the path of its page.

    Args:
        path: the study's TOML file.
        out: a new or empty folder; with `resume`, that of a run to continue.
        overrides: `KEY=VALUE`, as `--set` takes them.
        resume: continue a run with the same configuration, seed, versions and backend.
        data: the folder of data files that devices of measured cells need; by default that of RAMPJAX_DATA.

    Raises:
        InputError: see `load_study`, `plan_study` and `run_plan`.
    """
    study = load_study(Path(path), overrides)
    plan = plan_study(study, None if data is None else Path(data))
    return runner.run_plan(plan, Path(out), resume=resume).page
