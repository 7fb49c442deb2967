"""A nonlinear ramp converter, one chip: from random keys to its realised thresholds, and from inputs to codes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from rampjax.circuit.comparator import Front, column_thresholds, sample_front
from rampjax.circuit.ramp_column import Ramp, sample_ramp
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.write_verify import Written
from rampjax.metrics import Lost, Realised, lost_decisions, realise
from rampjax.target.arrays import TargetArrays

_OFFSET, _MAC = 3, 4  # streams of randomness, beside those of the ramp
_COMPARED, _MOST_COMPARED = 32, 512  # thresholds at a time, and in all


class Column(NamedTuple):
    """One converter: a ramp column seen by a comparator."""

    g_uS: Float[Array, " entry"]  # conductances in use
    v_ramp_V: Float[Array, " threshold"]  # the ramp that the comparator sees
    thresholds: Float[Array, " threshold"]  # where the comparator flips, in x
    n_rises: Int[Array, " threshold"]  # how often the ramp has risen by then: a bin between equal ones is none
    sigma_x: Float[Array, " threshold"]  # standard deviation of each threshold from conversion to conversion, in x
    undecided_x: Float[Array, ""] | None  # half width of inputs for which a strobed latch stays undecided; None: none
    jump_x: Float[Array, " threshold"] | None  # it flips so much early or late by undecided latches; None: none do
    written: Written | None  # how the write-verify loops went
    ramp: Ramp  # the ramp that it reads, with what was drawn for it
    front: Front | None  # offsets and gain of its own; None: none


def sample_column(key: Key[Array, ""], params: ConverterParams, structure: ColumnStructure) -> Column:
    """Programs one ramp and gives it one MAC column and comparator.

    Args:
        key: the chip's key.
        params: traced parameters.
        structure: static structure.

    Returns:
        The converter; its thresholds are padded as `params.target.valid` says, its conductances up to as many steps.
    """
    return read_ramp(key, sample_ramp(key, params, structure), params, structure)


def read_ramp(key: Key[Array, ""], ramp: Ramp, params: ConverterParams, structure: ColumnStructure) -> Column:
    """Gives a ramp one MAC column and comparator: T_k = V_k/a_V + (D_k + O/u - e V_k) / (a_V (1 + e)).

    The offset O and the gain error e come after calibration, which measures the ramp that all columns share.

    Args:
        key: the column's key.
        ramp: the ramp, shared or its own.
        params: traced parameters.
        structure: static structure.
    """
    aim_x, v_target_V, scale_V = params.aim_x, params.v_target_V, params.scale_V
    if structure.subset:
        aim_x, v_target_V = aim_x[params.level_of], v_target_V[params.level_of]
    front = None
    if structure.front:
        streams = (jax.random.fold_in(key, _OFFSET), jax.random.fold_in(key, _MAC))
        front = sample_front(*streams, params.front)
        ends = (jnp.asarray(params.target.spline.x_lo), jnp.asarray(params.target.spline.x_hi))
        u = params.common.referred
        thresholds = column_thresholds(ramp.deviation_V, v_target_V, aim_x, front, params.front, scale_V, u, ends)
        scale_V = scale_V * (1.0 + front.gain_rel)
    else:
        thresholds = aim_x + ramp.deviation_V / scale_V
    return Column(
        g_uS=ramp.g_uS,
        v_ramp_V=v_target_V + ramp.deviation_V,
        thresholds=thresholds,
        n_rises=ramp.n_rises,
        sigma_x=ramp.sigma_V / scale_V,
        undecided_x=params.timing.undecided_V / (params.common.referred * scale_V) if structure.undecided else None,
        jump_x=None if ramp.undecided_V is None else ramp.undecided_V / scale_V,
        written=ramp.written,
        ramp=ramp,
        front=front,
    )


def realise_column(column: Column, target: TargetArrays) -> Realised:
    """The column as its measures see it."""
    return realise(column.thresholds, target, column.sigma_x, column.n_rises, column.jump_x)


def lost_of(column: Column, target: TargetArrays, undecided: str | None) -> Lost | None:
    """What undecided latches do to a column's measures, None where latches decide.

    Args:
        column: the column.
        target: what it should compute.
        undecided: what an undecided latch gives, of `ColumnStructure.undecided`.
    """
    if undecided is None or column.undecided_x is None:
        return None
    return lost_decisions(undecided, column.thresholds, column.undecided_x, target)


def convert(
    x: Float[Array, "*input"], thresholds: Float[Array, " threshold"], codes: Int[Array, " bin"]
) -> Int[Array, "*input"]:
    """Converts inputs to codes: the code of the bin that holds x, a threshold itself belonging to the bin above it.

    Compares with 32 thresholds at a time and sums, which on CPU is much faster than a vmapped `searchsorted` up to 512
    thresholds, and than comparing with all of them at once; beyond, it searches.

    Args:
        x: inputs, in units of the function's argument.
        thresholds: realised thresholds without padding: `column.thresholds[: len(target.thresholds)]`.
        codes: the code of each bin, one more than thresholds: `design.target.codes`.
    """
    n = thresholds.shape[-1]
    if n > _MOST_COMPARED:
        # Sorted: thresholds of a chip may cross, and what counts is how many an input has passed.
        return codes[jnp.searchsorted(jnp.sort(thresholds), x, side="right")]
    rows = jnp.pad(thresholds, (0, -n % _COMPARED), constant_values=jnp.inf).reshape(-1, _COMPARED)
    passed = sum((jnp.sum(x[..., None] >= row, axis=-1) for row in rows), start=jnp.zeros(x.shape, jnp.int32))
    return codes[passed]
