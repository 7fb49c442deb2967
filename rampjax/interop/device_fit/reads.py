"""The read noise, from repeated reads of one programming event."""

import numpy as np

from rampjax.interop.device_fit.model import MAX_STEPS, TOLERANCE, Floats, least_squares


def read_curve(squares_uS2: Floats, freedom: Floats, u: Floats, degree: int, weights: Floats | None = None) -> Floats:
    """The read noise from repeated reads, as powers of u, by Fisher scoring.

    Args:
        squares_uS2: sum of squares about the mean of each group of reads, µS².
        freedom: reads of the group less 1.
        u: conductance of the group.
        degree: of the polynomial.
        weights: how often each group counts; None: once.
    """
    weights = freedom if weights is None else freedom * weights
    basis = u[:, None] ** np.arange(degree + 1)
    mean_square = squares_uS2 / freedom
    sigma = np.eye(degree + 1)[0] * np.sqrt(np.average(mean_square, weights=weights))
    floor = 1e-6 * (float(np.sqrt(mean_square.max())) or 1.0)
    for _ in range(MAX_STEPS):
        at = np.maximum(basis @ sigma, floor)
        new = least_squares(basis, at + (mean_square - at**2) / (2 * at), weights / at**2)
        change = np.abs(basis @ (new - sigma)).max()
        sigma = new
        if change <= TOLERANCE * float(at.max()):
            break
    return np.asarray(sigma)
