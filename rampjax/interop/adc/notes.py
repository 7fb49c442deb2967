"""What is said of thresholds that a measurement does not tell, or not in order."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_MOST_NAMED: Final = 8


def threshold_notes(x: FloatArray, wanted: FloatArray, ends: tuple[float, float]) -> list[str]:
    """Sentences on thresholds outside of the measured inputs, inside of them but not passed, and out of order.

    Args:
        x: (K,) measured thresholds; NaN where the measurement does not tell.
        wanted: (K,) those of the design.
        ends: the lowest and the highest input.
    """
    missed = np.isnan(x)
    outside = missed & ((wanted < ends[0]) | (wanted > ends[1]))
    notes = []
    for which, where in ((outside, "outside of"), (missed & ~outside, "among")):
        numbers = np.flatnonzero(which) + 1
        if not numbers.size:
            continue
        one = len(numbers) == 1
        lie, passed = ("lies", "was") if one else ("lie", "were")
        place = f"{where} the measured inputs, x = {ends[0]:.6g} to {ends[1]:.6g}"
        unpassed = "" if where == "outside of" else f", but {passed} not passed"
        of = "" if one else f" ({len(numbers)} of {len(x)})"
        notes.append(
            f"Threshold{'' if one else 's'} {_named(numbers.tolist())} {lie} {place}{unpassed}{of}: "
            f"{'it is' if one else 'they are'} in no figure."
        )
    descending = int((np.diff(x[~missed]) < 0).sum())
    if descending:
        notes.append(f"{descending} neighbouring thresholds were found in the wrong order, and are taken as equal.")
    return notes


def _named(numbers: list[int]) -> str:
    """Numbers, those in a row as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}{', ' if len(run) == 2 else ' to '}{run[-1]}" for run in runs]
    return ", ".join(shown[:_MOST_NAMED]) + (", ..." if len(shown) > _MOST_NAMED else "")
