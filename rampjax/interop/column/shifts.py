"""The fewest devices that keep all thresholds within their windows, exactly, where a device shifts all behind it.

Going up the ramp, the shifts that can be had with at most n devices programmed anew are a union of intervals, one for
each n: a device adds the interval of what its range allows (Minkowski sum) to what n - 1 could have, and each threshold
cuts all of them by its window. The least n that has a shift left behind the last threshold is the fewest; going back
down gives the devices. A device anywhere may so make up for another further up that cannot be programmed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
Union = list[Interval]  # apart, ascending
FloatArray = NDArray[np.float64]
_ROUNDING: Final = 1e-12  # where an interval is a point
NO_SHIFT: Final[Interval] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Ladder:
    """Devices in the order of the ramp."""

    start: Interval  # shifts that can be had ahead of all devices
    reach: Sequence[Mapping[int, Interval]]  # (threshold,) devices just before it, each with the shifts it can add


def fewest_devices(ladder: Ladder, low: FloatArray, high: FloatArray, most: int) -> tuple[int, ...] | None:
    """The fewest devices with which every threshold can be within its window, ascending; None if more are needed.

    Args:
        ladder: the devices.
        low: (threshold,) least shift.
        high: (threshold,) largest shift.
        most: so many devices at most.
    """
    now: dict[int, Union] = {0: [ladder.start]}
    history = []
    for devices, window in zip(ladder.reach, zip(low.tolist(), high.tolist(), strict=True), strict=True):
        for device, reach in devices.items():
            history.append((device, reach, now))
            now = _with_device(now, reach, most)
        now = _without_repeats({n: _cut(union, window) for n, union in now.items()})
        if not now:
            return None
    left = min(now)
    at = _centre_of_widest(now[left])
    chosen = []
    for device, reach, before in reversed(history):
        if left == 0:
            break
        stay = min(
            (float(np.clip(at, *each)) for each in _having(before, left)), key=lambda x: abs(x - at), default=None
        )
        options = [_intersection(each, (at - reach[1], at - reach[0])) for each in _having(before, left - 1)]
        if stay is not None and (not options or abs(stay - at) <= _ROUNDING * (1 + abs(at))):
            at = stay
            continue
        at = _centre_of_widest(options)
        chosen.append(device)
        left -= 1
    return tuple(sorted(chosen))


def shifts_of(ladder: Ladder, low: FloatArray, high: FloatArray, chosen: Collection[int]) -> FloatArray | None:
    """Shift of each threshold with these devices, in the middle of what is left to it; None where there is none.

    Args:
        ladder: the devices.
        low: (threshold,) least shift.
        high: (threshold,) largest shift.
        chosen: devices that are programmed anew.
    """
    moved = [_sum([reach for device, reach in devices.items() if device in chosen]) for devices in ladder.reach]
    ahead = [ladder.start]
    for reach, window in zip(moved, zip(low.tolist(), high.tolist(), strict=True), strict=True):
        now = _intersection((ahead[-1][0] + reach[0], ahead[-1][1] + reach[1]), window)
        if now[0] > now[1]:
            return None
        ahead.append(now)
    shifts = np.zeros(len(moved))
    at = centre(ahead[-1])
    for k in range(len(moved) - 1, -1, -1):
        shifts[k] = at
        if moved[k] != NO_SHIFT:
            at = centre(_intersection(ahead[k], (at - moved[k][1], at - moved[k][0])))
    return shifts


def centre(interval: Interval) -> float:
    """The middle; where an end is infinite, what is nearest to no shift.

    Args:
        interval: its ends.
    """
    low, high = interval
    return 0.5 * (low + high) if np.isfinite(low) and np.isfinite(high) else float(np.clip(0.0, low, high))


def _with_device(now: dict[int, Union], reach: Interval, most: int) -> dict[int, Union]:
    found = {}
    for n in range(min(now), min(max(now) + 1, most) + 1):
        moved = [(low + reach[0], high + reach[1]) for low, high in _having(now, n - 1)]
        found[n] = _union([*_having(now, n), *moved])
    return _without_repeats(found)


def _having(now: Mapping[int, Union], n: int) -> Union:
    """The shifts of at most n devices; counts that add nothing are left out of `now`."""
    while n >= 0 and n not in now:
        n -= 1
    return now[n] if n >= 0 else []


def _without_repeats(now: dict[int, Union]) -> dict[int, Union]:
    kept: dict[int, Union] = {}
    last: Union = []
    for n, union in sorted(now.items()):
        if union != last:
            kept[n] = last = union
    return kept


def _union(intervals: Union) -> Union:
    merged: Union = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _cut(union: Union, window: Interval) -> Union:
    cut = [_intersection(each, window) for each in union]
    return [(low, high) for low, high in cut if low <= high]


def _intersection(one: Interval, other: Interval) -> Interval:
    return max(one[0], other[0]), min(one[1], other[1])


def _sum(intervals: Sequence[Interval]) -> Interval:
    return sum(low for low, _ in intervals), sum(high for _, high in intervals)


def _centre_of_widest(union: Sequence[Interval]) -> float:
    return centre(max(union, key=lambda each: each[1] - each[0]))
