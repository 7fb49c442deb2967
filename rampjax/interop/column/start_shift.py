"""What the start of a measured ramp should be: two answers, and how bias devices make them.

`middle` puts the middle threshold right, as `one_point_bias` does; `minimax` makes the worst INL as small as a shift
of the whole ramp can.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from rampjax.circuit.calibration import bias_aim_uS
from rampjax.circuit.ramp import volts_per_uS
from rampjax.interop.column.linearity import slope_lsb
from rampjax.interop.column.typical import Typical

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class StartShift:
    """A shift of the whole ramp, and what it makes of the worst INL."""

    kind: str  # middle or minimax
    shift_V: float  # of the start: the ramp is then higher by that much
    shift_lsb: float  # the same in output steps at the middle threshold
    bias_uS: float  # what every bias device is then set to; NaN where there is none
    max_inl_lsb: float  # after it
    limited: bool = False  # the bias devices do not reach so far


def start_shifts(typical: Typical, g_uS: FloatArray) -> tuple[StartShift, ...]:
    """Returns the shift that puts the middle right, and the one with the least worst INL.

    None where the calibration shifts the ramp anyway (`one_point`, `two_point`).

    Args:
        typical: the design.
        g_uS: (device,) measured conductances, µS.
    """
    if typical.design.calibration.correction in ("one_point", "two_point"):
        return ()
    found = typical.realise(g_uS[None])
    middle_V = -float(found.measured_V[0, int(typical.params.calibration.middle)])
    minimax_V = _minimax_x(typical, found.thresholds[0]) * typical.design.scale_V
    made = _by_bias if typical.design.n_bias else _by_start
    return made(typical, g_uS, "middle", middle_V), made(typical, g_uS, "minimax", minimax_V)


def _minimax_x(typical: Typical, x: FloatArray) -> float:
    """The common shift of all thresholds, in x, with the least worst |INL|."""
    reach = float(np.abs(x - typical.design.target.thresholds).max())
    if reach == 0:
        return 0.0

    def worst(shift: float) -> float:
        return _worst_lsb(typical, x + shift)

    found = optimize.minimize_scalar(worst, bounds=(-reach, reach), method="bounded", options={"xatol": 1e-7 * reach})
    return float(found.x) if found.fun < worst(0.0) else 0.0


def _worst_lsb(typical: Typical, x: FloatArray) -> float:
    target = typical.design.target
    spline = typical.params.target.spline
    inside = np.clip(x, np.asarray(spline.x_lo), np.asarray(spline.x_hi))
    return float(np.abs(target.function.evaluate(inside) - target.boundaries).max() / target.lsb)


def _in_lsb(typical: Typical, shift_V: float) -> float:
    thresholds = typical.design.target.thresholds
    middle = thresholds[(len(thresholds) - 1) // 2]
    return float(slope_lsb(typical.params.target, [middle])[0]) * shift_V / typical.design.scale_V


def _by_start(typical: Typical, g_uS: FloatArray, kind: str, shift_V: float) -> StartShift:
    """A start that is set directly, as a voltage."""
    x = typical.realise(g_uS[None]).thresholds[0] + shift_V / typical.design.scale_V
    return StartShift(kind, shift_V, _in_lsb(typical, shift_V), float("nan"), _worst_lsb(typical, x))


def _by_bias(typical: Typical, g_uS: FloatArray, kind: str, shift_V: float) -> StartShift:
    """A start that bias devices make: all are set to the same conductance, within what the device can have."""
    params, n_bias = typical.params, typical.design.n_bias
    gain = volts_per_uS(params.ramp)[:n_bias]
    wanted = params.calibration._replace(middle=jnp.int32(0))
    aim_uS = bias_aim_uS(
        jnp.asarray([-shift_V], jnp.float32), jnp.asarray(g_uS[:n_bias], jnp.float32), gain, params.device, wanted
    )
    bias_uS = float(aim_uS[0])
    now_uS = np.concatenate([np.full(n_bias, bias_uS), g_uS[n_bias:]])
    made_V = float(np.sum(np.asarray(gain, np.float64) * (bias_uS - g_uS[:n_bias])))
    short = abs(made_V - shift_V) > 1e-4 * abs(shift_V) + 1e-6 * typical.design.circuit.v_window_V
    return StartShift(kind, made_V, _in_lsb(typical, made_V), bias_uS, typical.measure(now_uS).max_inl_lsb, short)
