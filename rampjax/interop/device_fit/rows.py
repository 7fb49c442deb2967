"""Measured rows as a fit takes them: programming events, their reads, and what is set apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rampjax.interop.device_fit.series import Floats, Integers, Series, pack
from rampjax.interop.device_fit.shapes import Span

_LEAST_uS = 1e-15  # of an error: the square of a smaller one may be 0
_APART = math.log(3.0)  # ages whose logarithms differ less are one age
_JITTER = 0.35  # of ln t: a wider gap is between two ages
_LEAST_T0_s = 1e-9
_T0_s = 1.0  # at which the law of relaxation begins, where nothing younger is measured


@dataclass(frozen=True, eq=False)
class Rows:
    """One row per read."""

    target_uS: Floats
    measured_uS: Floats
    u: Floats  # target, from -1 to 1 over the measured ones
    time_s: Floats | None  # None: no times, or all of one age
    event: Integers  # which programming event was read
    cluster: Integers  # which device; which event, where devices are not named
    named: bool  # devices are named
    told_events: bool  # reads of one event are told, by device and cycle
    one_each: bool = False  # they are taken as those of one device and target: one at each age
    tolerance_uS: Floats | None = None  # half width of the window in which the target was verified

    @cached_property
    def error_uS(self) -> Floats:
        error_uS = self.measured_uS - self.target_uS
        return np.where(np.abs(error_uS) < _LEAST_uS, 0.0, error_uS)

    @property
    def span(self) -> Span:
        """The range of targets."""
        return Span(float(self.target_uS.min()), float(self.target_uS.max()))

    @cached_property
    def t0_s(self) -> float:
        """The age at which the law of relaxation begins: the youngest measured one, at most 1 s."""
        if self.time_s is None or not (self.time_s > 0).any():
            return _T0_s
        # Of reads that were meant to be alike some are a little younger than the others.
        ages = np.sort(self.time_s[self.time_s > 0])
        youngest = ages[ages < ages[0] * math.exp(_JITTER)]
        return min(max(float(f"{np.median(youngest):.3g}"), _LEAST_T0_s), _T0_s)

    @cached_property
    def ln_t(self) -> Floats:
        """ln(t / t0), 0 for a younger one."""
        return np.zeros(len(self.u)) if self.time_s is None else np.log(np.maximum(self.time_s, self.t0_s) / self.t0_s)

    @cached_property
    def aged(self) -> Floats:
        """1 where the age is above 0."""
        return np.zeros(len(self.u)) if self.time_s is None else (self.time_s > 0).astype(np.float64)

    @cached_property
    def first(self) -> NDArray[np.bool_]:
        """Which rows are the youngest of their event."""
        if self.time_s is None:
            return np.ones(len(self.u), dtype=bool)
        youngest = np.full(self.event.max() + 1, np.inf)
        np.minimum.at(youngest, self.event, self.time_s)
        return np.asarray(self.time_s == youngest[self.event])


@dataclass(frozen=True, eq=False)
class Repeats:
    """Groups of reads of one event at one age: what tells the read noise."""

    squares_uS2: Floats  # sum of squares about the mean
    freedom: Floats
    u: Floats
    cluster: Integers


def make_rows(columns: Mapping[str, NDArray]) -> Rows:
    """Returns the rows of a measured table."""
    target = columns["target"]
    u = Span(float(target.min()), float(target.max())).u(target)
    time_s = columns.get("time")
    if time_s is not None and (time_s.min() > 0 or time_s.max() == 0):
        positive = time_s[time_s > 0]
        if not len(positive) or np.ptp(np.log(np.maximum(positive, _LEAST_T0_s))) < _APART:
            time_s = None
    named = "device" in columns
    told = named and "cycle" in columns
    own = np.arange(len(target))
    cluster = _numbers(columns["device"]) if named else own
    event = _numbers(columns["device"], columns["cycle"], target) if told else own
    one_each = False
    if named and not told and time_s is not None:
        # A device that was read once at each of several ages has been programmed once, if nobody says otherwise.
        assumed = _numbers(columns["device"], target)
        one_each = len(np.unique(np.stack([assumed, _numbers(time_s)]), axis=1).T) == len(target)
        event = assumed if one_each else own
    return Rows(target, columns["measured"], u, time_s, event, cluster, named, told, one_each, columns.get("window"))


def observe(rows: Rows, kept: NDArray[np.bool_]) -> tuple[Series, Repeats]:
    """Returns the series and the repeated reads of the rows that are kept."""
    times = np.zeros(len(rows.u)) if rows.time_s is None else rows.time_s
    chosen = np.flatnonzero(kept)
    order = chosen[np.lexsort((times[chosen], rows.event[chosen]))]
    error, u, time_s = rows.error_uS[order], rows.u[order], times[order]
    event, cluster = rows.event[order], rows.cluster[order]
    new_event = np.concatenate([[True], event[1:] != event[:-1]])
    new = new_event | np.concatenate([[True], time_s[1:] != time_s[:-1]])
    group = np.cumsum(new) - 1
    n = np.bincount(group).astype(np.float64)
    mean = np.bincount(group, error) / n
    squares = np.asarray(np.bincount(group, (error - mean[group]) ** 2), np.float64)
    repeated = n > 1
    repeats = Repeats(squares[repeated], n[repeated] - 1, u[new][repeated], cluster[new][repeated])
    series = pack(event[new], mean, rows.ln_t[order][new], rows.aged[order][new], n, u[new], cluster[new])
    return series, repeats


def age_numbers(ln_t: Floats, aged: Floats) -> Integers:
    """Numbers the ages, those that hardly differ as one; fresh reads have the number 0."""
    number = np.zeros(len(ln_t), dtype=np.intp)
    old = np.flatnonzero(aged > 0)
    if len(old):
        order = old[np.argsort(ln_t[old], kind="stable")]
        number[order] = 1 + np.concatenate([[0], np.cumsum(np.diff(ln_t[order]) > _JITTER)])
    return number


def range_numbers(values: Floats, edges: Floats) -> Integers:
    """Numbers the ranges between ascending edges that values lie in; one on an edge belongs to the range above."""
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))


def _numbers(*columns: NDArray) -> Integers:
    """Numbers the distinct rows of columns from 0."""
    each = [np.unique(column, return_inverse=True)[1] for column in columns]
    found: Integers = np.unique(np.stack(each, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    return found
