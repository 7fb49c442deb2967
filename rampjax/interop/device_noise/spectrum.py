"""The spectrum of a time series, and what the model of read noise expects there: exactly, for any number of samples.

A series x_0 … x_{N-1}, a sample each dt, is multiplied by a Hann window h_t = 1 - cos(2 pi t/N) and transformed; at the
frequencies j/(N dt) from j = 2 on its mean then drops out, and a drift nearly so. What the periodogram there is
expected to be is not the spectrum: frequencies above half the rate fold back, and the window lets neighbours in. Both
are in the expectation used here. For a relaxation of variance 1 and correlation phi^d at a distance of d samples it is

    P_j = 2 dt/H(0) [H(0) + 2 Re sum_{d=1}^{N-1} H(d) phi^d e^{-2 pi i j d/N}],
    H(d) = sum_t h_t h_{t+d} = (N-d) (1 + cos(theta d)/2) + (cot(theta/2) - cot(theta)/2) sin(theta d),  theta = 2 pi/N,

a sum of geometric series; white noise of variance 1 has 2 dt. Per Hz, one-sided.

References:
    Sykulski, Olhede, Guillaumin, Lilly and Early, Biometrika 106, 251 (2019): the periodogram's expectation in place of
    the spectrum. Harris, Proc. IEEE 66, 51 (1978): the Hann window.
Samples are taken as values of a moment, not as means over 1/rate.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]

FIRST: Final = 2  # the first frequency, over 1/duration, that the mean does not reach
_PER_OCTAVE: Final = 12  # bins, where frequencies are dense enough
_PLACES: Final = 16  # frequencies of a bin at which the expectation is formed
_NODES_PER_EFOLD: Final = 3  # of time constants: the quadrature is exact to 1e-6
# Of periodogram ordinates under a Hann window, one and two frequencies apart: (2/3)^2 and (1/6)^2.
CORRELATIONS: Final = (4 / 9, 1 / 36)


@dataclass(frozen=True, eq=False)
class Bins:
    """Neighbouring frequencies taken together: about evenly spaced in ln f, single ones at the low end."""

    n_samples: int
    rate_Hz: float
    start: NDArray[np.int64]  # first frequency of each bin, in 1/duration
    count: NDArray[np.int64]  # how many frequencies

    @property
    def f_Hz(self) -> Floats:
        """The mean frequency of each bin."""
        return (self.start + (self.count - 1) / 2) * self.rate_Hz / self.n_samples


def make_bins(n_samples: int, rate_Hz: float) -> Bins:
    """Returns the bins of a series, from 2/duration to below half the rate."""
    end = (n_samples + 1) // 2
    n_edges = int(np.log2(end / FIRST) * _PER_OCTAVE) + 1
    edges = np.unique(np.round(np.geomspace(FIRST, end, n_edges)).astype(np.int64))
    return Bins(n_samples, rate_Hz, edges[:-1], np.diff(edges))


def periodogram_uS2_per_Hz(x_uS: Floats, bins: Bins) -> Floats:
    """Returns the mean of the one-sided periodogram in each bin, µS²/Hz."""
    window = 1 - np.cos(2 * np.pi * np.arange(len(x_uS)) / len(x_uS))
    scale = 2.0 / (bins.rate_Hz * np.sum(window**2))
    power = scale * np.abs(fft.rfft(window * (x_uS - x_uS.mean()))) ** 2
    end = int(bins.start[-1] + bins.count[-1])
    total = np.add.reduceat(power[:end], bins.start)
    mean: Floats = total / bins.count
    return mean


def white_per_Hz(bins: Bins) -> float:
    """What white noise of variance 1 is expected to have in every bin."""
    return 2.0 / bins.rate_Hz


def relaxation_per_Hz(bins: Bins, tau_s: float) -> Floats:
    """What a relaxation of variance 1 is expected to have in each bin: the module's P_j, averaged over the bin."""
    n = bins.n_samples
    step = 1.0 / (bins.rate_Hz * tau_s)
    places = np.minimum(bins.count, _PLACES)
    index = np.concatenate(
        [s + (np.arange(p) + 0.5) * c / p - 0.5 for s, c, p in zip(bins.start, bins.count, places, strict=True)]
    )
    index = np.round(index)
    theta = 2 * np.pi / n
    cot = 1 / np.tan(theta / 2) - 0.5 / np.tan(theta)

    def sums(shift: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Sums over d of v^d and of (n - d) v^d, with v = phi e^{-i theta (j + shift)}: v^n is phi^n."""
        log_v = -step - 1j * theta * (index + shift)
        v, rest = np.exp(log_v), -np.expm1(log_v)
        powers = (v - np.exp(-step * n)) / rest
        return powers, v / rest * (n - 1 - powers)

    (_, at), (low, at_low), (high, at_high) = sums(0), sums(-1), sums(1)
    # cos(theta d) is half the sum of both shifts; e^{+i theta d} comes with the shift -1.
    folded = np.real(at + (at_low + at_high) / 4 + cot * (low - high) / 2j)
    power = 2.0 / bins.rate_Hz * (1.0 + 2.0 * folded / (1.5 * n))
    starts = np.concatenate([[0], np.cumsum(places)[:-1]])
    mean: Floats = np.add.reduceat(power, starts) / places
    return mean


@dataclass(frozen=True, eq=False)
class Relaxations:
    """Relaxations with time constants from t_lo to t_hi, by which an integral over ln tau is a weighted sum."""

    ln_tau: Floats  # of tau in s
    weight: Floats  # e-folds that each stands for
    per_Hz: Floats  # (relaxation, bin): what one of variance 1 is expected to have


def make_relaxations(bins: Bins, t_lo_s: float, t_hi_s: float) -> Relaxations:
    """Returns relaxations at Gauss-Legendre nodes of ln tau between t_lo and t_hi, s."""
    efolds = np.log(t_hi_s / t_lo_s)
    place, weight = np.polynomial.legendre.leggauss(int(_NODES_PER_EFOLD * efolds) + 8)
    ln_tau = np.log(t_lo_s) + efolds * (place + 1) / 2
    per_Hz = np.array([relaxation_per_Hz(bins, float(np.exp(one))) for one in ln_tau])
    return Relaxations(ln_tau, weight * efolds / 2, per_Hz)
