"""How linear a converter is whose thresholds are known: INL, DNL, missing codes and errors, as `metrics` defines them.

Stated relative to the target, with no best fit removed: inl_lsb[k] = (g(T_k) - b_k) / LSB.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rampjax import metrics
from rampjax.target.arrays import TargetArrays, target_arrays
from rampjax.target.spline import spline_slope
from rampjax.target.target import Target

FloatArray = NDArray[np.float64]

MEASURES: Final = ("max_inl_lsb", "max_dnl_lsb", "max_err_lsb", "rmse_lsb", "noise_rms_lsb", "total_rmse_lsb")


@dataclass(frozen=True, eq=False)
class Linearity:
    """What is measured of thresholds; one entry per threshold, ascending, or per step between two of them."""

    thresholds: FloatArray  # in x
    y: FloatArray  # the function there, in its own unit, of inputs clipped to the range
    inl_lsb: FloatArray
    dnl_lsb: FloatArray  # NaN between thresholds of two branches
    values: Mapping[str, float]  # by name, of `MEASURES`
    missing_codes: tuple[int, ...]

    @property
    def max_inl_lsb(self) -> float:
        return self.values["max_inl_lsb"]

    @property
    def worst(self) -> int:
        """The threshold with the worst INL, counted from 0."""
        return int(np.argmax(np.abs(self.inl_lsb)))


def linearity(
    target: Target,
    arrays: TargetArrays,
    thresholds: ArrayLike,
    sigma_x: ArrayLike | None = None,
    n_rises: ArrayLike | None = None,
) -> Linearity:
    """Measures realised thresholds.

    Args:
        target: what should be realised.
        arrays: the same as traced arrays (`target_arrays`).
        thresholds: (K,) realised thresholds in x, ascending, finite.
        sigma_x: (K,) standard deviation of each from conversion to conversion; None: no noise.
        n_rises: (K,) how often the ramp has risen by each, where it is known better than from the thresholds.
    """
    x = np.asarray(thresholds, np.float64)
    noise = np.zeros_like(x) if sigma_x is None else np.asarray(sigma_x, np.float64)
    pad = (0, len(arrays.valid) - len(x))
    padded = (jnp.asarray(np.pad(each, pad, mode="edge"), jnp.float32) for each in (x, noise))
    risen = np.asarray(np.cumsum(np.diff(x, prepend=x[0]) > 0) if n_rises is None else n_rises, np.int64)
    y_lsb, inl, dnl, values = _measured(*padded, jnp.asarray(np.pad(risen, pad, mode="edge"), jnp.int32), arrays)
    same = np.asarray(arrays.same_branch)[: len(x) - 1]
    return Linearity(
        thresholds=x,
        y=target.y_lo + target.lsb * np.asarray(y_lsb, np.float64)[: len(x)],
        inl_lsb=np.asarray(inl, np.float64)[: len(x)],
        dnl_lsb=np.where(same, np.asarray(dnl, np.float64)[: len(x) - 1], np.nan),
        values={name: float(value) for name, value in values.items()},
        missing_codes=missing_codes(target, x, risen),
    )


@jax.jit
def _measured(
    x: jax.Array, sigma_x: jax.Array, n_rises: jax.Array, target: TargetArrays
) -> tuple[jax.Array, jax.Array, jax.Array, dict[str, jax.Array]]:
    chip = metrics.realise(x, target, sigma_x, n_rises)
    values = {
        "max_inl_lsb": metrics.max_inl_lsb(chip, target),
        "max_dnl_lsb": metrics.max_dnl_lsb(chip, target),
        "max_err_lsb": metrics.max_err_lsb(chip, target),
        "rmse_lsb": metrics.rmse_lsb(chip, target),
        "noise_rms_lsb": metrics.noise_rms_lsb(chip, target),
        "total_rmse_lsb": metrics.total_rmse_lsb(chip, target),
    }
    return chip.y_lsb, metrics.inl_lsb(chip, target), metrics.dnl_lsb(chip, target), values


def missing_codes(target: Target, thresholds: FloatArray, n_rises: NDArray[np.int64]) -> tuple[int, ...]:
    """The codes that the ideal converter has and that no bin of positive width inside the range carries.

    Args:
        target: what should be realised.
        thresholds: (K,) realised thresholds in x, ascending.
        n_rises: (K,) how often they have risen by each.
    """
    begins, ends = thresholds < target.x_hi, thresholds > target.x_lo
    inner = (np.diff(n_rises) > 0) & begins[:-1] & ends[1:]
    wide = np.concatenate([ends[:1], inner, begins[-1:]])
    return tuple(sorted(set(target.codes.tolist()) - set(target.codes[wide].tolist())))


def slope_lsb(arrays: TargetArrays, x: ArrayLike, n_thresholds: int | None = None) -> FloatArray:
    """The slope of the function at inputs, in output steps per unit of x.

    Args:
        arrays: the target as traced arrays.
        x: inputs.
        n_thresholds: only so many first; None: all.
    """
    slopes = spline_slope(arrays.spline, jnp.asarray(x, jnp.float32))
    return np.asarray(slopes, np.float64)[:n_thresholds]


__all__ = ["Linearity", "linearity", "missing_codes", "slope_lsb", "target_arrays"]
