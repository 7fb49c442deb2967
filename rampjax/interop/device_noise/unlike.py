"""What of a time series is not the model's read noise: a drift, jumps, the rounding of the file, a larger wander.

The model's noise is normal and stationary, so that a straight line through it and its steps over any time are normal
with known variances. Real cells drift, and jump between levels (random telegraph noise).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import fft, stats

from rampjax.interop.device_noise.spectrum import Floats

_DRIFTS: Final = 3.3  # standard deviations of the model's own trend: 1 cell in 1000
_JUMPS: Final = 6.0  # standard errors of the kurtosis
_LEAST_KURTOSIS: Final = 0.5
_LEAST_STEPS: Final = 200  # for a kurtosis
_BLOCKS: Final = 4  # a block of samples is this many times the one before


@dataclass(frozen=True)
class Drift:
    """A straight line through a series."""

    change_uS: float  # over the whole series
    sd_uS: float  # of such a change by the fitted noise alone

    @property
    def is_seen(self) -> bool:
        """Whether it is more than the fitted noise does by itself."""
        return abs(self.change_uS) > _DRIFTS * self.sd_uS


@dataclass(frozen=True)
class Jumps:
    """Steps between neighbouring blocks of samples, at the duration at which they are the least normal."""

    block_s: float
    kurtosis: float  # excess; 0 of normal steps, 3 of exponential ones
    standard_error: float

    @property
    def is_seen(self) -> bool:
        """Whether the steps have heavier tails than normal ones."""
        return self.kurtosis > max(_JUMPS * self.standard_error, _LEAST_KURTOSIS)


def find_drift(x_uS: Floats, correlation_uS2: Floats) -> Drift:
    """Returns the change of the least-squares line over a series, and its standard deviation by the fitted noise.

    Args:
        x_uS: the series.
        correlation_uS2: autocovariance of the fitted noise at 0, 1, … samples' distance.
    """
    n = len(x_uS)
    line = np.arange(n) - (n - 1) / 2
    line *= (n - 1) / np.sum(line**2)
    size = fft.next_fast_len(2 * n)
    pairs = fft.irfft(np.abs(fft.rfft(line, size)) ** 2, size)[:n]
    variance = pairs[0] * correlation_uS2[0] + 2 * np.dot(pairs[1:], correlation_uS2[1:])
    return Drift(float(line @ x_uS), float(np.sqrt(max(variance, 0.0))))


def find_jumps(x_uS: Floats, rate_Hz: float) -> Jumps | None:
    """Returns the steps with the heaviest tails, over blocks of 1, 4, 16, … samples; None where steps are too few.

    Args:
        x_uS: the series.
        rate_Hz: samples per second.
    """
    found = []
    block = 1
    while len(x_uS) // block > _LEAST_STEPS:
        n = len(x_uS) // block
        steps = np.diff(x_uS[: n * block].reshape(n, block).mean(axis=1))
        if np.ptp(steps) > 0:
            # Of independent normal steps; those of neighbours share a block, which makes it a little larger.
            error = float(np.sqrt(2 * 24 / len(steps)))
            found.append(Jumps(block / rate_Hz, float(stats.kurtosis(steps)), error))
        block *= _BLOCKS
    return max(found, key=lambda one: one.kurtosis / one.standard_error, default=None)


def rounding_uS(x_uS: Floats) -> float:
    """Returns the smallest distance of two different values: what the numbers are rounded to, where they are."""
    distances = np.diff(np.unique(x_uS))
    # Digits of a float are no steps of a converter.
    seen = distances[distances > 1e-9 * np.abs(x_uS).max()]
    return float(seen.min()) if seen.size else 0.0


def within_uS(x_uS: Floats, n_window: int) -> tuple[float, float]:
    """Returns mean and root mean square of the standard deviations within windows of `n_window` samples."""
    n = len(x_uS) // n_window
    variance = x_uS[: n * n_window].reshape(n, n_window).var(axis=1, ddof=1)
    return float(np.sqrt(variance).mean()), float(np.sqrt(variance.mean()))


def expected_within_uS(correlation_uS2: Floats, n_window: int) -> float:
    """Returns what the root mean square of `within_uS` is expected to be by a noise of this autocovariance."""
    distance = np.arange(1, n_window)
    pairs = 2 * np.dot(n_window - distance, correlation_uS2[1:n_window]) / (n_window * (n_window - 1))
    return float(np.sqrt(max(correlation_uS2[0] - pairs, 0.0)))
