"""The short way in from Python: a design, many chips of it, a study file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rampjax.checks import InputError, nearest
from rampjax.circuit.blocks import Circuit
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import Design, design_closed_form
from rampjax.circuit.device import Device
from rampjax.config import devices
from rampjax.config.build import build_device
from rampjax.config.study_file import load_study
from rampjax.metrics import MEASURES
from rampjax.montecarlo.engine import Result
from rampjax.study import runner
from rampjax.study.tables import Measurement
from rampjax.target.functions import Function, as_function, table_function
from rampjax.target.target import make_target


def load_device(name: str | Path, **overrides: float) -> Device:
    """Loads a preset (`rampjax devices` lists them) or a user's own `.toml` device file.

    Args:
        name: a preset's name, or a path.
        overrides: fields to replace, e.g. `sigma_prog_uS=4.0`; a curve, whatever its form, by a constant.

    Raises:
        InputError: an unknown device or field, or a wrong value.
    """
    return build_device(devices.load_device(name, overrides))


def design(
    function: str | Callable[..., Any] | Function | tuple[ArrayLike, ArrayLike],
    bits: int = 5,
    *,
    device: str | Path | Device = devices.DEFAULT_DEVICE,
    calibration: str = "none",
    levels: str = "midrise",
    x_range: tuple[float, float] | None = None,
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
        levels: `midrise`, `endpoint` or `zero`.
        x_range: (x_lo, x_hi); the function's own by default.
        circuit: everything around the devices, see `rampjax.circuit.blocks`.
        column_bits: bits of the column, where one of more bits is run at `bits`.

    Raises:
        InputError: a function that cannot be converted, or conductances that the device cannot meet.
    """
    chosen = table_function("table", *function) if isinstance(function, tuple) else as_function(function)
    target = make_target(chosen, bits, levels, x_range)
    held = device if isinstance(device, Device) else load_device(device)
    return design_closed_form(target, held, circuit or Circuit(), parse_calibration(calibration), column_bits)


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


def run_study(path: str | Path, out: str | Path, *, overrides: Sequence[str] = (), resume: bool = False) -> Path:
    """Runs a study file into a folder and returns the path of its page.

    Args:
        path: the study's TOML file.
        out: a new or empty folder; with `resume`, that of a run to continue.
        overrides: `KEY=VALUE`, as `--set` takes them.
        resume: continue a run with the same configuration, seed, versions and backend.

    Raises:
        InputError: see `load_study` and `run_plan`.
    """
    study = load_study(Path(path), overrides)
    return runner.run_plan(runner.plan_study(study), Path(out), resume=resume).page
