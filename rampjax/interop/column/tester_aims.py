"""What the devices of a ramp-aware column were aimed at when they were programmed, told from what they measure now.

Each was aimed at what remained to its threshold after those before, as measured then. A device may have changed since
(relaxed, failed); then the aims behind it know nothing of that. Or it may have missed its aim at once (stuck), and the
aims behind it take that back. Which of the two is told by the devices behind it: of all histories the likeliest is
followed, in which a device that is off costs the square of its error over its tolerance, up to that of three standard
deviations, and one that changed since that much in any case (Viterbi's algorithm, with the few likeliest kept). What a
changed device had when it was programmed is estimated from those behind it (a Kalman filter for a constant).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rampjax.interop.column.typical import Typical

FloatArray = NDArray[np.float64]

_CHANGED: Final = 3.0  # cost of a change: a tolerance is sqrt(3) standard deviations, so 3 of these cost 3
_KEPT: Final = 8  # histories that are followed


class _History(NamedTuple):
    cost: float
    mended_V: float  # what changes since took from the ramp ahead, as estimated
    variance_V2: float  # of that estimate
    changes: tuple[tuple[int, float], ...]  # (device, mended_V from there on)


def tester_aims(typical: Typical, g_uS: FloatArray, ahead_V: FloatArray, window_uS: FloatArray) -> FloatArray:
    """(device,) the aim of each in the likeliest history, µS.

    Args:
        typical: the design.
        g_uS: measured conductances, µS.
        ahead_V: deviation of the ramp ahead of each device with these conductances, V.
        window_uS: how far each may end from its aim, µS, above 0.
    """
    gain_V = typical.x_per_uS * typical.design.scale_V

    def aim(k: int, mended_V: float) -> float:
        return typical.possible_uS(typical.target_uS[k] - (ahead_V[k] + mended_V) / gain_V[k])

    kept = [_History(0.0, 0.0, 0.0, ())]
    for k, g in enumerate(g_uS):
        error_V2 = (window_uS[k] * gain_V[k]) ** 2 / 3
        grown = []
        for history in kept:
            off_V = (g - aim(k, history.mended_V)) * gain_V[k]
            grown += _continued(history, k, off_V, error_V2)
        kept = sorted(grown, key=lambda history: history.cost)[:_KEPT]
    mended_V = np.zeros(len(g_uS))
    for k, value in kept[0].changes:
        mended_V[k:] = value
    return np.array([aim(k, mended_V[k]) for k in range(len(g_uS))])


def _continued(history: _History, device: int, off_V: float, error_V2: float) -> list[_History]:
    """What may have happened at a device that is off its aim by so much: programmed so, or changed since."""
    off = off_V**2 / (3 * (error_V2 + history.variance_V2))
    if off > 1:
        mended_V = history.mended_V - off_V
        changed = _History(
            history.cost + _CHANGED,
            mended_V,
            history.variance_V2 + error_V2,
            (*history.changes, (device + 1, mended_V)),
        )
        return [history._replace(cost=history.cost + min(off, _CHANGED)), changed]
    known = history._replace(cost=history.cost + off)
    if history.variance_V2 == 0:
        return [known]
    share = history.variance_V2 / (history.variance_V2 + error_V2)
    mended_V = history.mended_V - share * off_V
    changes = (*history.changes[:-1], (history.changes[-1][0], mended_V))
    return [known._replace(mended_V=mended_V, variance_V2=history.variance_V2 * (1 - share), changes=changes)]
