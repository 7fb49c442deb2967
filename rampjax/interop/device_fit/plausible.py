"""Whether a measured table can be what its header says. A unit is never guessed: a doubt is refused or said.

References:
    The slope and its interval: Sen (1968), J. Am. Stat. Assoc. 63, 1379.
"""

from typing import Final

import numpy as np
from scipy import stats

from rampjax.checks import InputError
from rampjax.interop.device_fit.series import Floats
from rampjax.interop.measured.reader import Measured

_FACTOR: Final = 30.0  # between measured and target: no programming error is as large
_RISES: Final = 0.1  # least slope of measured against target
_FOLLOWS: Final = 0.8  # rank correlation of rows that follow their targets in another unit
_LEAST: Final = 8  # rows of such a group
_MOST_PAIRED: Final = 400  # rows of the slope, which takes all pairs
_NORMAL_95: Final = 1.96
_LEAST_uS: Final = 1e-9  # below it a conductance is 0
_SPAN: Final = 1e3  # of the targets: more is said
_GAP: Final = 10.0
_LINES: Final = 5


def check_follows(table: Measured) -> None:
    """Raises InputError where the measured conductances cannot be those of the targets.

    Args:
        table: with the columns target and measured.
    """
    target, measured = table.columns["target"], table.columns["measured"]
    large = (target > _LEAST_uS) & (target >= np.median(target))
    ratio = float(np.median(measured[large]) / np.median(target[large])) if large.any() else 1.0
    follows = _rank_correlation(target, measured)
    if ratio > _LEAST_uS and not 1 / _FACTOR <= ratio <= _FACTOR and (follows is None or follows > 0.5):
        raise InputError(
            f"{table.path}: measured is about {_times(ratio)} than target in most rows: is the unit right?"
        )
    if follows is not None and _slope_at_most(target, measured) < _RISES:
        raise InputError(
            f"{table.path}: measured does not follow target (rank correlation {follows:.2f}): are the columns and "
            "their units right?"
        )
    _check_one_unit(table, target, measured)


def _check_one_unit(table: Measured, target: Floats, measured: Floats) -> None:
    """Refuses a part of the rows that follows its targets, but many times too large or small."""
    ratio = np.divide(measured, target, out=np.ones(len(target)), where=(target > _LEAST_uS) & (measured > _LEAST_uS))
    for group in (ratio < 1 / _FACTOR, ratio > _FACTOR):
        if group.sum() < _LEAST:
            continue
        correlation = _rank_correlation(target[group], measured[group])
        if correlation is not None and correlation > _FOLLOWS:
            raise InputError(
                f"{table.path}: {int(group.sum())} rows ({_lines(table, group)}) are about "
                f"{_times(float(np.median(ratio[group])))} than their targets, but follow them: is the unit the same "
                "in all rows?"
            )


def plausible_notes(table: Measured, apart: np.ndarray, stuck: np.ndarray) -> list[str]:
    """What looks odd, in sentences.

    Args:
        table: the table.
        apart: rows that are set apart.
        stuck: those of them that are of stuck cells.
    """
    notes = []
    positive = np.unique(table.columns["target"][table.columns["target"] > _LEAST_uS])
    if len(positive) > 1 and positive[-1] / positive[0] > _SPAN:
        notes.append(_span_note(table, positive))
    if apart.mean() > 0.2:
        notes.append(
            f"{table.path}: {int(apart.sum())} of {len(apart)} rows are set apart; with so many, check the columns."
        )
    n_same = _n_repeated(table, ~stuck)
    told = "device" in table.columns and "cycle" in table.columns
    # Without these, readings in coarse steps agree by chance.
    if n_same > (0 if told else 0.01 * len(apart)):
        notes.append(
            f"{table.path}: {n_same} of the rows say the same as another in every column that is read; each counts as "
            "a measurement of its own, but a row written twice would be none."
        )
    return notes


def _span_note(table: Measured, positive: Floats) -> str:
    said = f"{table.path}: the targets go from {positive[0]:g} to {positive[-1]:g} µS"
    place = int(np.argmax(positive[1:] / positive[:-1]))
    target = table.columns["target"]
    if positive[place + 1] / positive[place] >= _GAP:
        above = target > positive[place]
        few = above if above.sum() <= (~above).sum() else ~above & (target > _LEAST_uS)
        said += f", with none between {positive[place]:g} and {positive[place + 1]:g} µS ({_lines(table, few)} beyond)"
    return f"{said}: is the unit the same in all rows?"


def _n_repeated(table: Measured, counted: np.ndarray) -> int:
    numbers = [np.unique(column[counted], return_inverse=True)[1] for column in table.columns.values()]
    return int(counted.sum()) - len(np.unique(np.stack(numbers, axis=1), axis=0))


def _rank_correlation(target: Floats, measured: Floats) -> float | None:
    """Spearman's; None where there are too few rows or targets, 0 where nothing is measured but one value."""
    if len(target) < _LEAST or len(np.unique(target)) < 2:
        return None
    if np.ptp(measured) == 0:
        return 0.0
    return float(stats.spearmanr(target, measured).statistic)


def _slope_at_most(target: Floats, measured: Floats) -> float:
    """The upper end (95 %) of the slope of measured against target, the median over pairs."""
    some = np.sort(np.random.default_rng(0).permutation(len(target))[:_MOST_PAIRED])
    one, other = np.triu_indices(len(some), 1)
    run = target[some][one] - target[some][other]
    apart = np.abs(run) > _LEAST_uS
    slopes = np.sort((measured[some][one] - measured[some][other])[apart] / run[apart])
    if not len(slopes):
        return 1.0
    n = len(some)
    beyond = _NORMAL_95 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return float(slopes[min(int((len(slopes) + beyond) / 2), len(slopes) - 1)])


def _times(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):g} times larger" if ratio > 1 else f"{float(f'{1 / ratio:.2g}'):g} times smaller"


def _lines(table: Measured, chosen: np.ndarray) -> str:
    lines = [str(line) for line in table.lines[chosen][:_LINES]]
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(lines)}{', ...' if chosen.sum() > _LINES else ''}"
