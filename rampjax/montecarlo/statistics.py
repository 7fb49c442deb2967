"""Statistics of measures over samples: float64 sums in the order of the samples, counts as integers, on the host."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from rampjax.checks import InputError, nearest
from rampjax.metrics import COUNTS, mean_interval, yield_interval

# Measures are counted on this grid, for quantiles: 1000 edges per decade, so that one is known to 0.2 %.
_POSITIVE = np.logspace(-6, 9, 15 * 1000 + 1)
_GRID = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])


class BlockSums(NamedTuple):
    """Sums of a stretch of samples; float sums per block, so that their order does not depend on the stretch."""

    total: np.ndarray  # (block, measure) float64
    square: np.ndarray  # (block, measure) float64, of finite values
    counts: np.ndarray  # (measure, edge + 1) int64: values in (edge[i-1], edge[i]]
    n_samples: np.ndarray  # () int64
    n_not_finite: np.ndarray  # (measure,) int64

    @staticmethod
    def concatenate(parts: Sequence["BlockSums"]) -> "BlockSums":
        return BlockSums(
            np.concatenate([part.total for part in parts]),
            np.concatenate([part.square for part in parts]),
            *(np.sum([part[i] for part in parts], axis=0) for i in (2, 3, 4)),
        )


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of all samples so far. A value that is not finite counts as a chip outside every spec."""

    names: tuple[str, ...]
    edges: np.ndarray
    total: np.ndarray
    square: np.ndarray
    counts: np.ndarray
    n_samples: int
    n_not_finite: np.ndarray

    @staticmethod
    def empty(names: tuple[str, ...], specs: Sequence[float] = ()) -> "Statistics":
        """Statistics of no samples; at `specs` samples are counted exactly."""
        edges = np.union1d(_GRID, np.asarray(specs, float))
        m = len(names)
        counts = np.zeros((m, len(edges) + 1), np.int64)
        return Statistics(names, edges, np.zeros(m), np.zeros(m), counts, 0, np.zeros(m, np.int64))

    def block_sums(self, values: np.ndarray, block: int) -> BlockSums:
        """Sums of consecutive samples, from the beginning of a block on.

        Args:
            values: (sample, measure) float32.
            block: samples per block; the last block may be shorter.
        """
        finite = np.isfinite(values)
        wide = np.where(finite, values, 0.0).astype(np.float64)
        starts = np.arange(0, len(values), block)
        places = np.searchsorted(self.edges, wide, side="left")
        m = len(self.names)
        counts = [np.bincount(places[finite[:, i], i], minlength=len(self.edges) + 1) for i in range(m)]
        return BlockSums(
            _sum_in_order(wide, starts),
            _sum_in_order(wide**2, starts),
            np.array(counts, np.int64),
            np.array(len(values), np.int64),
            np.asarray(np.sum(~finite, axis=0, dtype=np.int64)),
        )

    def add(self, sums: BlockSums) -> "Statistics":
        """Adds the sums of the samples that follow."""
        return Statistics(
            self.names,
            self.edges,
            _fold(self.total, sums.total),
            _fold(self.square, sums.square),
            self.counts + sums.counts,
            self.n_samples + int(sums.n_samples),
            self.n_not_finite + sums.n_not_finite,
        )

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise InputError(
                f"`{name}` was not measured, expected one of {', '.join(self.names)}.{nearest(name, self.names)}"
            )
        return self.names.index(name)

    def n_not_finite_of(self, name: str) -> int:
        """How many samples have no finite value of a measure."""
        return int(self.n_not_finite[self._place(name)])

    def mean(self, name: str) -> float:
        """Mean over the samples with a finite value, NaN where there is none."""
        i = self._place(name)
        n = self.n_samples - self.n_not_finite[i]
        return float(self.total[i] / n) if n else float("nan")

    def std(self, name: str) -> float:
        """Standard deviation over the samples (n - 1 in the denominator), 0 of a single one."""
        i = self._place(name)
        n = self.n_samples - self.n_not_finite[i]
        if n < 2:
            return 0.0
        return float(np.sqrt(max(self.square[i] - self.total[i] ** 2 / n, 0.0) / (n - 1)))

    def mean_interval(self, name: str, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval of the mean."""
        n = self.n_samples - self.n_not_finite[self._place(name)]
        return mean_interval(self.mean(name), self.std(name), int(n), confidence)

    def quantile(self, name: str, q: float) -> float:
        """Quantile of a measure, interpolated between the edges of its cell, within 0.2 % (or 1e-6).

        Of a count it is whole: exact up to 454, where a cell first holds two whole numbers.
        """
        return self._at_rank(name, q * self.n_samples)

    def quantile_interval(self, name: str, q: float, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of a quantile: between order statistics, whose ranks are binomial whatever the distribution."""
        tail = (1 - confidence) / 2
        # The inverse binomial distribution itself: scipy.stats, which has it too, is slow to load.
        low, high = (float(np.ceil(special.bdtrik(share, self.n_samples, q))) for share in (tail, 1 - tail))
        return self._at_rank(name, low), self._at_rank(name, high + 1)

    def _at_rank(self, name: str, rank: float) -> float:
        counts = self.counts[self._place(name)]
        below = np.cumsum(counts)
        place = int(np.searchsorted(below, min(max(rank, 1e-9), self.n_samples)))
        if place >= len(self.edges):
            return float("inf")  # values that are not finite lie beyond the last edge
        low = self.edges[max(place - 1, 0)]
        share = (rank - below[place] + counts[place]) / max(int(counts[place]), 1)
        value = float(low + min(max(share, 0.0), 1.0) * (self.edges[place] - low))
        if name not in COUNTS:
            return value
        # A cell is open below: its whole numbers are those above `low`, up to its upper edge.
        return float(min(max(np.round(value), np.floor(low) + 1.0), np.floor(self.edges[place]))) + 0.0  # no -0

    def n_within(self, name: str, specs: Sequence[float] | np.ndarray) -> np.ndarray:
        """How many samples have a measure of at most each spec; exact, as the specs are edges of the counts.

        Raises:
            InputError: a spec at which the samples were not counted.
        """
        places = np.searchsorted(self.edges, specs)
        if not np.array_equal(self.edges[np.minimum(places, len(self.edges) - 1)], specs):
            raise InputError(f"`specs` must be among those given to the run, but are {list(specs)}.")
        return np.cumsum(self.counts[self._place(name)])[places]

    def yield_at(self, name: str, spec: float, confidence: float = 0.95) -> tuple[float, float, float]:
        """Yield at a spec with its Clopper-Pearson interval: (yield_fraction, ci_low, ci_high)."""
        n_good = int(self.n_within(name, [spec])[0])
        low, high = yield_interval(n_good, self.n_samples, confidence)
        return n_good / self.n_samples, float(low), float(high)

    def failure_probability(self, name: str, spec: float) -> float:
        """The share of samples outside a spec; counted, so that a rare failure is not lost in 1 - yield."""
        return (self.n_samples - int(self.n_within(name, [spec])[0])) / self.n_samples


def _sum_in_order(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    sums: np.ndarray = np.add.reduceat(values, starts, axis=0)
    return sums


def _fold(start: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    # cumsum adds strictly one after the other, where sum would add pairwise and so depend on the number of blocks.
    running: np.ndarray = np.cumsum(np.concatenate([start[None], blocks]), axis=0)
    return np.asarray(running[-1])
