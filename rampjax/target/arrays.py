"""A target as traced arrays: the function, its thresholds and codes are data, so that one kernel serves every function.

Shapes go by buckets: a few sizes of the padded thresholds and branches, so that functions at equal bits share a
compiled kernel. Everything is in output steps (LSB) above y_lo, where float32 resolves best.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import ArrayLike, NDArray

from rampjax.checks import InputError
from rampjax.target.input_table import InputTable, build_input_table, quadrature
from rampjax.target.spline import SplineTable, build_spline
from rampjax.target.target import Target


class TargetArrays(NamedTuple):
    """The traced part of a target; K thresholds, padded, B monotone branches, padded, M codes."""

    spline: SplineTable  # g in LSB above y_lo
    thresholds: Float[Array, " threshold"]  # ideal, in x
    valid: Bool[Array, " threshold"]  # False in the padding
    boundaries_lsb: Float[Array, " threshold"]  # g at the ideal threshold, midway between the outputs beside it
    step_lsb: Float[Array, " threshold"]  # of the output at each threshold, negative where g falls
    same_branch: Bool[Array, " step"]  # this threshold and the next lie in one monotone branch
    outputs_lsb: Float[Array, " bin"]
    reach_below_lsb: Float[Array, " bin"]  # how far g may be below the output: half a step, or what the ideal has
    reach_above_lsb: Float[Array, " bin"]  # likewise above
    codes: Int[Array, " bin"]
    has_code: Bool[Array, " code"]  # codes that the ideal converter uses
    n_codes: Float[Array, ""]  # M
    branch_x: Float[Array, " end"]  # ends of the branches, from x_lo to x_hi
    branch_y_lsb: Float[Array, " end"]
    branch_sign: Float[Array, " branch"]  # +1 rising, -1 falling, 0 in the padding
    variation_lsb: Float[Array, ""]  # total variation of g on the range
    ideal_rmse_lsb: Float[Array, ""]
    # Mean square error, beside a threshold, of a code drawn at random, all M equally likely.
    random_code_lsb2: Float[Array, " threshold"]
    # What a mixture of the two words beside a threshold adds to the mean square of one of them drawn evenly, and how
    # much more often it is wrong.
    mixed_lsb2: Float[Array, " threshold"]
    mixed_wrong: Float[Array, " threshold"]
    inputs: InputTable | None = None  # None: density of x as |g'|, every output equally likely


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
    inputs = build_input_table(target, target.inputs) if target.inputs else None
    home = np.searchsorted(target.branch_x, target.thresholds)
    branch_y_lsb = (target.branch_y - target.y_lo) / target.lsb
    has_code = np.zeros(2**target.bits, bool)
    has_code[target.codes] = True
    level_outputs_lsb = (target.level_outputs - target.y_lo) / target.lsb
    boundaries_lsb = (target.boundaries - target.y_lo) / target.lsb
    reach_below, reach_above = _reaches(target)
    mixed, mixed_wrong = _mixed_words(target)

    def padded(values: np.ndarray, count: int = pad) -> np.ndarray:
        return np.pad(values, (0, count), mode="edge")

    return TargetArrays(
        spline=SplineTable(*(_narrow(part) for part in spline)),
        thresholds=float32_array(padded(target.thresholds)),
        valid=jnp.arange(n_thresholds + pad) < n_thresholds,
        boundaries_lsb=float32_array(padded(boundaries_lsb)),
        step_lsb=float32_array(padded(np.diff(target.outputs) / target.lsb)),
        same_branch=jnp.asarray(np.pad(home[1:] == home[:-1], (0, pad))),
        outputs_lsb=float32_array(padded((target.outputs - target.y_lo) / target.lsb)),
        reach_below_lsb=float32_array(padded(reach_below)),
        reach_above_lsb=float32_array(padded(reach_above)),
        codes=jnp.asarray(padded(target.codes), jnp.int32),
        has_code=jnp.asarray(has_code),
        n_codes=float32_array(2**target.bits),
        # The ends of an infinite range lie where the table ends: realised thresholds are clipped there.
        branch_x=float32_array(padded(np.clip(target.branch_x, spline.x_lo, spline.x_hi), pad_branches)),
        branch_y_lsb=float32_array(padded(branch_y_lsb, pad_branches)),
        branch_sign=float32_array(np.pad(np.sign(np.diff(target.branch_y)), (0, pad_branches))),
        variation_lsb=float32_array(np.abs(np.diff(branch_y_lsb)).sum()),
        ideal_rmse_lsb=float32_array(np.sqrt(_mean_square(target, inputs))),
        random_code_lsb2=float32_array(
            padded((level_outputs_lsb.mean() - boundaries_lsb) ** 2 + level_outputs_lsb.var())
        ),
        mixed_lsb2=float32_array(padded(mixed)),
        mixed_wrong=float32_array(padded(mixed_wrong)),
        inputs=None if inputs is None else _traced(inputs, pad),
    )


def stack_targets(targets: Sequence[TargetArrays]) -> TargetArrays:
    """Stacks targets of any functions and bits on a new leading axis, for one compiled call under vmap.

    Every array is padded to the longest of them in the way `target_arrays` pads, so that measures are the same.

    Raises:
        InputError: No targets, or some with an input distribution and some without.
    """
    if not targets:
        raise InputError("There must be at least one target to stack, but there is none.")
    if len({each.inputs is None for each in targets}) > 1:
        raise InputError("Targets of one stack must all have an input distribution or all have none, but some have.")
    sizes = {name: max(len(getattr(each, name)) for each in targets) for name in _EDGE + _ZERO}
    n_cell = max(len(each.spline.cell_x) for each in targets)  # type: ignore[arg-type]
    n_kink = max(np.shape(each.spline.kinks)[1] for each in targets)

    def widened(target: TargetArrays) -> TargetArrays:
        longer: dict[str, Any] = {
            name: _extended(getattr(target, name), size, "edge" if name in _EDGE else "constant")
            for name, size in sizes.items()
        }
        kinks = np.asarray(target.spline.kinks)
        spline = target.spline._replace(
            kinks=jnp.asarray(np.pad(kinks, ((0, 0), (0, n_kink - kinks.shape[1])), constant_values=np.inf)),
            cell_x=_extended(target.spline.cell_x, n_cell, "constant"),
            cell_inv_width=_extended(target.spline.cell_inv_width, n_cell, "constant"),
            coefficients=_extended(target.spline.coefficients, n_cell, "constant"),
        )
        inputs = target.inputs
        if inputs is not None:
            nearest = {name: _extended(getattr(inputs, name), sizes["thresholds"], "edge") for name in _KINKS}
            inputs = inputs._replace(**nearest)
        return target._replace(spline=spline, inputs=inputs, **longer)

    stacked: TargetArrays = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(widened(each) for each in targets))
    return stacked


_EDGE = (
    *("thresholds", "boundaries_lsb", "step_lsb", "outputs_lsb", "reach_below_lsb", "reach_above_lsb", "codes"),
    *("branch_x", "branch_y_lsb", "random_code_lsb2", "mixed_lsb2", "mixed_wrong"),
)
_KINKS = ("kink_below", "kink_above")
_ZERO = ("valid", "same_branch", "has_code", "branch_sign")


def _extended(values: ArrayLike, length: int, mode: str) -> Array:
    array = np.asarray(values)
    widths = [(0, length - len(array)), *((0, 0) for _ in array.shape[1:])]
    return jnp.asarray(np.pad(array, widths, mode=mode))  # type: ignore[call-overload]


def ideal_rmse_lsb(target: Target) -> float:
    """Root mean square of Q - g of the ideal converter in LSB, over the target's inputs; see `_mean_square`."""
    inputs = build_input_table(target, target.inputs) if target.inputs else None
    return float(np.sqrt(_mean_square(target, inputs)))


