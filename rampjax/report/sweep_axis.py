"""The horizontal axis of a swept number: logarithmic where it spans much, with 0 set apart, at whose end it belongs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from rampjax.report.labels import Value, axis_label, is_reads, show

_WIDE = 30.0  # numbers that span more than this go on a logarithmic axis
_MAX_TICKS = 7
_LEAST_DISTANCE = 0.11  # between labels, of the axis
_GAP = 0.17  # of the axis, between its logarithmic part and what has no logarithm


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

    def finish(self, ax: Axes, label: bool) -> None:
        """Sets ticks, limits and label of an axis that is drawn at `places`."""
        every = [*self.values, *([] if self.apart is None else [self.apart])]
        ends = self.places(every)
        pad = 0.04 * np.ptp(ends) or 0.5
        ax.set_xlim(ends.min() - pad, ends.max() + pad)
        ticks = self._ticks()
        if ticks:
            texts = _tick_texts(ticks)
            if self.apart is not None:
                ticks, texts = [*ticks, self.apart], [*texts, "∞" if is_reads(self.key) else show(self.apart)]
            ax.xaxis.set_major_locator(FixedLocator(self.places(ticks).tolist()))
            ax.xaxis.set_major_formatter(FixedFormatter(texts))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(6))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: show(round(x, 12))))
        ax.xaxis.set_minor_formatter(NullFormatter())
        if label:
            ax.set_xlabel(axis_label(self.key))

    def _ticks(self) -> list[float]:
        """The values themselves where their labels fit, else powers of ten; none where matplotlib may choose."""
        places = self.places(self.values)
        fit = len(places) <= _MAX_TICKS and np.diff(places).min(initial=1.0) >= _LEAST_DISTANCE * np.ptp(places)
        if fit:
            return list(self.values)
        if not self.log:
            return [] if self.apart is None else [self.values[0], self.values[-1]]
        low, high = math.ceil(places[0] - 1e-9), math.floor(places[-1] + 1e-9)
        step = max(-(-(high - low + 1) // _MAX_TICKS), 1)
        return [10.0**power for power in range(low, high + 1, step)] or [self.values[0], self.values[-1]]


def _tick_texts(ticks: Sequence[float]) -> list[str]:
    """Returns powers of ten as such where one of them would be long."""
    powers = [math.log10(tick) if tick > 0 else math.nan for tick in ticks]
    if any(tick >= 1e4 or 0 < tick < 1e-3 for tick in ticks) and all(abs(p - round(p)) < 1e-9 for p in powers):
        return [f"$10^{{{round(power)}}}$" for power in powers]
    return [show(tick) for tick in ticks]


def sweep_axis(key: str, values: Sequence[Value]) -> SweepAxis:
    """Chooses the axis for the values of a number."""
    numbers = sorted(float(value) for value in values)
    positive = [value for value in numbers if value > 0]
    log = len(positive) > 1 and numbers[0] >= 0 and positive[-1] > _WIDE * positive[0]
    apart = 0.0 if 0.0 in numbers and (log or (is_reads(key) and len(numbers) > 1)) else None
    return SweepAxis(key, tuple(value for value in numbers if value != apart), log, apart)
