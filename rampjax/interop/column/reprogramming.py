"""Which devices of a measured column to program anew, and to what: as few as bring its worst INL within a spec.

The walk. A device moves every threshold behind it by the same voltage. Going up the ramp with a limit L on |INL|, each
threshold allows a window of shifts; while the windows of a stretch have one in common, nothing need be done. Where they
have none, the device just before is programmed anew, such that the stretch that begins with it lies in the middle of
what its windows allow. Where the devices' range does not bind, no fewer devices can keep L (each of these stretches
needs one: interval stabbing). L starts at the spec and is lowered until the worst INL, with the error of every new
programming event, is within the spec on average. They are programmed in order and each is measured before the next is
aimed, at its aim less what those before have missed.

Left out: where conductances run into the ends of their range, another choice might need fewer devices. A device that is
stuck is to be named: a measurement cannot tell.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from rampjax.circuit.known_ramp import reprogrammed_inl_lsb
from rampjax.interop.column.typical import Typical
from rampjax.interop.column.windows import threshold_windows

N_DRAWS: Final = 256
_LIMITS: Final = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)  # of the spec
_CORRECTIONS: Final = 3  # rounds in which aims are adjusted to the circuit

FloatArray = NDArray[np.float64]
Shifts = tuple[tuple[int, ...], FloatArray]  # thresholds before which a device is programmed anew, shift of each


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
    groups = [np.setdiff1d(group, stuck) for group in _groups(typical)]
    plans: dict[tuple[int, ...], Plan] = {}
    for share in _LIMITS:
        windows = threshold_windows(typical.design.target, share * spec_lsb)
        made = []
        for move_start in (False, True) if len(groups[0]) else (False,):
            shifts = _walk(typical, g_uS, now.thresholds, windows, groups, move_start)
            made.append(_plan(typical, g_uS, now.thresholds, shifts, groups, spec_lsb, seed, plans))
        good = [plan for plan in made if plan.mean_max_inl_lsb <= spec_lsb]
        if good:
            return min(good, key=lambda plan: (len(plan.devices), plan.mean_max_inl_lsb))
    none = Plan((), g_uS, now.max_inl_lsb, now.max_inl_lsb, 0.0)
    return min([none, *plans.values()], key=lambda plan: (plan.mean_max_inl_lsb, len(plan.devices)))


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


def _choose(typical: Typical, g_uS: FloatArray, group: NDArray[np.int64]) -> int:
    """Of the devices between two thresholds the one that is furthest from its target."""
    away = np.abs(g_uS[group] - typical.target_uS[group])
    return int(group[np.argmax(away)])


def _walk(
    typical: Typical,
    g_uS: FloatArray,
    x: FloatArray,
    windows: tuple[FloatArray, FloatArray],
    groups: list[NDArray[np.int64]],
    move_start: bool,
) -> Shifts:
    """Goes up the ramp; returns before which thresholds a device is programmed anew, and the shift of each, in x."""
    low, high = (each - x for each in windows)
    _pin(typical, low, high)
    reach = [_reach(typical, g_uS, group) for group in groups]
    free = typical.design.calibration.correction == "one_point"
    now = (-np.inf, np.inf) if free else reach[0] if move_start else (0.0, 0.0)
    chosen, first, shift = [0] if move_start else [], 0, np.zeros(len(x))
    for k in range(len(x)):
        common = max(now[0], low[k]), min(now[1], high[k])
        if common[0] <= common[1]:
            now = common
            continue
        before = _centre(now)
        least, most = (before + end for end in reach[k])
        if most <= least or (k == 0 and (free or move_start)):
            now = (before, before)  # nothing here to program
            continue
        shift[first:k], first = before, k
        chosen.append(k)
        nearest = float(np.clip(_centre((low[k], high[k])), least, most))
        now = max(least, low[k]), min(most, high[k])
        if now[0] > now[1]:
            now = (nearest, nearest)
    shift[first:] = _centre(now)
    return tuple(chosen), shift


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


def _reach(typical: Typical, g_uS: FloatArray, group: NDArray[np.int64]) -> tuple[float, float]:
    """How far the chosen device of a group can shift what is behind it, in x; nowhere where the group is empty."""
    if not len(group):
        return 0.0, 0.0
    device, chosen = typical.design.device, _choose(typical, g_uS, group)
    ends = (np.array([device.g_min_uS, device.g_max_uS]) - g_uS[chosen]) * typical.x_per_uS[chosen]
    return float(ends.min()), float(ends.max())


def _centre(interval: tuple[float, float]) -> float:
    """The middle; where an end is infinite, what is nearest to no shift."""
    low, high = interval
    return 0.5 * (low + high) if np.isfinite(low) and np.isfinite(high) else float(np.clip(0.0, low, high))


def _plan(
    typical: Typical,
    g_uS: FloatArray,
    x: FloatArray,
    shifts: Shifts,
    groups: list[NDArray[np.int64]],
    spec_lsb: float,
    seed: int,
    known: dict[tuple[int, ...], Plan],
) -> Plan:
    """The aims that make these shifts in the circuit, and what comes of them; kept in `known` where it is the best."""
    thresholds, shift = shifts
    devices = [_choose(typical, g_uS, groups[k]) for k in thresholds]
    planned_uS = g_uS.copy()
    for _ in range(_CORRECTIONS if devices else 0):
        missing = shift - (typical.realise(planned_uS[None]).thresholds[0] - x)
        if typical.design.calibration.correction == "one_point":
            missing = missing - missing[0]  # the stretch before the first device moves with the correction alone
        done = 0.0
        for k, chosen in zip(thresholds, devices, strict=True):
            before_uS, per_uS = planned_uS[chosen], typical.x_per_uS[chosen]
            planned_uS[chosen] = typical.possible_uS(before_uS + (missing[k] - done) / per_uS)
            done += (planned_uS[chosen] - before_uS) * per_uS
    key = tuple(devices)
    plan = _predict(typical, g_uS, planned_uS, key, spec_lsb, seed)
    if key not in known or plan.mean_max_inl_lsb < known[key].mean_max_inl_lsb:
        known[key] = plan
    return plan


def _predict(
    typical: Typical, g_uS: FloatArray, planned_uS: FloatArray, devices: tuple[int, ...], spec_lsb: float, seed: int
) -> Plan:
    chosen = np.zeros(len(typical.params.g_target_uS), bool)
    chosen[list(devices)] = True
    drawn = np.asarray(
        reprogrammed_inl_lsb(
            jax.random.key(seed),
            jnp.asarray(chosen),
            typical.padded(planned_uS),
            typical.padded(g_uS),
            typical.params,
            typical.structure,
            N_DRAWS,
        ),
        np.float64,
    )
    exact = typical.measure(planned_uS).max_inl_lsb
    return Plan(devices, planned_uS, exact, float(drawn.mean()), float((drawn <= spec_lsb).mean()))
