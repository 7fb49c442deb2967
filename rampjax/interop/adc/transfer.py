"""A transfer curve to thresholds: wraps undone, outliers set apart, sweeps up and down compared."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.interop.adc.file import TransferCurve
from rampjax.interop.adc.linearity import Estimate, from_transfer
from rampjax.interop.adc.outliers import find_outliers
from rampjax.interop.adc.sweeps import Hysteresis, both_ways, hysteresis_of, sweep_directions
from rampjax.interop.adc.wraps import Unwrapped, unwrap
from rampjax.target.target import Target

_AGAINST: Final = -0.5  # correlation of the codes with the design's below which they are inverted
_MOST_NAMED: Final = 5
_MANY: Final = 0.01  # share of outliers that is no rare event

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Transfer:
    """What a transfer curve tells."""

    curve: TransferCurve
    estimate: Estimate
    unwrapped: Unwrapped
    outlying: BoolArray
    hysteresis: Hysteresis | None

    @property
    def codes(self) -> NDArray[np.int64]:
        """Codes that act on figures."""
        return self.unwrapped.codes[~self.outlying]

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest input of those that act on figures."""
        x = self.curve.x[~self.outlying]
        return float(x.min()), float(x.max())

    @property
    def notes(self) -> list[str]:
        """What is to be said of it."""
        notes = [*self.unwrapped.notes, *self._outlier_notes()]
        if self.hysteresis is not None and self.hysteresis.significant:
            notes.append(self.hysteresis.note)
        return notes

    def record(self) -> dict[str, Any]:
        """Outliers and wraps as bare JSON values, in the order of the file."""
        which = np.flatnonzero(self.outlying)
        curve, found = self.curve, self.unwrapped
        return {
            "outliers": len(which),
            "outlier_line": [] if curve.lines is None else curve.lines[which].tolist(),
            "outlier_x": curve.x[which].tolist(),
            "outlier_code": curve.codes[which].tolist(),
            "wrapped": int(found.wrapped.sum()),
            "wrap_x": list(found.x),
            "wrap_to": ["0" if fall else "full scale" for fall in found.falls],
        }

    def _outlier_notes(self) -> list[str]:
        which, curve = np.flatnonzero(self.outlying), self.curve
        if not which.size:
            return []
        lines = [f"conversion {i + 1}" if curve.lines is None else f"line {curve.lines[i]}" for i in which]
        named = [f"{at} (x = {curve.x[i]:.6g}, code {curve.codes[i]})" for at, i in zip(lines, which, strict=True)]
        shown = ", ".join(named[:_MOST_NAMED]) + (", ..." if len(named) > _MOST_NAMED else "")
        one, share = len(which) == 1, len(which) / len(curve.x)
        said = (
            f"{len(which)} of {len(curve.x)} conversions {'is an outlier' if one else 'are outliers'}, further from "
            f"what {'its' if one else 'their'} neighbours in x read than noise goes, and {'acts' if one else 'act'} on "
            f"no figure: {shown}."
        )
        if len(which) == 1 or share <= _MANY:
            return [said]
        return [
            said,
            f"Outliers are {100 * share:.2g} % of all conversions, more than a rare glitch: look for a cause.",
        ]


def read_transfer(curve: TransferCurve, target: Target, slope_lsb: FloatArray) -> Transfer:
    """Estimates the thresholds of a transfer curve.

    Args:
        curve: the conversions, in their order.
        target: the function and its codes.
        slope_lsb: (K,) LSB per unit of x at the thresholds of the design.

    Raises:
        InputError: codes that go down as those of the design go up.
    """
    unwrapped, direction = unwrap(curve.x, curve.codes, target), sweep_directions(curve.x)
    codes, outlying = unwrapped.codes, np.zeros(len(curve.x), bool)
    # Sweeps that differ are no outliers of each other.
    for each in np.unique(direction):
        members = direction == each
        outlying[members] = find_outliers(curve.x[members], codes[members], target)
    _check_sense(curve.x[~outlying], codes[~outlying], target)

    def estimate(chosen: BoolArray) -> Estimate:
        chosen = chosen & ~outlying
        found = from_transfer(TransferCurve(curve.x[chosen], codes[chosen], ()), target)
        return dataclasses.replace(found, n=len(curve.x))

    ways = direction > 0, direction < 0
    hysteresis = None
    if ways[0].any() and ways[1].any():
        up, down = map(estimate, ways)
        hysteresis = hysteresis_of(up, down, slope_lsb)
        if hysteresis is not None and hysteresis.significant:
            return Transfer(curve, both_ways(up, down, len(curve.x)), unwrapped, outlying, hysteresis)
    return Transfer(curve, estimate(np.ones(len(curve.x), bool)), unwrapped, outlying, hysteresis)


def _check_sense(x: FloatArray, codes: NDArray[np.int64], target: Target) -> None:
    """Raises InputError where codes go down as those of the design go up."""
    design = target.codes[np.searchsorted(target.thresholds, x, side="right")]
    wanted, found = design - design.mean(), codes - codes.mean()
    if wanted @ found < _AGAINST * np.linalg.norm(wanted) * np.linalg.norm(found):
        falls, rises = ("rise", "falls") if (target.direction < 0).all() else ("fall", "rises")
        raise InputError(
            f"The measured codes {falls} where the design {rises}, expected codes in the design's sense: are they, or "
            "is the input, inverted?"
        )
