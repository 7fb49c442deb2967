"""What is observed of each programming event: its errors, read at one age after another.

Series of different lengths stand one after the other by steps: first all first reads, then all second ones, and so on,
longer series first, so that what is read at a step belongs to the first so many series.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Series:
    """Errors of programming events. Of each read: y, ages and numbers; of each event: u and cluster."""

    lengths: tuple[int, ...]  # how many series have a first read, a second, ...
    y_uS: Floats  # the mean error of the reads at one age, step by step
    ln_t: Floats  # ln(t / t0), at least 0
    aged: Floats  # 1 where the age is above 0
    n: Floats  # reads at that age
    u: Floats  # conductance of each event, from -1 to 1 over the measured targets
    cluster: Integers  # which device each event belongs to; a number of its own where devices are not named
    known_uS2: Floats | None = None  # variance of each read that is known beside; None: none

    @property
    def n_events(self) -> int:
        return len(self.u)

    @cached_property
    def event(self) -> Integers:
        """The event of each read."""
        return np.concatenate([np.arange(length) for length in self.lengths])

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where the reads of each step stand."""
        ends = np.cumsum(self.lengths)
        return tuple(slice(int(end) - length, int(end)) for end, length in zip(ends, self.lengths, strict=True))

    @cached_property
    def before(self) -> tuple[Floats, Floats]:
        """ln(t / t0) and aged of the read before each, 0 for a first read."""
        ln_t, aged = np.zeros_like(self.ln_t), np.zeros_like(self.aged)
        for last, now in zip(self.slices, self.slices[1:], strict=False):
            length = now.stop - now.start
            ln_t[now] = self.ln_t[last][:length]
            aged[now] = self.aged[last][:length]
        return ln_t, aged

    @property
    def n_changes(self) -> int:
        return len(self.y_uS) - self.n_events

    @cached_property
    def scale_uS(self) -> float:
        """The size of the errors; never 0."""
        return float(np.sqrt(np.mean(self.y_uS**2))) or 1.0

    def with_errors(self, y_uS: Floats, known_uS2: Floats | None = None) -> "Series":
        """The same reads with other errors, and variances that are known beside."""
        return replace(self, y_uS=y_uS, known_uS2=self.known_uS2 if known_uS2 is None else known_uS2)

    def first(self) -> "Series":
        """The first read of each event alone."""
        some = slice(0, self.n_events)
        return replace(
            self,
            lengths=(self.n_events,),
            y_uS=self.y_uS[some],
            ln_t=self.ln_t[some],
            aged=self.aged[some],
            n=self.n[some],
            known_uS2=None if self.known_uS2 is None else self.known_uS2[some],
        )

    def where(self, chosen: NDArray[np.bool_]) -> "Series":
        """The series of some events.

        Args:
            chosen: by event.
        """
        read = chosen[self.event]
        lengths = [int(chosen[:length].sum()) for length in self.lengths]
        y_uS, ln_t, aged, n = (value[read] for value in (self.y_uS, self.ln_t, self.aged, self.n))
        known = None if self.known_uS2 is None else self.known_uS2[read]
        lengths = [length for length in lengths if length]
        return Series(tuple(lengths), y_uS, ln_t, aged, n, self.u[chosen], self.cluster[chosen], known)


def in_pairs(series: Series) -> Series:
    """Each aged read with the first one of its event, as a series of two: what they changed in between is not asked.

    Args:
        series: of any lengths; single reads stay single.
    """
    if len(series.lengths) == 1:
        return series
    later = np.arange(series.n_events, len(series.y_uS))
    own = series.event[later]
    alone = np.arange(series.lengths[1], series.n_events)
    first = np.concatenate([own, alone])
    y_uS, ln_t, aged, n = (
        np.concatenate([values[first], values[later]]) for values in (series.y_uS, series.ln_t, series.aged, series.n)
    )
    return Series((len(first), len(later)), y_uS, ln_t, aged, n, series.u[first], series.cluster[first])


def pack(event: Integers, y_uS: Floats, ln_t: Floats, aged: Floats, n: Floats, u: Floats, cluster: Integers) -> Series:
    """Series of reads that stand event by event, by age.

    Args:
        event: of each read, ascending.
        y_uS: its error.
        ln_t: ln(t / t0).
        aged: whether its age is above 0.
        n: reads that it is the mean of.
        u: conductance of each read.
        cluster: of each read.
    """
    starts = np.flatnonzero(np.concatenate([[True], event[1:] != event[:-1]]))
    counts = np.diff(np.append(starts, len(event)))
    longest_first = np.argsort(-counts, kind="stable")
    starts, counts = starts[longest_first], counts[longest_first]
    lengths = [int((counts > step).sum()) for step in range(int(counts[0]))]
    order = np.concatenate([starts[:length] + step for step, length in enumerate(lengths)])
    return Series(tuple(lengths), y_uS[order], ln_t[order], aged[order], n[order], u[starts], cluster[starts])