def _mean_square(target: Target, inputs: InputTable | None) -> float:
    """Mean square of Q - g of the ideal converter, LSB², in float64.

    With every output equally likely (density of x as |g'|): between neighbouring thresholds and extrema g is monotone
    and the code constant, so each stretch contributes |(g_b - y_c)^3 - (g_a - y_c)^3| / 3, exactly; 1/12 for a monotone
    function with mid-rise levels. With a density of x, by quadrature between the same points.
    """
    outputs = (target.outputs - target.y_lo) / target.lsb
    if inputs is None:
        inner = slice(1, -1)
        x = np.concatenate([target.thresholds, target.branch_x[inner]])
        y = np.concatenate([target.boundaries, target.branch_y[inner]])
        order = np.argsort(x, kind="stable")
        edges = (np.concatenate([target.branch_y[:1], y[order], target.branch_y[-1:]]) - target.y_lo) / target.lsb
        bin_of = np.concatenate([[0], np.cumsum((np.arange(len(x)) < len(target.thresholds))[order])])
        wanted = outputs[bin_of]
        squares = np.abs((edges[1:] - wanted) ** 3 - (edges[:-1] - wanted) ** 3) / 3
        return float(np.sum(squares) / np.abs(np.diff(edges)).sum())
    nodes, weights = quadrature(target, inputs)
    y = (target.function.evaluate(nodes) - target.y_lo) / target.lsb
    error = outputs[np.searchsorted(target.thresholds, nodes, side="right")] - y
    return float(weights @ error**2 / weights.sum())


