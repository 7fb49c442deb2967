"""A real converter, measured: its thresholds, INL and DNL, each with its standard error, beside the typical chip's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.records import bare
from rampjax.interop.adc.ends import overfull_ends
from rampjax.interop.adc.file import Histogram, TransferCurve
from rampjax.interop.adc.linearity import Estimate, InputSignal, counts_below, from_histogram
from rampjax.interop.adc.notes import threshold_notes
from rampjax.interop.adc.straight import Line, end_points, least_squares, through_ends
from rampjax.interop.adc.sweeps import hysteresis_record
from rampjax.interop.adc.transfer import read_transfer
from rampjax.interop.column.linearity import Linearity, linearity, slope_lsb
from rampjax.interop.column.program import IDENTITY
from rampjax.interop.column.typical import Typical
from rampjax.target.arithmetic import model_arithmetic
from rampjax.target.target import Target

SCHEMA_VERSION: Final = 1

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Found:
    """What either kind of measurement tells."""

    estimate: Estimate
    counts: FloatArray  # (M,) of each code
    ends: tuple[float, float]  # lowest and highest input
    notes: list[str]
    record: dict[str, Any]  # of what befell the conversions
    absolute: bool = True  # whether x is known; else the first and the last threshold are put where they are designed


@model_arithmetic()
def check_adc(
    design: Design,
    record: Mapping[str, Any],
    measured: TransferCurve | Histogram,
    given: InputSignal | None = None,
) -> dict[str, Any]:
    """Measures the linearity of a real converter, and returns it as bare JSON values.

    Args:
        design: what it was designed to be.
        record: its design file.
        measured: a transfer curve, or a histogram of codes.
        given: the inputs of a histogram; none of a transfer curve, which brings its own.

    Raises:
        InputError: a histogram without its inputs, or of a function that rises and falls, a transfer curve with inputs
            beside it, or no threshold that the test reaches.
    """
    typical, target = Typical(design), design.target
    if isinstance(measured, Histogram):
        if given is None:
            raise InputError("A histogram needs `--input` ramp:LO:HI or sine:AMPLITUDE:OFFSET, but there is none.")
        found = _of_histogram(measured, target, given)
    else:
        if given is not None:
            raise InputError("`--input` belongs to a histogram; a transfer curve has its inputs in the file.")
        found = _of_curve(measured, typical)
    estimate = found.estimate
    seen = np.isfinite(estimate.x)
    if not seen.any():
        raise InputError(
            "No threshold of the design lies among the measured inputs, expected conversions on both sides of at least "
            f"one: they are from x = {target.thresholds[0]:.6g} to {target.thresholds[-1]:.6g}."
        )
    ideal = typical.measure(typical.target_uS)
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: record[key] for key in IDENTITY},
        "read_as": list(measured.said),
        "method": "transfer curve" if given is None else "histogram",
        "input": None if given is None else given.text,
        "n_conversions": estimate.n,
        **found.record,
        **_measured(typical, found, seen, ideal),
        "missing_codes": _never_seen(design, found.counts, seen),
        "model_inl_lsb": ideal.inl_lsb.tolist(),
        "model_dnl_lsb": _listed(ideal.dnl_lsb),
        "model_max_inl_lsb": ideal.max_inl_lsb,
        "model_noise_rms_lsb": ideal.values["noise_rms_lsb"],
        "notes": [*measured.notes, *found.notes, *threshold_notes(estimate.x, target.thresholds, found.ends)],
    }


def _measured(typical: Typical, found: _Found, seen: BoolArray, ideal: Linearity) -> dict[str, Any]:
    """Thresholds, INL and DNL; absolute ones are absent where the scale of x is not known."""
    target, estimate = typical.design.target, found.estimate
    linear, inl_error, dnl_error = _linearity(typical, estimate, seen)
    known, steps = seen & found.absolute, seen[:-1] & seen[1:]
    return {
        "threshold": list(range(1, len(seen) + 1)),
        "boundary": target.boundaries.tolist(),
        "outputs": target.outputs.tolist(),
        "x_target": target.thresholds.tolist(),
        "x": _listed(np.where(known, estimate.x, np.nan)),
        "x_error": _listed(estimate.error_x),
        "x_covariance_next": _listed(estimate.joint_x2),
        "y": _listed(np.where(known, linear.y, np.nan)),
        "inl_lsb": _listed(np.where(known, linear.inl_lsb, np.nan)),
        "inl_error_lsb": _listed(inl_error),
        "dnl_lsb": _listed(np.where(steps, linear.dnl_lsb, np.nan)),
        "dnl_error_lsb": _listed(dnl_error),
        **_worst(linear, inl_error, dnl_error, known, steps),
        **_straightened(typical, found, linear, inl_error, ideal),
        **_errors(linear, estimate, known),
    }


def _of_curve(curve: TransferCurve, typical: Typical) -> _Found:
    target = typical.design.target
    read = read_transfer(curve, target, slope_lsb(typical.params.target, target.thresholds))
    counts = np.bincount(read.codes, minlength=2**target.bits).astype(float)
    record = {**read.record(), **hysteresis_record(read.hysteresis)}
    return _Found(read.estimate, counts, read.ends, read.notes, record)


def _of_histogram(histogram: Histogram, target: Target, given: InputSignal) -> _Found:
    estimate, overfull = from_histogram(histogram, target, given), overfull_ends(histogram, target, given)
    lost = overfull is not None and overfull.lost
    if lost:
        below, total = counts_below(histogram, target)
        estimate = end_points(estimate, target, below / total, given.slope(below / total))
    low, high = given.place(np.array([0.0, 1.0])).tolist()
    notes = [] if overfull is None else [overfull.note]
    record = {"overfull_ends": overfull is not None}
    return _Found(estimate, histogram.counts, (low, high), notes, record, absolute=not lost)


def _linearity(typical: Typical, estimate: Estimate, seen: BoolArray) -> tuple[Linearity, FloatArray, FloatArray]:
    """INL and DNL of the estimates with their standard errors; thresholds that are not seen stand at their ideal."""
    target, arrays = typical.design.target, typical.params.target
    x = np.where(seen, estimate.x, target.thresholds)
    # Estimates of a code that is all but missing may come in the wrong order.
    x[seen] = np.maximum.accumulate(x[seen])
    sigma_x = np.where(np.isfinite(estimate.sigma_x), estimate.sigma_x, 0.0)
    found = linearity(target, arrays, x, sigma_x)
    slope = slope_lsb(arrays, x)
    inl_error = np.abs(slope) * estimate.error_x
    variance = inl_error[:-1] ** 2 + inl_error[1:] ** 2 - 2 * slope[:-1] * slope[1:] * estimate.joint_x2
    dnl_error = np.where(np.isfinite(found.dnl_lsb), np.sqrt(np.maximum(variance, 0.0)), np.nan)
    return found, inl_error, dnl_error


def _worst(
    found: Linearity, inl_error: FloatArray, dnl_error: FloatArray, known: BoolArray, steps: BoolArray
) -> dict[str, Any]:
    dnl = np.where(steps & np.isfinite(found.dnl_lsb), np.abs(found.dnl_lsb), -1.0)
    step = int(np.argmax(dnl))
    any_dnl = bool(dnl[step] >= 0)
    return {
        **_worst_inl("", found.inl_lsb, inl_error, known),
        "max_dnl_lsb": float(dnl[step]) if any_dnl else None,
        "max_dnl_error_lsb": bare(float(dnl_error[step])) if any_dnl else None,
    }


def _worst_inl(which: str, inl_lsb: FloatArray, error: FloatArray, known: BoolArray) -> dict[str, Any]:
    """The worst INL of the thresholds that are known, its error and its place; absent where none is."""
    k = int(np.argmax(np.where(known, np.abs(inl_lsb), -1.0)))
    there = bool(known[k])
    return {
        f"max_inl{which}_lsb": float(abs(inl_lsb[k])) if there else None,
        f"max_inl{which}_error_lsb": bare(float(error[k])) if there else None,
        f"worst{which}_threshold": k + 1 if there else None,
    }


def _straightened(
    typical: Typical, found: _Found, linear: Linearity, error: FloatArray, ideal: Linearity
) -> dict[str, Any]:
    """INL with offset and gain removed, and these; through the end points where the scale of x is not known."""
    target, x = typical.design.target, found.estimate.x
    seen = np.isfinite(x)
    slope = slope_lsb(typical.params.target, target.thresholds)
    line: Line | None = None
    if found.absolute:
        line, nominal = (least_squares(each, seen, slope, target) for each in (x, ideal.thresholds))
        straight = np.full(len(x), np.nan) if line is None else line.remove(x)
    else:
        straight, nominal = x, through_ends(ideal.thresholds, seen, target)
    known = np.isfinite(straight)
    model = None if nominal is None else _inl(typical, nominal.remove(ideal.thresholds), seen)
    inl = linear.inl_lsb if not found.absolute else _inl(typical, straight, known)
    return {
        "fit": "end points" if not found.absolute else None if line is None else "least squares",
        **({"offset_x": None, "offset_lsb": None, "gain_error_pct": None} if line is None else line.record(target)),
        "x_fit": _listed(straight),
        "inl_fit_lsb": _listed(np.where(known, inl, np.nan)),
        **_worst_inl("_fit", inl, error, known),
        "model_max_inl_fit_lsb": None if model is None else float(np.abs(model[seen]).max()),
    }


def _inl(typical: Typical, x: FloatArray, known: BoolArray) -> FloatArray:
    """INL of thresholds, LSB; those that are not known stand at their ideal."""
    target = typical.design.target
    placed = np.where(known, x, target.thresholds)
    placed[known] = np.maximum.accumulate(placed[known])
    return linearity(target, typical.params.target, placed).inl_lsb


def _errors(found: Linearity, estimate: Estimate, seen: BoolArray) -> dict[str, Any]:
    """Means over all inputs: absent where a threshold was not reached, or the noise of none shows."""
    noisy = bool(np.isfinite(estimate.sigma_x[seen]).all())
    whole = bool(seen.all())
    return {
        "rmse_lsb": found.values["rmse_lsb"] if whole else None,
        "noise_rms_lsb": found.values["noise_rms_lsb"] if whole and noisy else None,
        "total_rmse_lsb": found.values["total_rmse_lsb"] if whole and noisy else None,
    }


def _never_seen(design: Design, counts: FloatArray, seen: BoolArray) -> list[int]:
    """Codes of bins between two estimated thresholds that no conversion gave."""
    codes = design.target.codes
    inside = np.concatenate([[False], seen[:-1] & seen[1:], [False]])
    elsewhere = set(codes[~inside].tolist())
    return sorted({code for code in codes[inside].tolist() if counts[code] == 0} - elsewhere)


def _listed(values: FloatArray) -> list[float | None]:
    return [bare(value) for value in values.tolist()]
