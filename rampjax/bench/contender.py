"""What is timed, and how: compiling apart, then rounds with all contenders in each, so that noise hits them alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

ROUNDS = 7
Advance = Callable[[int, int, str], None]  # steps done, steps in all, what comes next
_MANY_ERRORS = 4.5  # standard errors that honest contenders practically never lie apart, of a few dozen comparisons


@dataclass(frozen=True)
class Contender:
    """One way to do a job.

    Attributes:
        name: what it is, in the table.
        units: units of the job (chips, conversions) that one call does.
        call: does them, for a seed; returns when they are done.
        sample: for a seed, values whose mean and mean square all contenders of a group share, one per unit.
    """

    name: str
    units: int
    call: Callable[[int], object]
    sample: Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Timing:
    """Rates of one contender in units per second, and what its first call took, compilation included."""

    name: str
    rates: tuple[float, ...]  # one per round
    first_call_s: float

    @property
    def best(self) -> float:
        return max(self.rates)

    @property
    def median(self) -> float:
        return float(np.median(self.rates))


def time_contenders(
    contenders: Sequence[Contender], seconds: float, advance: Advance, rounds: int = ROUNDS
) -> list[Timing]:
    """Times all contenders, interleaved.

    Args:
        contenders: what to time.
        seconds: how long all rounds together last, about; the first calls come on top.
        advance: called with what comes next.
        rounds: slots per contender.

    Returns:
        One timing per contender, in their order.
    """
    total = len(contenders) * (rounds + 1)
    slot_s = seconds / (rounds * len(contenders))
    first_calls_s, calls = [], []
    for i, contender in enumerate(contenders):
        advance(i, total, f"compiling: {contender.name}")
        first_calls_s.append(_time_calls(contender, 1, 0))
        calls.append(max(1, round(slot_s / _time_calls(contender, 1, 1))))
    rates: list[list[float]] = [[] for _ in contenders]
    for turn in range(rounds):
        for i, contender in enumerate(contenders):
            done = len(contenders) * (turn + 1) + i
            advance(done, total, f"round {turn + 1} of {rounds}: {contender.name}")
            rates[i].append(contender.units * calls[i] / _time_calls(contender, calls[i], turn))
    advance(total, total, "done")
    return [Timing(c.name, tuple(r), s) for c, r, s in zip(contenders, rates, first_calls_s, strict=True)]


def _time_calls(contender: Contender, calls: int, seed: int) -> float:
    start = time.perf_counter()
    for call in range(calls):
        contender.call(seed + call)
    return max(time.perf_counter() - start, 1e-9)


def apart_in_errors(a: np.ndarray, b: np.ndarray) -> float:
    """How many standard errors the means, or the mean squares, of two samples lie apart, whichever is more."""
    return max(_apart(a, b), _apart(a**2, b**2))


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    difference = abs(a.mean() - b.mean())
    error = np.sqrt(a.var() / a.size + b.var() / b.size)
    return float(difference / error) if difference else 0.0


def widest_disagreement(contenders: Sequence[Contender]) -> float:
    """How many standard errors the contender farthest from the first lies away from it."""
    first = contenders[0].sample(0)
    return max((apart_in_errors(first, other.sample(i + 1)) for i, other in enumerate(contenders[1:])), default=0.0)


def agree(disagreement: float) -> bool:
    """Whether contenders that lie so many standard errors apart compute the same."""
    return disagreement < _MANY_ERRORS
