"""Fits the model's read noise to the time series of one cell: a fast part, a slow part, and whether they are it.

The slow part of `rampjax.circuit.slow_noise`: relaxations whose time constants are spread evenly over their logarithm
from t_lo to t_hi, with the variance A per e-fold. Here t_lo is the time from sample to sample, and t_hi the duration of
the series: what is faster is a part of the fast part, white from sample to sample, and of what is slower a series
shows a drift at most. In between the spectrum is A/f per Hz. How steep it is instead is fitted beside: time constants
weighted by tau^(s-1), of which a spectrum f^-s comes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, special, stats

from rampjax.interop.device_noise.spectrum import (
    CORRELATIONS,
    Bins,
    Floats,
    Relaxations,
    make_bins,
    make_relaxations,
    periodogram_uS2_per_Hz,
    white_per_Hz,
)
from rampjax.interop.device_noise.whittle import Estimate, fit_parts, inflation, interval, misfit, part_interval

LEAST_SAMPLES: Final = 64
STEEPEST: Final = 2.0  # of relaxations: beyond their times all are f^-2
_NO_POWER: Final = 1e-300  # a spectrum may have a gap, of which there is no logarithm
_FITS: Final = 0.01  # p-value below which a spectrum is not the model's


@dataclass(frozen=True, eq=False)
class Basis:
    """What series of one length at one rate have in common."""

    bins: Bins
    relaxations: Relaxations
    white: Floats  # in each bin, per variance
    slow: Floats  # in each bin, per variance of an e-fold
    t_lo_s: float
    t_hi_s: float


@dataclass(frozen=True, eq=False)
class Spectral:
    """The fit of one spectrum."""

    power: Floats  # periodogram in bins, µS²/Hz
    expected: Floats  # fitted
    fast_uS2: Estimate  # variance of the fast part
    slow_uS2: Estimate  # variance A of the slow part per e-fold
    steepness: Estimate | None  # s of f^-s; None: there is no slow part of which it could be told
    p_value: float  # of the fit, octave by octave
    octaves_Hz: Floats  # middles of the octaves
    ratios: Floats  # measured over fitted there
    worst: int  # the octave that fits worst

    @property
    def fits(self) -> bool:
        """Whether the spectrum is the model's, as far as can be seen."""
        return self.p_value >= _FITS


def make_basis(n_samples: int, rate_Hz: float) -> Basis:
    """Returns what series of `n_samples` at a rate have in common."""
    bins = make_bins(n_samples, rate_Hz)
    times = 1.0 / rate_Hz, n_samples / rate_Hz
    relaxations = make_relaxations(bins, *times)
    white = np.full(len(bins.start), white_per_Hz(bins))
    return Basis(bins, relaxations, white, relaxations.weight @ relaxations.per_Hz, *times)


def fit_spectrum(x_uS: Floats, basis: Basis) -> Spectral:
    """Fits the fast and the slow part to a series.

    Args:
        x_uS: conductances at even distances of time, as many as the basis is for; not all the same.
        basis: of `make_basis`.
    """
    bins, count = basis.bins, basis.bins.count
    power = periodogram_uS2_per_Hz(x_uS, bins)
    fast, slow = fit_parts(power, basis.white, basis.slow, count)
    expected = fast * basis.white + slow * basis.slow
    octaves_Hz, ratios, scores = _octaves(power / expected, bins)
    freedom = max(len(scores) - 2, 1)
    p_value = float(stats.chi2.sf(scores.sum(), freedom))
    # Where the spectrum is another, its scatter about the fit takes the place of the model's own.
    excess = max(scores.sum() / freedom, 1.0) if p_value < _FITS else 1.0
    factors = inflation(np.array([basis.white, basis.slow]), expected, bins) * excess
    fast_uS2 = part_interval(power, basis.white, basis.slow, count, fast, factors[0])
    slow_uS2 = part_interval(power, basis.slow, basis.white, count, slow, factors[1])
    steepness = _steepness(power, basis) if slow_uS2.is_told else None
    worst = int(np.argmax(scores))
    return Spectral(power, expected, fast_uS2, slow_uS2, steepness, p_value, octaves_Hz, ratios, worst)


def _octaves(ratio: Floats, bins: Bins) -> tuple[Floats, Floats, Floats]:
    """Middles of octaves, their mean ratio, and twice the drop of log L from their own level to the fit's."""
    which = np.floor(np.log2(bins.start / bins.start[0])).astype(int)
    which = np.minimum(which, which.max() - 1 if np.sum(bins.count[which == which.max()]) < 8 else which.max())
    which = np.maximum(which, 1)  # the first octave has two frequencies: too few by themselves
    _, which = np.unique(which, return_inverse=True)
    n = np.bincount(which, bins.count)
    mean = np.bincount(which, bins.count * ratio) / n
    f_Hz = np.exp(np.bincount(which, bins.count * np.log(bins.f_Hz)) / n)
    one, two = CORRELATIONS
    effective = n / (1 + 2 * one * (1 - 1 / n) + 2 * two * np.maximum(1 - 2 / n, 0))
    return f_Hz, mean, 2 * effective * (mean - 1 - np.log(np.maximum(mean, _NO_POWER)))


def _tilted(basis: Basis, steepness: float) -> tuple[Floats, Floats]:
    """The slow part with time constants weighted by tau^(s-1), and its derivative with s."""
    relaxations = basis.relaxations
    ln_tau = relaxations.ln_tau - relaxations.ln_tau.mean()
    weight = relaxations.weight * np.exp((steepness - 1) * ln_tau)
    return weight @ relaxations.per_Hz, (weight * ln_tau) @ relaxations.per_Hz


def _steepness(power: Floats, basis: Basis) -> Estimate:
    count = basis.bins.count

    def profile(steepness: float) -> float:
        shape = _tilted(basis, steepness)[0]
        fast, slow = fit_parts(power, basis.white, shape, count)
        return misfit(power, fast * basis.white + slow * shape, count)

    grid = np.linspace(0.0, STEEPEST, 17)
    best = int(np.argmin([profile(one) for one in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(profile, bounds=ends, method="bounded", options={"xatol": 1e-4})
    value = min((float(found.x), float(grid[best])), key=profile)
    shape, change = _tilted(basis, value)
    fast, slow = fit_parts(power, basis.white, shape, count)
    expected = fast * basis.white + slow * shape
    factor = inflation(np.array([basis.white, shape, slow * change]), expected, basis.bins)[2]
    return interval(profile, value, 0.1, factor, 0.0, STEEPEST)


def correlation_of_slow(basis: Basis) -> Floats:
    """Returns the autocovariance of the slow part at 0, 1, … samples' distance, per variance of an e-fold.

    E1(D/t_hi) - E1(D/t_lo), as in `rampjax.circuit.slow_noise.correlation`; ln(t_hi/t_lo) at 0.
    """
    n = basis.bins.n_samples
    apart_s = np.arange(1, n) / basis.bins.rate_Hz
    later = special.exp1(apart_s / basis.t_hi_s) - special.exp1(apart_s / basis.t_lo_s)
    return np.concatenate([[np.log(basis.t_hi_s / basis.t_lo_s)], later])
