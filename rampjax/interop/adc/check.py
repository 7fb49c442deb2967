"""A real converter, measured: its thresholds, INL and DNL, each with its standard error, beside the typical chip's."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.records import bare
from rampjax.interop.adc.file import Histogram, TransferCurve
from rampjax.interop.adc.linearity import Estimate, InputSignal, from_histogram, from_transfer
from rampjax.interop.column.linearity import Linearity, linearity, slope_lsb
from rampjax.interop.column.program import IDENTITY
from rampjax.interop.column.typical import Typical
from rampjax.target.arithmetic import model_arithmetic

SCHEMA_VERSION: Final = 1
_AGAINST: Final = -0.5  # correlation of the codes with the design's below which they are inverted

FloatArray = NDArray[np.float64]


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
    target = design.target
    if isinstance(measured, Histogram):
        if given is None:
            raise InputError("A histogram needs `--input` ramp:LO:HI or sine:AMPLITUDE:OFFSET, but there is none.")
        estimate, counts = from_histogram(measured, target, given), measured.counts
    else:
        if given is not None:
            raise InputError("`--input` belongs to a histogram; a transfer curve has its inputs in the file.")
        _check_sense(measured, design)
        estimate = from_transfer(measured, target)
        counts = np.bincount(measured.codes, minlength=2**target.bits).astype(float)
    seen = np.isfinite(estimate.x)
    if not seen.any():
        raise InputError(
            "No threshold of the design lies among the measured inputs, expected conversions on both sides of at least "
            f"one: they are from x = {target.thresholds[0]:.6g} to {target.thresholds[-1]:.6g}."
        )
    typical = Typical(design)
    found, inl_error, dnl_error = _linearity(typical, estimate, seen)
    ideal = typical.measure(typical.target_uS)
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: record[key] for key in IDENTITY},
        "method": "transfer curve" if given is None else "histogram",
        "input": None if given is None else given.text,
        "n_conversions": estimate.n,
        "threshold": list(range(1, len(seen) + 1)),
        "boundary": target.boundaries.tolist(),
        "outputs": target.outputs.tolist(),
        "x_target": target.thresholds.tolist(),
        "x": _listed(estimate.x),
        "x_error": _listed(estimate.error_x),
        "x_covariance_next": _listed(estimate.joint_x2),
        "y": _listed(np.where(seen, found.y, np.nan)),
        "inl_lsb": _listed(np.where(seen, found.inl_lsb, np.nan)),
        "inl_error_lsb": _listed(inl_error),
        "dnl_lsb": _listed(np.where(seen[:-1] & seen[1:], found.dnl_lsb, np.nan)),
        "dnl_error_lsb": _listed(dnl_error),
        **_worst(found, inl_error, dnl_error, seen),
        **_errors(found, estimate, seen),
        "missing_codes": _never_seen(design, counts, seen),
        "model_inl_lsb": ideal.inl_lsb.tolist(),
        "model_dnl_lsb": _listed(ideal.dnl_lsb),
        "model_max_inl_lsb": ideal.max_inl_lsb,
        "model_noise_rms_lsb": ideal.values["noise_rms_lsb"],
        "notes": [*measured.notes, *_notes(seen, estimate)],
    }


def _check_sense(curve: TransferCurve, design: Design) -> None:
    """Raises InputError where codes go down as those of the design go up."""
    target = design.target
    wanted = target.codes[np.searchsorted(target.thresholds, curve.x, side="right")]
    wanted, codes = wanted - wanted.mean(), curve.codes - curve.codes.mean()
    if wanted @ codes < _AGAINST * np.linalg.norm(wanted) * np.linalg.norm(codes):
        falls, rises = ("rise", "falls") if (target.direction < 0).all() else ("fall", "rises")
        raise InputError(
            f"The measured codes {falls} where the design {rises}, expected codes in the design's sense: are they, or "
            "is the input, inverted?"
        )


def _linearity(
    typical: Typical, estimate: Estimate, seen: NDArray[np.bool_]
) -> tuple[Linearity, FloatArray, FloatArray]:
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


def _worst(found: Linearity, inl_error: FloatArray, dnl_error: FloatArray, seen: NDArray[np.bool_]) -> dict[str, Any]:
    inl = np.where(seen, np.abs(found.inl_lsb), -1.0)
    dnl = np.where(seen[:-1] & seen[1:] & np.isfinite(found.dnl_lsb), np.abs(found.dnl_lsb), -1.0)
    k, step = int(np.argmax(inl)), int(np.argmax(dnl))
    any_dnl = bool(dnl[step] >= 0)
    return {
        "max_inl_lsb": float(inl[k]),
        "max_inl_error_lsb": bare(float(inl_error[k])),
        "worst_threshold": k + 1,
        "max_dnl_lsb": float(dnl[step]) if any_dnl else None,
        "max_dnl_error_lsb": bare(float(dnl_error[step])) if any_dnl else None,
    }


def _errors(found: Linearity, estimate: Estimate, seen: NDArray[np.bool_]) -> dict[str, Any]:
    """Means over all inputs: absent where a threshold was not reached, or the noise of none shows."""
    noisy = bool(np.isfinite(estimate.sigma_x[seen]).all())
    whole = bool(seen.all())
    return {
        "rmse_lsb": found.values["rmse_lsb"] if whole else None,
        "noise_rms_lsb": found.values["noise_rms_lsb"] if whole and noisy else None,
        "total_rmse_lsb": found.values["total_rmse_lsb"] if whole and noisy else None,
    }


def _never_seen(design: Design, counts: FloatArray, seen: NDArray[np.bool_]) -> list[int]:
    """Codes of bins between two estimated thresholds that no conversion gave."""
    codes = design.target.codes
    inside = np.concatenate([[False], seen[:-1] & seen[1:], [False]])
    elsewhere = set(codes[~inside].tolist())
    return sorted({code for code in codes[inside].tolist() if counts[code] == 0} - elsewhere)


def _notes(seen: NDArray[np.bool_], estimate: Estimate) -> list[str]:
    notes = []
    if not seen.all():
        missed = np.flatnonzero(~seen) + 1
        shown = ", ".join(map(str, missed[:8])) + (", ..." if len(missed) > 8 else "")
        one = len(missed) == 1
        notes.append(
            f"Threshold{'' if one else 's'} {shown} {'lies' if one else 'lie'} outside of the measured inputs: "
            f"{'it is' if one else 'they are'} in no figure."
        )
    descending = int((np.diff(estimate.x[seen]) < 0).sum())
    if descending:
        notes.append(f"{descending} neighbouring thresholds were found in the wrong order, and are taken as equal.")
    return notes


def _listed(values: FloatArray) -> list[float | None]:
    return [bare(value) for value in values.tolist()]
