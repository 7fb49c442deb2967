"""What is minimised: expected errors over sampled chips, smooth where they are not, differentiated exactly.

Chips are drawn by the circuit's own sampler, reparametrised: the same random numbers whatever the layout, so that the
gradient is pathwise. A threshold's gradient is exact (`metrics.mse_lsb2`); the worst INL is a p-norm, a quantile its
conditional value at risk, a yield a sigmoid of the distance to the spec, all of them sharper as the descent goes on.

References:
    Rockafellar and Uryasev 2000, Journal of Risk 2, 21: conditional value at risk.
    Glasserman 2003, Monte Carlo Methods in Financial Engineering, section 7.2: pathwise derivatives.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from rampjax import metrics
from rampjax.circuit.converter import Column, lost_of, realise_column, sample_column
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.solver.unknowns import Frame, Unknowns, column_params, pulses_of
from rampjax.target.arrays import TargetArrays

_RANGE_WEIGHT = 10.0  # of what a conductance lies outside its range, relative, squared
_SUPPORT_WEIGHT = 1.0  # of what a threshold lies where no inputs are, in local steps, squared
_YIELD_SLOPE = 0.05  # a yield of 0 or 1 has no slope: this much of the mean error leads out of there


class Aim(NamedTuple):
    """The objective's traced figures."""

    spec_lsb: Float[Array, ""]
    noise_weight: Float[Array, ""]


class Sharpness(NamedTuple):
    """How far smooth stand-ins have come to what they stand for; annealed."""

    power: Float[Array, ""]  # p of the p-norm that stands for a maximum
    width: Float[Array, ""]  # of the yield's sigmoid, relative to the spec
    rounding: Float[Array, ""]  # 0: any pulse width, 1: whole grains


def loss(
    unknowns: Unknowns,
    keys: Key[Array, " chip"],
    frame: Frame,
    base: ConverterParams,
    aim: Aim,
    sharpness: Sharpness,
    objective: str,
    tail: float,
    structure: ColumnStructure,
) -> Float[Array, ""]:
    """The objective on sampled chips, and the penalties.

    Args:
        unknowns: of one start.
        keys: of the chips.
        frame: what surrounds the unknowns.
        base: parameters of any layout of the same problem.
        aim: spec and weight of the noise.
        sharpness: of the smooth stand-ins.
        objective: of `settings.OBJECTIVES`.
        tail: share of the worst chips that a quantile looks at.
        structure: static structure.

    Returns:
        Output steps (LSB); for the yield, the share of bad chips.
    """
    pulses = pulses_of(unknowns, frame, sharpness.rounding)
    params = column_params(pulses, frame, base)
    columns = jax.vmap(lambda key: sample_column(key, params, structure))(keys)

    def of_chip(column: Column) -> tuple[Array, Array]:
        held = _held(column.thresholds, params.target, frame)
        return chip_error_lsb(column, params.target, aim, sharpness.power, objective, structure.undecided), held

    errors, outside = jax.vmap(of_chip)(columns)
    g, low, high = pulses.g_uS, frame.g_min_uS, frame.g_max_uS
    beyond = jnp.where(frame.is_step, jnp.maximum(low - g, 0.0) + jnp.maximum(g - high, 0.0), 0.0) / high
    penalty = _RANGE_WEIGHT * jnp.sum(beyond**2) + _SUPPORT_WEIGHT * jnp.mean(outside)
    return expected(errors, aim, sharpness.width, objective, tail) + penalty


def chip_error_lsb(
    column: Column,
    target: TargetArrays,
    aim: Aim,
    power: Float[Array, ""],
    objective: str,
    undecided: str | None = None,
) -> Float[Array, ""]:
    """What is bad about one chip, LSB, smooth.

    Args:
        column: the chip.
        target: what it should compute.
        aim: weight of the noise.
        power: of the norm that stands for the maximum.
        objective: of `settings.OBJECTIVES`.
        undecided: what an undecided latch gives; None: latches decide.
    """
    if objective == "rmse":
        return jnp.sqrt(metrics.mse_lsb2(column.thresholds, target))
    chip, lost = realise_column(column, target), lost_of(column, target, undecided)
    if objective == "total":
        return metrics.total_rmse_lsb(chip, target, lost)
    worst = smooth_max(jnp.abs(metrics.inl_lsb(chip, target)), power)
    return worst if objective == "yield" else worst + aim.noise_weight * metrics.noise_rms_lsb(chip, target, lost)


def smooth_max(values: Float[Array, " n"], power: Float[Array, ""]) -> Float[Array, ""]:
    """The p-norm of non-negative values: between their maximum and n^(1/p) times it."""
    largest = jax.lax.stop_gradient(jnp.max(values))
    scale = jnp.where(largest > 0, largest, 1.0)
    total = jnp.sum((values / scale) ** power)
    return jnp.where(largest > 0, scale * jnp.where(total > 0, total, 1.0) ** (1.0 / power), 0.0)


def expected(
    errors: Float[Array, " chip"], aim: Aim, width: Float[Array, ""], objective: str, tail: float
) -> Float[Array, ""]:
    """Mean, mean of the worst share, or share beyond the spec, of the errors of the chips."""
    if objective == "quantile":
        n = max(round(tail * errors.shape[0]), 1)
        return jnp.mean(jax.lax.top_k(errors, n)[0])
    if objective == "yield":
        bad = jnp.mean(jax.nn.sigmoid((errors / aim.spec_lsb - 1.0) / width))
        return bad + _YIELD_SLOPE * jnp.mean(errors) / aim.spec_lsb
    return jnp.mean(errors)


def _held(thresholds: Float[Array, " threshold"], target: TargetArrays, frame: Frame) -> Float[Array, ""]:
    """How far thresholds lie where no inputs are: there they have no gradient of their own."""
    low, high = frame.supports
    away = jnp.maximum(low - thresholds, 0.0) + jnp.maximum(thresholds - high, 0.0)
    span = jnp.maximum(high - low, 1e-30)
    return jnp.sum(jnp.where(target.valid, jnp.minimum(away / span, 1.0) ** 2, 0.0))
