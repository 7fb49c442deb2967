"""The horizontal axis of a swept number: logarithmic where that suits its values, with 0 set apart where it must be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from rampjax.report.labels import Value, axis_label, is_reads, name_of, show, unit_of, value_text

_WIDE = 30.0  # numbers that span more than this go on a logarithmic axis
_SPREAD = 8.0  # and those that span more than this, where they are more even on it
_GAP = 0.17  # of the axis, between its logarithmic part and what has no logarithm
_IN_PER_CHARACTER, _IN_BETWEEN = 0.062, 0.06  # of labels at 7.5 pt
_MOST_EACH = 9  # more values than this have round ticks instead


@dataclass(frozen=True)
class SweepAxis:
    """Where the values of a number lie.

    Attributes:
        key: the number.
        values: its values, ascending, but for the one set apart.
        log: the axis is logarithmic.
        apart: a value with a place of its own: 0 on a logarithmic axis, and 0 reads, which are noise-free.
    """

    key: str
    values: tuple[float, ...]
    log: bool
    apart: float | None

    def places(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Returns where values are drawn."""
        return np.array([self._place(float(value)) for value in values])

    def _place(self, value: float) -> float:
        if value == self.apart:
            low, high = (self._place(self.values[end]) for end in (0, -1))
            gap = _GAP * (high - low) or 1.0
            return high + gap if is_reads(self.key) else low - gap
        return math.log10(value) if self.log else value

    def finish(self, ax: Axes, width_in: float, label: bool) -> None:
        """Sets ticks, limits and label of an axis that is drawn at `places`.

        Args:
            ax: the axes.
            width_in: about how wide they are, in inches.
            label: whether to name the number.
        """
        every = self.places([*self.values, *([] if self.apart is None else [self.apart])])
        pad = 0.04 * np.ptp(every) or 0.5
        low, high = every.min() - pad, every.max() + pad
        ax.set_xlim(low, high)
        ticks = self._ticks(width_in / (high - low))
        if ticks:
            ax.xaxis.set_major_locator(FixedLocator(self.places(ticks).tolist()))
            ax.xaxis.set_major_formatter(FixedFormatter(self._texts(ticks)))
            ax.xaxis.set_minor_locator(FixedLocator(self.places(self.values).tolist()))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(6))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: show(round(x, 12))))
        ax.xaxis.set_minor_formatter(NullFormatter())
        if label:
            named = name_of(self.key)
            ax.set_xlabel(named[0].upper() + named[1:] if unit_of(self.key) == "s" else axis_label(self.key))

    def _ticks(self, in_per_unit: float) -> list[float]:
        """The values themselves where most of their labels fit, else powers of ten; none where matplotlib chooses."""
        apart = [] if self.apart is None else [self.apart]
        each = self._fitting(self.values, in_per_unit)
        most = len(self.values) if not (self.log or apart) else max(3, 0.6 * len(self.values))
        if len(self.values) <= _MOST_EACH and len(each) >= min(most, len(self.values)):
            return [*each, *apart]
        if not self.log:
            return [self.values[0], self.values[-1], *apart] if apart else []
        low, high = (math.log10(self.values[end]) for end in (0, -1))
        powers = [10.0**power for power in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
        return [*(self._fitting(powers, in_per_unit) if len(powers) > 1 else each), *apart]

    def _fitting(self, ticks: Sequence[float], in_per_unit: float) -> list[float]:
        """Returns the ticks whose labels do not run into each other: the last one, and from the first on what fits."""
        places = in_per_unit * self.places(ticks)
        halves = [0.5 * _IN_PER_CHARACTER * len(text.strip("$^{}")) for text in self._texts(ticks)]

        def clear(i: int, j: int) -> bool:
            return bool(abs(places[i] - places[j]) >= halves[i] + halves[j] + _IN_BETWEEN)

        last = len(ticks) - 1
        kept: list[int] = []
        for i in range(last):
            if (not kept or clear(i, kept[-1])) and clear(i, last):
                kept.append(i)
        return [ticks[i] for i in [*kept, last]]

    def _texts(self, ticks: Sequence[float]) -> list[str]:
        """Returns the labels of ticks: times with their unit, powers of ten as such where one of them would be long."""
        numbers = [tick for tick in ticks if tick != self.apart]
        if unit_of(self.key) == "s":
            return [value_text(self.key, tick) for tick in ticks]
        if any(tick >= 1e4 or 0 < tick < 1e-3 for tick in numbers) and all(map(_is_power, numbers)):
            return [f"$10^{{{round(math.log10(tick))}}}$" if tick != self.apart else "0" for tick in ticks]
        return ["∞" if tick == self.apart and is_reads(self.key) else show(tick) for tick in ticks]


def _is_power(tick: float) -> bool:
    return tick > 0 and abs(math.log10(tick) - round(math.log10(tick))) < 1e-9


def sweep_axis(key: str, values: Sequence[Value]) -> SweepAxis:
    """Chooses the axis for the values of a number."""
    numbers = sorted(float(value) for value in values)
    positive = np.array([value for value in numbers if value > 0])
    log = len(positive) > 1 and numbers[0] >= 0 and _suits_log(positive)
    apart = 0.0 if 0.0 in numbers and (log or (is_reads(key) and len(numbers) > 1)) else None
    return SweepAxis(key, tuple(value for value in numbers if value != apart), log, apart)


def _suits_log(positive: np.ndarray) -> bool:
    span = positive[-1] / positive[0]
    even, even_log = (np.diff(at).std() / np.diff(at).mean() for at in (positive, np.log(positive)))
    return bool(span > _WIDE or (span > _SPREAD and even_log < even))
