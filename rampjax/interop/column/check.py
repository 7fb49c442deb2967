"""A programmed column, measured: the function that it realises, what to program anew, and where its start should be.

The ramp of the measured conductances is the circuit's own, with every error that all chips share and none that differs
from chip to chip; a correction (`one_point`, `two_point`) is applied as on a chip. Of redundant columns the one with
the least worst INL is selected.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.records import bare
from rampjax.interop.column.devices import BenchDevices
from rampjax.interop.column.linearity import Linearity, linearity
from rampjax.interop.column.program import IDENTITY, program_columns
from rampjax.interop.column.reprogramming import plan_reprogramming
from rampjax.interop.column.start_shift import start_shifts
from rampjax.interop.column.tester_aims import tester_aims
from rampjax.interop.column.typical import Typical
from rampjax.target.arithmetic import model_arithmetic

SCHEMA_VERSION: Final = 1
_ROUNDING_uS: Final = 1e-3  # targets and tolerances of a program are rounded
_STUCK_REL: Final = 0.05  # a device that is off by so much of the largest target, at an end of the range, may be stuck

FloatArray = NDArray[np.float64]


@model_arithmetic()
def check_column(
    design: Design,
    record: Mapping[str, Any],
    devices: BenchDevices,
    *,
    spec_lsb: float = 0.5,
    stuck: Sequence[int] = (),
    seed: int = 1,
) -> dict[str, Any]:
    """Checks measured columns of a design, and returns what was found as bare JSON values.

    Args:
        design: the design.
        record: its design file.
        devices: measured conductances.
        spec_lsb: the worst INL that is still good, in LSB.
        stuck: rows of the selected column that cannot be programmed, from 1.
        seed: of the programming errors by which a new programming is judged.

    Raises:
        InputError: a spec that is not positive, or a row that the design does not have.
    """
    if not 0 < spec_lsb < math.inf:
        raise InputError(f"`spec` must be a positive number of LSB, but is {spec_lsb:g}.")
    typical = Typical(design)
    for row in stuck:
        if not 1 <= row <= typical.n_devices:
            raise InputError(
                f"`stuck` must be a row from 1 to {typical.n_devices}, since the design has so many devices in a "
                f"column, but is {row}."
            )
    found = typical.realise(devices.g_uS)
    each = [
        linearity(design.target, typical.params.target, x, sigma_x)
        for x, sigma_x in zip(found.thresholds, found.sigma_x, strict=True)
    ]
    best = int(np.argmin([one.max_inl_lsb for one in each]))
    g_uS, now = devices.g_uS[best], each[best]
    aims = _device_columns(typical, record, g_uS, found.ahead_V[best], devices.n_reads[best], devices.error_uS[best])
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: record[key] for key in IDENTITY},
        "read_as": list(devices.said),
        "spec_lsb": spec_lsb,
        "columns": list(devices.columns),
        "columns_max_inl_lsb": [one.max_inl_lsb for one in each],
        "column": devices.columns[best],
        **linearity_record(design, now),
        "within_spec": now.max_inl_lsb <= spec_lsb,
        **aims,
        **_plan_record(typical, g_uS, spec_lsb, [row - 1 for row in stuck], seed),
        **_start_record(typical, g_uS),
        "stuck_row": sorted(set(stuck)),
        "seed": seed,
        "notes": [*devices.notes, *_stuck_notes(typical, aims, stuck)],
    }


def linearity_record(design: Design, found: Linearity) -> dict[str, Any]:
    """What thresholds are and how linear, as bare JSON values.

    Args:
        design: whose thresholds they are.
        found: measured.
    """
    target = design.target
    return {
        "threshold": list(range(1, len(target.thresholds) + 1)),
        "boundary": target.boundaries.tolist(),
        "x_target": target.thresholds.tolist(),
        "x": found.thresholds.tolist(),
        "y": found.y.tolist(),
        "inl_lsb": found.inl_lsb.tolist(),
        "dnl_lsb": [bare(value) for value in found.dnl_lsb.tolist()],
        "outputs": target.outputs.tolist(),
        "max_inl_lsb": found.max_inl_lsb,
        "worst_threshold": found.worst + 1,
        **{name: found.values[name] for name in ("max_dnl_lsb", "max_err_lsb", "rmse_lsb")},
        "ideal_rmse_lsb": design.rmse_lsb,
        **{name: found.values[name] for name in ("noise_rms_lsb", "total_rmse_lsb")},
        "missing_codes": list(found.missing_codes),
    }


def _device_columns(
    typical: Typical,
    record: Mapping[str, Any],
    g_uS: FloatArray,
    ahead_V: FloatArray,
    n_reads: NDArray[np.int64],
    error_uS: FloatArray,
) -> dict[str, Any]:
    """Each device with what it should have: its target, or what ramp-aware programming aimed it at."""
    design, n = typical.design, typical.n_devices
    program = program_columns(record)
    wanted_uS, tolerance_uS = np.array(program["conductance_uS"][:n]), np.array(program["tolerance_uS"][:n])
    if design.calibration.ramp_aware:
        wanted_uS = tester_aims(typical, g_uS, ahead_V, tolerance_uS + _ROUNDING_uS)
    outside = np.abs(g_uS - wanted_uS) > tolerance_uS + _ROUNDING_uS
    if design.calibration.correction == "one_point_bias":
        outside[: design.n_bias] = False  # they were set to what the ramp needs, not to their first target
    return {
        "row": program["row"][:n],
        "role": program["role"][:n],
        "step": program["step"][:n],
        "target_uS": program["conductance_uS"][:n],
        "aim_uS": wanted_uS.tolist(),
        "tolerance_uS": tolerance_uS.tolist(),
        "measured_uS": g_uS.tolist(),
        "n_reads": n_reads.tolist(),
        "standard_error_uS": [bare(value) for value in error_uS.tolist()],
        "outside_tolerance_row": (np.flatnonzero(outside) + 1).tolist(),
    }


def _plan_record(
    typical: Typical, g_uS: FloatArray, spec_lsb: float, stuck: Sequence[int], seed: int
) -> dict[str, Any]:
    plan = plan_reprogramming(typical, g_uS, spec_lsb, stuck, seed)
    return {
        "reprogram_row": [device + 1 for device in plan.devices],
        "reprogram_from_uS": g_uS[list(plan.devices)].tolist(),
        "reprogram_to_uS": plan.aim_uS.tolist(),
        "reprogrammed_inl_lsb": typical.measure(plan.g_uS).inl_lsb.tolist(),
        "reprogrammed_max_inl_lsb": plan.max_inl_lsb,
        "reprogrammed_mean_max_inl_lsb": plan.mean_max_inl_lsb,
        "reprogrammed_share_within_spec": plan.share_within,
    }


def _start_record(typical: Typical, g_uS: FloatArray) -> dict[str, Any]:
    shifts = start_shifts(typical, g_uS)
    return {
        "n_bias": typical.design.n_bias,
        "start_kind": [shift.kind for shift in shifts],
        "start_shift_V": [shift.shift_V for shift in shifts],
        "start_shift_lsb": [shift.shift_lsb for shift in shifts],
        "start_bias_uS": [bare(shift.bias_uS) for shift in shifts],
        "start_max_inl_lsb": [shift.max_inl_lsb for shift in shifts],
        "start_limited": [shift.limited for shift in shifts],
    }


def _stuck_notes(typical: Typical, aims: Mapping[str, Any], stuck: Sequence[int]) -> list[str]:
    """Names devices far from their aim at an end of the range: they may be stuck, which a measurement cannot tell."""
    device = typical.design.device
    g_uS, aim_uS = np.array(aims["measured_uS"]), np.array(aims["aim_uS"])
    far = np.abs(g_uS - aim_uS) > np.maximum(2 * np.array(aims["tolerance_uS"]), _STUCK_REL * device.g_max_uS)
    off = (g_uS <= _STUCK_REL * device.g_max_uS) & (g_uS < aim_uS)
    on = (g_uS >= (1 - _STUCK_REL) * device.g_max_uS) & (g_uS > aim_uS)
    rows = [row for row in (np.flatnonzero(far & (off | on)) + 1).tolist() if row not in stuck]
    if not rows:
        return []
    shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
    one = len(rows) == 1
    return [
        f"{'Row' if one else 'Rows'} {shown} may be stuck, far from {'its' if one else 'their'} aim at an end of the "
        f"range; --stuck {rows[0]} plans without programming {'it' if one else 'row ' + str(rows[0])}."
    ]
