"""Measured rows as a fit takes them: programming events, their reads, and what is set apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rampjax.interop.device_fit.model import Floats, Observations

Integers = NDArray[np.intp]
_LEAST_uS = 1e-15  # of an error: the square of a smaller one may be 0
_APART = math.log(3.0)  # ages whose logarithms differ less are one age


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

    @property
    def error_uS(self) -> Floats:
        error_uS = self.measured_uS - self.target_uS
        return np.where(np.abs(error_uS) < _LEAST_uS, 0.0, error_uS)


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
    low, high = float(target.min()), float(target.max())
    u = (2 * (target - low) / (high - low) - 1) if high > low else np.zeros(len(target))
    time_s = columns.get("time")
    if time_s is not None and (time_s.min() > 0 or time_s.max() == 0) and np.ptp(_ln(time_s)) < _APART:
        time_s = None
    told = "device" in columns and "cycle" in columns
    own = np.arange(len(target))
    cluster = _numbers(columns["device"]) if "device" in columns else own
    event = _numbers(columns["device"], columns["cycle"], target) if told else own
    return Rows(target, columns["measured"], u, time_s, event, cluster, "device" in columns, told)


def observe(rows: Rows, kept: NDArray[np.bool_]) -> tuple[Observations, Repeats]:
    """Returns the observations and the repeated reads of the rows that are kept."""
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
    first = new_event[new]
    before = np.maximum(np.arange(len(n)) - 1, 0)
    ln_t, aged = _ln(time_s[new]), (time_s[new] > 0).astype(float)
    change = 1.0 - first
    return (
        Observations(
            u=u[new],
            y_uS=mean - change * mean[before],
            first=first.astype(float),
            ln_t=ln_t,
            ln_before=change * ln_t[before],
            aged=aged,
            aged_before=change * aged[before],
            reads=1 / n + change / n[before],
            cluster=cluster[new],
        ),
        repeats,
    )


def each_row(rows: Rows) -> Observations:
    """Returns every row as a single read of an event of its own."""
    n = len(rows.u)
    time_s = np.zeros(n) if rows.time_s is None else rows.time_s
    zero, one = np.zeros(n), np.ones(n)
    return Observations(
        u=rows.u,
        y_uS=rows.error_uS,
        first=one,
        ln_t=_ln(time_s),
        ln_before=zero,
        aged=(time_s > 0).astype(float),
        aged_before=zero,
        reads=one,
        cluster=rows.cluster,
    )


def _ln(time_s: Floats) -> Floats:
    # As the model has it: a younger device is taken as 1 s old.
    return np.log(np.maximum(time_s, 1.0))


def _numbers(*columns: NDArray) -> Integers:
    """Numbers the distinct rows of columns from 0."""
    each = [np.unique(column, return_inverse=True)[1] for column in columns]
    found: Integers = np.unique(np.stack(each, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    return found
