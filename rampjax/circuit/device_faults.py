"""What figures of a device contradict each other, as sentences: of a device file and of a device on the host alike.

Without jax: files are checked by it. The keys of a file stand bare, those of a device on the host after `device.`.
"""

import math
from typing import Final

import numpy as np

from rampjax.circuit.curves import Points, ShiftCurve, SigmaCurve, is_zero, shift_at_host
from rampjax.circuit.relaxation import LogTimeLaw, relaxed_uS

# Figures that measured cells stand in place of: those of a programmed device's error, and of what becomes of it.
REPLACED_BY_CELLS: Final = (
    *("bias_prog_uS", "sigma_prog_uS", "error_quantiles", "failed_prob", "failed_bias_uS", "failed_sigma_uS"),
    *(
        "relax_mean_uS",
        "relax_sigma_uS",
        "relax_t0_s",
        "relax_quantiles",
        "aged_sigma_uS",
        "sigma_slow_uS",
        "slow_t_lo_s",
        "slow_t_hi_s",
    ),
    *("drift_nu", "sigma_drift_nu", "drift_t0_s", "rtn_prob", "rtn_amplitude_rel", "rtn_tau_s", "write"),
)


def cells_fault(key: str, prefix: str = "") -> str:
    """What is wrong with a figure beside measured cells.

    Args:
        key: the figure, of `REPLACED_BY_CELLS`.
        prefix: what stands before each key.
    """
    return f"`{prefix}{key}` must be absent beside `{prefix}cells`, measured cells that stand in its place."


def read_fault(t_read_ns: float | None, tau_read_ns: float | None, prefix: str = "") -> str | None:
    """What is wrong with the duration of a read and the correlation time of its noise; None where nothing is.

    Args:
        t_read_ns: duration of the read at which the read noise holds, ns.
        tau_read_ns: correlation time, ns.
        prefix: what stands before each key.
    """
    if tau_read_ns is not None and t_read_ns is None:
        return (
            f"`{prefix}tau_read_ns` needs `{prefix}t_read_ns`, the duration of the read at which "
            f"`{prefix}sigma_read_uS` holds."
        )
    if t_read_ns is not None and not t_read_ns > 0:
        return f"`{prefix}t_read_ns` must be positive, but is {t_read_ns:g}."
    if tau_read_ns is not None and not tau_read_ns >= 0:
        return f"`{prefix}tau_read_ns` must be at least 0, but is {tau_read_ns:g}."
    return None


def failed_fault(prob: ShiftCurve, low_uS: float, high_uS: float, prefix: str = "") -> str | None:
    """What is wrong with the share of programming events that fail, at the targets of a device; None where nothing is.

    Args:
        prob: one number, or a curve over the target.
        low_uS: the smallest target, µS.
        high_uS: the largest target, µS.
        prefix: what stands before the key.
    """
    g_uS = np.linspace(low_uS, high_uS, 1001)
    if isinstance(prob, Points):
        g_uS = np.union1d(g_uS, np.clip(prob.g_uS, low_uS, high_uS))
    share = shift_at_host(prob, g_uS)
    off = np.abs(share - 0.5)
    k = int(np.argmax(off))
    if off[k] <= 0.5:
        return None
    return f"`{prefix}failed_prob` must be between 0 and 1 for every target, but is {share[k]:.4g} at {g_uS[k]:.4g} µS."


def relaxation_fault(sigma_uS: LogTimeLaw, t0_s: float, low_uS: float, high_uS: float, prefix: str = "") -> str | None:
    """What is wrong with the spread of the relaxation, at the targets of a device; None where nothing is.

    Args:
        sigma_uS: its law.
        t0_s: the age at which the law begins, s.
        low_uS: the smallest target, µS.
        high_uS: the largest target, µS.
        prefix: what stands before each key.
    """
    if not t0_s > 0:
        return f"`{prefix}relax_t0_s` must be positive, but is {t0_s:g}."
    g_uS, range_uS = np.linspace(low_uS, high_uS, 1001), (low_uS, high_uS)
    first = relaxed_uS(sigma_uS, t0_s, g_uS, t0_s, range_uS)
    slope = relaxed_uS(sigma_uS, t0_s, g_uS, math.e * t0_s, range_uS) - first
    key, grain = f"`{prefix}relax_sigma_uS`", 1e-9 * np.abs([first, slope]).max()  # of a polynomial that touches 0
    k = int(np.argmin(first))
    if first[k] < -grain:
        return (
            f"{key} must be at least 0 for every target from `{prefix}relax_t0_s` on, but is {first[k]:.4g} µS at "
            f"{g_uS[k]:.4g} µS and {t0_s:g} s."
        )
    k = int(np.argmin(slope))
    if slope[k] < -grain:
        return (
            f"{key} must not fall with age for any target, but changes by {slope[k]:.4g} µS per ln(t / 1 s) at "
            f"{g_uS[k]:.4g} µS."
        )
    return None


def slow_noise_fault(
    sigma_slow_uS: SigmaCurve, t_lo_s: float | None, t_hi_s: float | None, contained_in: str | None, prefix: str = ""
) -> str | None:
    """What is wrong with the slow part of the read noise; None where nothing is.

    Args:
        sigma_slow_uS: its standard deviation per root e-fold, µS.
        t_lo_s: the shortest time constant, s.
        t_hi_s: the longest, s.
        contained_in: the key of a spread with time that the device has beside it; None where it has none.
        prefix: what stands before each key.
    """
    if is_zero(sigma_slow_uS):
        return None
    key = f"`{prefix}sigma_slow_uS`"
    if t_lo_s is None or t_hi_s is None:
        return f"{key} needs `{prefix}slow_t_lo_s` and `{prefix}slow_t_hi_s`, between which its time constants lie."
    if not 0 < t_lo_s < t_hi_s:
        return (
            f"`{prefix}slow_t_lo_s` must be positive and below `{prefix}slow_t_hi_s` ({t_hi_s:g} s), but is {t_lo_s:g}."
        )
    if contained_in is not None:
        return (
            f"{key} must be 0 beside `{prefix}{contained_in}`, a fitted spread since programming that already contains "
            f"the slow part of the read noise."
        )
    return None
