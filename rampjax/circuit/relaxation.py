"""The law by which a device relaxes, on the host: a file, the simulation and the fit of measured ages share it.

The mean shift since programming is m(g, t) = c(g) + k(g) ln(max(t, t0) / 1 s), its standard deviation
S(g, t) = a(g) + b(g) ln(max(t, t0) / 1 s), and both are 0 at t = 0. Each of c, k, a and b is a number or a polynomial
of the conductance as programmed; a polynomial says nothing beyond the range of targets, so g is kept inside it.
Left out: an upper age at which relaxation ends, and any return. Without jax: files are checked by it.

References:
    Relaxation that is linear in ln t, for filamentary oxides: arXiv 2502.04524.
"""

import numpy as np
from numpy.polynomial.polynomial import polyadd, polyval

Terms = float | tuple[float, ...]  # µS: a number, or coefficients of ascending powers of g in µS
LogTimeLaw = tuple[Terms, Terms]  # value at 1 s, slope per ln(t / 1 s)
DEFAULT_T0_S = 1.0  # where published logarithms start


def relaxed_uS(
    law: LogTimeLaw, t0_s: float, g_uS: float | np.ndarray, age_s: float | np.ndarray, range_uS: tuple[float, float]
) -> np.ndarray:
    """A law at conductances and ages that broadcast, µS: at(g) + per(g) ln(max(t, t0) / 1 s), 0 at t = 0.

    Args:
        law: of the mean or of the standard deviation.
        t0_s: the age at which it begins, s: a younger device is taken as this old.
        g_uS: conductances as programmed, µS.
        age_s: times since programming, s.
        range_uS: smallest and largest target, µS.
    """
    g = np.clip(np.asarray(g_uS, float), *range_uS)
    at_1s, per_ln = (np.asarray(polyval(g, np.atleast_1d(terms))) for terms in law)
    return np.where(np.asarray(age_s) > 0, at_1s + per_ln * _log_age(age_s, t0_s), 0.0)


def terms_at(law: LogTimeLaw, t0_s: float, age_s: float) -> Terms:
    """A law at one age: what is left is a number, or a polynomial of the conductance where a part of it is one.

    Args:
        law: of the mean or of the standard deviation.
        t0_s: the age at which it begins, s.
        age_s: time since programming, s.
    """
    at_1s, per_ln = law
    log = float(_log_age(age_s, t0_s))
    if isinstance(at_1s, tuple) or isinstance(per_ln, tuple):
        whole = polyadd(np.atleast_1d(at_1s), log * np.atleast_1d(per_ln))
        return tuple(whole.tolist()) if age_s > 0 else (0.0,)
    return at_1s + per_ln * log if age_s > 0 else 0.0


def _log_age(age_s: float | np.ndarray, t0_s: float) -> np.ndarray:
    return np.asarray(np.log(np.maximum(age_s, t0_s)))


def calibrated_at_s(age_s: float, recalibrate_s: float | None) -> float:
    """The age at which a chip was last calibrated, s.

    Args:
        age_s: its age now, s.
        recalibrate_s: interval between calibrations, s; None: calibrated at age 0.
    """
    return 0.0 if recalibrate_s is None else max(age_s - recalibrate_s, 0.0)
