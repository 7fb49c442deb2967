"""The read noise of one cell: both parts, how far it wanders within which time, and what of it the model is not."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from rampjax.interop.device_noise.fit import Basis, Spectral, correlation_of_slow, fit_spectrum
from rampjax.interop.device_noise.spectrum import Floats
from rampjax.interop.device_noise.unlike import (
    Drift,
    Jumps,
    expected_within_uS,
    find_drift,
    find_jumps,
    rounding_uS,
    within_uS,
)
from rampjax.interop.device_noise.whittle import Estimate

_LEAST_WINDOW: Final = 16  # samples
_DECADES: Final = 4


@dataclass(frozen=True)
class Wander:
    """Standard deviation within windows of one duration; of neighbouring samples where a window has two."""

    duration_s: float
    mean_uS: float  # mean over windows
    rms_uS: float  # root of the mean variance
    fitted_uS: float  # what the fit expects of the latter


@dataclass(frozen=True, eq=False)
class CellNoise:
    """The noise of one cell."""

    name: str
    mean_uS: float
    spectral: Spectral
    wander: tuple[Wander, ...]  # from neighbouring samples to the whole series
    drift: Drift
    jumps: Jumps | None
    rounding_uS: float
    slow_by_wander_uS: float  # per root e-fold, as the whole wander of the series asks for

    @property
    def read(self) -> Estimate:
        """Standard deviation of the fast part, µS."""
        return self.spectral.fast_uS2.root

    @property
    def slow(self) -> Estimate:
        """Standard deviation of the slow part per root e-fold, µS."""
        return self.spectral.slow_uS2.root

    @property
    def is_rounding(self) -> bool:
        """Whether the fast part may be the rounding of the numbers: uniform over a step, of two samples' worth."""
        return self.read.value**2 < self.rounding_uS**2 / 6


def fit_cell(name: str, x_uS: Floats, basis: Basis) -> CellNoise:
    """Returns the noise of one cell.

    Args:
        name: of the cell.
        x_uS: its series.
        basis: of `make_basis`.
    """
    spectral = fit_spectrum(x_uS, basis)
    one_efold = correlation_of_slow(basis)
    correlation_uS2 = spectral.slow_uS2.value * one_efold
    correlation_uS2[0] += spectral.fast_uS2.value
    rate_Hz = basis.bins.rate_Hz
    wander = tuple(
        Wander(n / rate_Hz, *within_uS(x_uS, n), expected_within_uS(correlation_uS2, n)) for n in _windows(len(x_uS))
    )
    slow_uS2 = max(wander[-1].rms_uS ** 2 - spectral.fast_uS2.value, 0.0)
    return CellNoise(
        name,
        float(x_uS.mean()),
        spectral,
        wander,
        find_drift(x_uS, correlation_uS2),
        find_jumps(x_uS, rate_Hz),
        rounding_uS(x_uS),
        math.sqrt(slow_uS2) / expected_within_uS(one_efold, len(x_uS)),
    )


def _windows(n_samples: int) -> list[int]:
    """Two samples, and the series over 1, 10, 100 and 1000, in samples, as far as there are enough."""
    whole = [n_samples // 10**power for power in range(_DECADES)]
    return [2, *sorted(n for n in whole if n >= _LEAST_WINDOW)]


def wanders_more(cell: CellNoise) -> bool:
    """Whether a cell wanders over the whole series by twice what its fit says, or more."""
    return bool(np.greater(cell.wander[-1].rms_uS, 2 * cell.wander[-1].fitted_uS))
