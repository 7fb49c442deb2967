"""Which devices of a measured column to program anew, and to what: as few as bring its worst INL within a spec.

A device moves every threshold behind it by the same voltage. With a limit L on |INL|, each threshold allows a window of
shifts, and the fewest devices whose ranges reach all windows are found exactly (`interop.column.shifts`). For each
number of devices L is lowered until no choice of so many suffices; each stretch between them lies in the middle of what
is left to it. The number is the least found with which the worst INL, with the error of every new programming event, is
within the spec on average. They are programmed in order and each is measured before the next is aimed, at its aim less
what those before have missed.

Left out: that few conductance levels cannot make every shift. The errors of programming are predicted of a few choices
of each number of devices, and of some numbers, so that with them "the fewest" is the fewest found. A device that is
stuck is to be named: a measurement cannot tell.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from rampjax.circuit.known_ramp import reprogrammed_inl_lsb
from rampjax.interop.column.shifts import Interval, Ladder, fewest_devices, shifts_of
from rampjax.interop.column.typical import Typical
from rampjax.interop.column.windows import threshold_windows
from rampjax.montecarlo.keys import seeded_key

N_DRAWS: Final = 256
_LEAST: Final = 0.05  # of the spec: a limit that further devices need not go below
_HALVINGS: Final = 12
_HIGHER: Final = 1.4  # times the lowest limit, up to which others are tried too
_PARTS: Final = (0.25, 0.5, 0.75, 1.0)  # of the way there
_ROUNDING_LSB: Final = 1e-3  # of the circuit's single precision, so that the column as it is is within its limit
_CORRECTIONS: Final = 3  # rounds in which aims are adjusted to the circuit

FloatArray = NDArray[np.float64]
Found = TypeVar("Found")
Windows = tuple[FloatArray, FloatArray]  # (threshold,) least and largest shift


@dataclass(frozen=True, eq=False)
class Plan:
    """Devices to program anew."""

    devices: tuple[int, ...]  # counted from 0, ascending
    g_uS: FloatArray  # (device,) the column after it, if every aim is met
    max_inl_lsb: float  # its worst INL then
    mean_max_inl_lsb: float  # mean over the errors of these programming events
    share_within: float  # of these outcomes, how many are within the spec

    @property
    def aim_uS(self) -> FloatArray:
        return self.g_uS[list(self.devices)]


def plan_reprogramming(
    typical: Typical, g_uS: FloatArray, spec_lsb: float, stuck: Sequence[int] = (), seed: int = 1
) -> Plan:
    """The fewest devices to program anew, with their aims; none where the column is within the spec.

    Args:
        typical: the design.
        g_uS: (device,) measured conductances, µS.
        spec_lsb: largest worst INL, in LSB.
        stuck: devices that cannot be programmed, counted from 0.
        seed: of the programming errors that the prediction draws.

    Returns:
        The plan within the spec on average, or, where there is none, the one that comes nearest.
    """
    now = typical.measure(g_uS)
    if now.max_inl_lsb <= spec_lsb:
        return Plan((), g_uS, now.max_inl_lsb, now.max_inl_lsb, 1.0)
    search = _Search(typical, g_uS, now.thresholds, spec_lsb, now.max_inl_lsb + _ROUNDING_LSB, frozenset(stuck), seed)
    plans = _try_numbers(search)
    good = [plan for plan in plans if plan.mean_max_inl_lsb <= spec_lsb]
    if good:
        return min(good, key=lambda plan: (len(plan.devices), plan.mean_max_inl_lsb))
    none = Plan((), g_uS, now.max_inl_lsb, now.max_inl_lsb, 0.0)
    return min([none, *plans], key=lambda plan: (plan.mean_max_inl_lsb, len(plan.devices)))


@dataclass(frozen=True, eq=False)
class _Search:
    """A column above its spec."""

    typical: Typical
    g_uS: FloatArray
    x: FloatArray  # (threshold,) as it is
    spec_lsb: float
    now_lsb: float  # its worst INL
    stuck: frozenset[int]
    seed: int

    @cached_property
    def ladder(self) -> Ladder:
        free = self.typical.design.calibration.correction == "one_point"
        groups = _groups(self.typical)
        return Ladder((-np.inf, np.inf) if free else (0.0, 0.0), [self._reach(group) for group in groups])

    def _reach(self, group: NDArray[np.int64]) -> dict[int, Interval]:
        """How far each device can shift what is behind it, in x; the one furthest from its target first."""
        typical, device = self.typical, self.typical.design.device
        away = np.abs(self.g_uS - typical.target_uS)
        reach = {}
        for each in sorted(group.tolist(), key=lambda one: -float(away[one])):
            ends = (np.array([device.g_min_uS, device.g_max_uS]) - self.g_uS[each]) * typical.x_per_uS[each]
            if each not in self.stuck and ends.min() < ends.max():
                reach[each] = float(ends.min()), float(ends.max())
        return reach

    @property
    def n_devices(self) -> int:
        return sum(map(len, self.ladder.reach))

    def windows(self, limit_lsb: float) -> Windows:
        """Shifts of each threshold with which |INL| is at most a limit."""
        low, high = (each - self.x for each in threshold_windows(self.typical.design.target, limit_lsb))
        _pin(self.typical, low, high)
        return low, high

    def fewest(self, limit_lsb: float, most: int) -> tuple[int, ...] | None:
        return fewest_devices(self.ladder, *self.windows(limit_lsb), most)

    def plan(self, number: int) -> Plan | None:
        """The best found of at most so many devices; None where they mend nothing.

        The choice that brings the worst INL lowest may suffer more from the errors of programming than another that
        does not: some of those of higher limits are tried too.
        """
        lowest, devices = _lowest(lambda limit: self.fewest(limit, number), self.now_lsb)
        highest = min(max(self.spec_lsb, _HIGHER * lowest), self.now_lsb)
        others = [self.fewest(lowest + part * (highest - lowest), number) for part in _PARTS]
        plans = [self._of(each) for each in dict.fromkeys([devices, *others]) if each]
        return min(filter(None, plans), key=lambda plan: plan.mean_max_inl_lsb, default=None)

    def _of(self, devices: tuple[int, ...]) -> Plan | None:
        """These devices, aimed as the lowest limit that they can keep allows."""
        chosen = frozenset(devices)
        _, shift = _lowest(lambda limit: shifts_of(self.ladder, *self.windows(limit), chosen), self.now_lsb)
        return None if shift is None else _predict(self, _aims(self, devices, shift), devices)


def _lowest(find: Callable[[float], Found | None], start_lsb: float) -> tuple[float, Found | None]:
    """The lowest limit up to `start_lsb` at which something is found, to a few thousandths of it, and what."""
    low, high = 0.0, start_lsb
    found = find(high)
    for _ in range(_HALVINGS if found is not None else 0):
        middle = 0.5 * (low + high)
        there = find(middle)
        if there is None:
            low = middle
        else:
            high, found = middle, there
    return high, found


def _try_numbers(search: _Search) -> list[Plan]:
    """Plans of ever more devices until one is within the spec on average, then of the numbers between."""
    every = search.n_devices
    floor, devices = _lowest(lambda limit: search.fewest(limit, every), search.now_lsb)
    if not devices:
        return []
    enough = search.fewest(max(floor, _LEAST * search.spec_lsb), every)
    most = max(1, len(enough or devices))
    at_spec = search.fewest(search.spec_lsb, every)
    low = len(at_spec) - 1 if at_spec else 0  # so many are too few
    plans, high, step = [], most + 1, 1
    while low + 1 < high:
        number = min(low + step, most) if high > most else (low + high) // 2
        plan = search.plan(number)
        plans += [] if plan is None else [plan]
        if plan is not None and plan.mean_max_inl_lsb <= search.spec_lsb:
            high = number
        else:
            low, step = number, 2 * step
    return plans


def _groups(typical: Typical) -> list[NDArray[np.int64]]:
    """The devices between each threshold and the one before; of the first: what makes the start."""
    design = typical.design
    place = design.n_bias + np.concatenate([[0], np.cumsum(design.n_devices)])[design.level_of]
    between = [np.arange(low, high) for low, high in itertools.pairwise(place)]
    # A correction that shifts the ramp takes a change of its start back.
    start = np.arange(0 if _fixed_start(typical) else place[0], place[0])
    return [start, *between]


def _fixed_start(typical: Typical) -> bool:
    return typical.design.calibration.correction in ("none", "one_point_bias")


def _pin(typical: Typical, low: FloatArray, high: FloatArray) -> None:
    """Thresholds at which a correction holds the ramp do not move."""
    design = typical.design
    levels = {
        "one_point": [int(typical.params.calibration.middle)],
        "two_point": [0, int(typical.params.calibration.last)],
    }.get(design.calibration.correction, [])
    for level in levels:
        k = min(int(np.searchsorted(design.level_of, level)), len(low) - 1)
        low[k] = high[k] = 0.0


def _aims(search: _Search, devices: tuple[int, ...], shift: FloatArray) -> FloatArray:
    """The column whose devices make these shifts in the circuit."""
    typical, planned_uS = search.typical, search.g_uS.copy()
    before = {device: k for k, reach in enumerate(search.ladder.reach) for device in reach}
    for _ in range(_CORRECTIONS):
        missing = shift - (typical.realise(planned_uS[None]).thresholds[0] - search.x)
        if typical.design.calibration.correction == "one_point":
            missing = missing - missing[0]  # the stretch before the first device moves with the correction alone
        done = 0.0
        for device in devices:
            now_uS, per_uS = planned_uS[device], typical.x_per_uS[device]
            planned_uS[device] = typical.possible_uS(now_uS + (missing[before[device]] - done) / per_uS)
            done += (planned_uS[device] - now_uS) * per_uS
    return planned_uS


def _predict(search: _Search, planned_uS: FloatArray, devices: tuple[int, ...]) -> Plan:
    typical = search.typical
    chosen = np.zeros(len(typical.params.g_target_uS), bool)
    chosen[list(devices)] = True
    drawn = np.asarray(
        reprogrammed_inl_lsb(
            seeded_key(search.seed),
            jnp.asarray(chosen),
            typical.padded(planned_uS),
            typical.padded(search.g_uS),
            typical.params,
            typical.structure,
            N_DRAWS,
        ),
        np.float64,
    )
    exact = typical.measure(planned_uS).max_inl_lsb
    return Plan(devices, planned_uS, exact, float(drawn.mean()), float((drawn <= search.spec_lsb).mean()))
