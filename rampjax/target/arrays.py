"""A target as traced arrays: the function, its thresholds and codes are data, so that one kernel serves every function.

Shapes go by buckets: a few sizes of the padded thresholds and branches, so that functions at equal bits share a
compiled kernel. Everything is in output steps (LSB) above y_lo, where float32 resolves best.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import ArrayLike

from rampjax.target.spline import SplineTable, build_spline
from rampjax.target.target import Target


class TargetArrays(NamedTuple):
    """The traced part of a target; K thresholds, padded, B monotone branches, padded, M codes."""

    spline: SplineTable  # g in LSB above y_lo
    thresholds: Float[Array, " threshold"]  # ideal, in x
    valid: Bool[Array, " threshold"]  # False in the padding
    boundaries_lsb: Float[Array, " threshold"]  # g at the ideal threshold
    direction: Float[Array, " threshold"]  # +1 where g rises, -1 where it falls
    same_branch: Bool[Array, " step"]  # this threshold and the next lie in one monotone branch
    outputs_lsb: Float[Array, " bin"]
    codes: Int[Array, " bin"]
    has_code: Bool[Array, " code"]  # codes that the ideal converter uses
    branch_x: Float[Array, " end"]  # ends of the branches, from x_lo to x_hi
    branch_y_lsb: Float[Array, " end"]
    branch_sign: Float[Array, " branch"]  # +1 rising, -1 falling, 0 in the padding
    variation_lsb: Float[Array, ""]  # total variation of g on the range
    ideal_rmse_lsb: Float[Array, ""]


def padded_length(n_thresholds: int, bits: int) -> int:
    """Number of thresholds after padding: above it, the next multiple of a quarter of 2**bits.

    That is 2**bits for a monotone function: loops over such lengths are vectorised, over one less they are not.
    """
    quantum = 1 << (bits - 2)
    return (n_thresholds // quantum + 1) * quantum


def target_arrays(target: Target) -> TargetArrays:
    """Builds the traced arrays of a target, in float32."""
    n_thresholds = len(target.thresholds)
    pad = padded_length(n_thresholds, target.bits) - n_thresholds
    n_branches = len(target.branch_x) - 1
    pad_branches = 2 ** (n_branches - 1).bit_length() - n_branches
    spline = build_spline(target)
    home = np.searchsorted(target.branch_x, target.thresholds)
    branch_y_lsb = (target.branch_y - target.y_lo) / target.lsb
    has_code = np.zeros(2**target.bits, bool)
    has_code[target.codes] = True

    def padded(values: np.ndarray, count: int = pad) -> np.ndarray:
        return np.pad(values, (0, count), mode="edge")

    return TargetArrays(
        spline=SplineTable(*(_narrow(part) for part in spline)),
        thresholds=float32_array(padded(target.thresholds)),
        valid=jnp.arange(n_thresholds + pad) < n_thresholds,
        boundaries_lsb=float32_array(padded((target.boundaries - target.y_lo) / target.lsb)),
        direction=float32_array(padded(target.direction)),
        same_branch=jnp.asarray(np.pad(home[1:] == home[:-1], (0, pad))),
        outputs_lsb=float32_array(padded((target.outputs - target.y_lo) / target.lsb)),
        codes=jnp.asarray(padded(target.codes), jnp.int32),
        has_code=jnp.asarray(has_code),
        # The ends of an infinite range lie where the table ends: realised thresholds are clipped there.
        branch_x=float32_array(padded(np.clip(target.branch_x, spline.x_lo, spline.x_hi), pad_branches)),
        branch_y_lsb=float32_array(padded(branch_y_lsb, pad_branches)),
        branch_sign=float32_array(np.pad(np.sign(np.diff(target.branch_y)), (0, pad_branches))),
        variation_lsb=float32_array(np.abs(np.diff(branch_y_lsb)).sum()),
        ideal_rmse_lsb=float32_array(ideal_rmse_lsb(target)),
    )


def ideal_rmse_lsb(target: Target) -> float:
    """Root mean square of Q - g of the ideal converter in LSB, every output equally likely (density of x as |g'|).

    Between neighbouring thresholds and extrema g is monotone and the code constant, so each stretch contributes
    |(g_b - y_c)^3 - (g_a - y_c)^3| / 3, exactly; 1/sqrt(12) for a monotone function with mid-rise levels.
    """
    inner = slice(1, -1)
    x = np.concatenate([target.thresholds, target.branch_x[inner]])
    y = np.concatenate([target.boundaries, target.branch_y[inner]])
    order = np.argsort(x, kind="stable")
    edges = (np.concatenate([target.branch_y[:1], y[order], target.branch_y[-1:]]) - target.y_lo) / target.lsb
    bin_of = np.concatenate([[0], np.cumsum((np.arange(len(x)) < len(target.thresholds))[order])])
    error = (target.outputs[bin_of] - target.y_lo) / target.lsb
    squares = np.abs((edges[1:] - error) ** 3 - (edges[:-1] - error) ** 3) / 3
    return float(np.sqrt(squares.sum() / np.abs(np.diff(edges)).sum()))


def _narrow(values: ArrayLike) -> Array:
    array = np.asarray(values)
    return jnp.asarray(array, jnp.float32 if np.issubdtype(array.dtype, np.floating) else jnp.int32)


def float32_array(values: ArrayLike) -> Array:
    """Returns a traced parameter, in the precision in which chips are simulated."""
    return jnp.asarray(values, jnp.float32)