def _mixed_words(target: Target) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Words whose bits are those of either code beside a threshold, evenly, against one of the two codes, evenly.

    Returns:
        (K,) how much larger the mean square around the middle of the two outputs is, LSB²; how much more often the code
        is not the right one of the two.
    """
    levels, codes = target.level_outputs / target.lsb, np.asarray(target.codes)
    below, above = codes[:-1], codes[1:]
    differ = below ^ above
    excess, wrong = np.zeros(len(differ)), np.zeros(len(differ))
    for mask in np.unique(differ).tolist():  # few: of neighbouring codes one for each number of bits that carry over
        at = differ == mask
        words = (below & above)[at, None]
        for bit in range(mask.bit_length()):
            if mask >> bit & 1:
                words = np.concatenate([words, words | 1 << bit], axis=1)
        low, high = levels[below[at]], levels[above[at]]
        middle = 0.5 * (low + high)
        excess[at] = np.mean((levels[words] - middle[:, None]) ** 2, axis=1) - 0.25 * (high - low) ** 2
        wrong[at] = 0.5 - 1.0 / words.shape[1]
    return excess, wrong


def _reaches(target: Target) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far g may lie below and above the output of each bin, in LSB, without an error of the chip.

    Half the step to the next output; beyond the last, as far as g goes.
    """
    below, above = max(target.level_outputs[0] - target.y_lo, 0.0), max(target.y_hi - target.level_outputs[-1], 0.0)
    steps = 0.5 * np.diff(target.level_outputs)
    reach_below, reach_above = np.concatenate(([below], steps)), np.concatenate((steps, [above]))
    return reach_below[target.codes] / target.lsb, reach_above[target.codes] / target.lsb


def _traced(inputs: InputTable, pad: int) -> InputTable:
    padded = inputs._replace(**{name: np.pad(getattr(inputs, name), (0, pad), mode="edge") for name in _KINKS})
    return InputTable(*(_narrow(part) for part in padded))


def _narrow(values: ArrayLike) -> Array:
    array = np.asarray(values)
    return jnp.asarray(array, jnp.float32 if np.issubdtype(array.dtype, np.floating) else jnp.int32)


def float32_array(values: ArrayLike) -> Array:
    """Returns a traced parameter, in the precision in which chips are simulated."""
    return jnp.asarray(values, jnp.float32)
