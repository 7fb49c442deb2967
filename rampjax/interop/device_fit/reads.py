"""The read noise, from repeated reads of one programming event."""

import numpy as np

from rampjax.interop.device_fit.rows import Repeats
from rampjax.interop.device_fit.series import Floats
from rampjax.interop.device_fit.shapes import Shape

_MOST_STEPS, _TOLERANCE = 60, 1e-7


def read_curve(repeats: Repeats, shape: Shape, weights: Floats | None = None) -> Floats:
    """The read noise from repeated reads, a polynomial of u, by Fisher scoring.

    Args:
        repeats: the groups of reads.
        shape: the polynomial.
        weights: how often each group counts; None: once.
    """
    weights = repeats.freedom if weights is None else repeats.freedom * weights
    basis = shape.basis(repeats.u)
    mean_square = repeats.squares_uS2 / repeats.freedom
    sigma = shape.start(float(np.sqrt(np.average(mean_square, weights=weights))))
    floor = 1e-6 * (float(np.sqrt(mean_square.max())) or 1.0)
    for _ in range(_MOST_STEPS):
        at = np.maximum(basis @ sigma, floor)
        new = _least_squares(basis, at + (mean_square - at**2) / (2 * at), weights / at**2)
        change = np.abs(basis @ (new - sigma)).max()
        sigma = new
        if change <= _TOLERANCE * float(at.max()):
            break
    return np.maximum(sigma, 0.0) if shape.degree == 0 else np.asarray(sigma)


def _least_squares(design: Floats, wanted: Floats, weights: Floats) -> Floats:
    """Weighted least squares by the normal equations."""
    weighted = design * weights[:, None]
    return np.asarray(np.linalg.lstsq(weighted.T @ design, weighted.T @ wanted, rcond=None)[0])
