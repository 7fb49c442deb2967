"""How the inputs of a converter are distributed: uniform, normal, or as recorded from a network.

Everything is float64 NumPy on the host. Without a distribution every output counts as equally likely, which is a
density of x as |g'| and belongs to the function, not here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from rampjax.checks import InputError, nearest, to_real
from rampjax.target.sample_density import sample_density

Density = Callable[[NDArray[np.float64]], NDArray[np.float64]]

FORMS = ("output", "uniform", "uniform:LO:HI", "normal:MEAN:STD")
MIN_SAMPLES = 16
_N_SIGMA = 8.0  # beyond lie 1e-15 of a normal distribution
_LARGEST = 1e30  # single precision, in which columns are simulated, ends at 3e38
_LEAST_INSIDE = 1e-6


@dataclass(frozen=True, eq=False)
class InputDistribution:
    """A distribution of x: a density, and points that carry a share of the inputs by themselves.

    Attributes:
        text: As the user spelled it; for samples, the name of where they come from.
        support: Finite ends of the density. Those of `uniform` alone are those of a target's range: NaN until
            `place_inputs` puts it there.
        pdf: Density of x, without the atoms; 0 outside the support.
        cdf: Share of the inputs at or below x, atoms included.
        samples: The recorded inputs, where it comes from such.
        atoms: (x, share) where recorded inputs pile up: their ends, clamped.
    """

    text: str
    support: tuple[float, float]
    pdf: Density
    cdf: Density
    samples: NDArray[np.float64] | None = None
    atoms: tuple[tuple[float, float], ...] = ()


def parse_inputs(text: str) -> InputDistribution | None:
    """Returns the distribution that `text` spells out; None for `output`, every output equally likely.

    Args:
        text: `output`, `uniform` (over the range of the function), `uniform:LO:HI` or `normal:MEAN:STD`.

    Raises:
        InputError: Neither of these, or numbers that make no sense.
    """
    kind, *cells = (part.strip() for part in text.split(":"))
    if kind not in ("output", "uniform", "normal") or len(cells) not in ((0, 2) if kind == "uniform" else _N[kind]):
        raise InputError(
            f"`inputs` must be {', '.join(FORMS)} or a file of samples (.csv, .txt or .npy), but is `{text}`."
            f"{nearest(kind, ('output', 'uniform', 'normal')) if kind not in _N else ''}"
        )
    if kind == "output":
        return None
    if not cells:
        return _unplaced()
    first, second = (_number(cell, text) for cell in cells)
    if kind == "uniform":
        if not first < second:
            raise InputError(f"`inputs` must be uniform:LO:HI with LO below HI, but is `{text}`.")
        return _uniform(text, first, second)
    if not second >= 1.0 / _LARGEST:
        raise InputError(f"`inputs` must be normal:MEAN:STD with a positive STD, but is `{text}`.")
    return _normal(text, first, second)


_N = {"output": (0,), "uniform": (0, 2), "normal": (2,)}


def sample_inputs(samples: ArrayLike, name: str) -> InputDistribution:
    """Returns the smoothed distribution of recorded inputs; see `rampjax.target.sample_density`.

    Args:
        samples: Recorded inputs, any shape.
        name: What messages call them, such as their file's name.

    Raises:
        InputError: NaN or infinite values, fewer than 16, all of them equal, or a few so far out that the rest cannot
            be resolved beside them.
    """
    try:
        values = np.asarray(samples, np.float64).ravel()
    except (TypeError, ValueError):
        raise InputError(f"The inputs of `{name}` must be numbers.") from None
    bad = ~(np.abs(values) <= _LARGEST)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"The inputs of `{name}` must be finite and within 1e30, but number {first + 1} is {values[first]:g}."
        )
    if values.size < MIN_SAMPLES:
        raise InputError(f"`{name}` must hold at least {MIN_SAMPLES} inputs, but has {values.size}.")
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise InputError(f"The inputs of `{name}` must differ from one another, but all are {values[0]:g}.")
    density = sample_density(values, name)
    return InputDistribution(name, density.support, density.pdf, density.cdf, values, density.atoms)


def place_inputs(inputs: InputDistribution | None, function: str, x_lo: float, x_hi: float) -> InputDistribution | None:
    """Returns the distribution on the range of a target; only `uniform` alone depends on it.

    Inputs outside the range count at its ends.

    Raises:
        InputError: `uniform` on an infinite range; hardly an input inside the range.
    """
    if inputs is None:
        return None
    if inputs.text == "uniform" and inputs.samples is None:
        if not (math.isfinite(x_lo) and math.isfinite(x_hi)):
            raise InputError(
                f"`inputs` = uniform wants a finite range, but that of `{function}` goes from {x_lo:g} to {x_hi:g}; "
                "choose a range, or uniform:LO:HI."
            )
        return _uniform("uniform", x_lo, x_hi)
    ends = np.array([x_lo, x_hi])
    below, up_to = inputs.cdf(ends)
    if not up_to - below > _LEAST_INSIDE:
        raise InputError(
            f"`inputs` = {inputs.text} must lie inside the range of `{function}`, {x_lo:g} to {x_hi:g}, but hardly "
            "one does."
        )
    return inputs


def _number(cell: str, text: str) -> float:
    try:
        value = to_real(cell)
    except ValueError:
        value = math.nan
    if not abs(value) <= _LARGEST:
        raise InputError(f"`inputs` must have finite numbers within 1e30, but is `{text}`.")
    return value


def _unplaced() -> InputDistribution:
    def unknown(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(np.shape(x), math.nan)

    return InputDistribution("uniform", (math.nan, math.nan), unknown, unknown)


def _uniform(text: str, low: float, high: float) -> InputDistribution:
    def pdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where((x >= low) & (x <= high), 1.0 / (high - low), 0.0)

    def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip((np.asarray(x) - low) / (high - low), 0.0, 1.0)

    return InputDistribution(text, (low, high), pdf, cdf)


def _normal(text: str, mean: float, std: float) -> InputDistribution:
    def pdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        z = (np.asarray(x) - mean) / std
        return np.where(np.abs(z) <= _N_SIGMA, np.exp(-0.5 * np.square(z)) / (std * math.sqrt(2.0 * math.pi)), 0.0)

    def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(special.ndtr((np.asarray(x) - mean) / std), np.float64)

    return InputDistribution(text, (mean - _N_SIGMA * std, mean + _N_SIGMA * std), pdf, cdf)
