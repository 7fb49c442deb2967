"""Figures as functions of the conductance, traced; `circuit.curves` has the same on the host.

Which form a curve has stands in the structure of the parameters: each compiles a kernel of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from rampjax.circuit.curves import MOST_KNOTS, N_POWERS, Points, PowerLaw, ShiftCurve, SigmaCurve, Table


class PowerLawParams(NamedTuple):
    """A traced power law."""

    coefficient_uS: Float[Array, ""]
    exponent: Float[Array, ""]
    g_unit_uS: Float[Array, ""]


class TableParams(NamedTuple):
    """A traced table: what it has at its lower end, and each of its segments, padded with flat ones.

    Its values are in µS, but for a share of events.
    """

    first_uS: Float[Array, ""]
    from_uS: Float[Array, " segment"]  # conductance at which a segment begins
    per_uS: Float[Array, " segment"]  # inverse of its width
    rise_uS: Float[Array, " segment"]  # of the value from its beginning to its end


SigmaParams = Float[Array, " power"] | PowerLawParams | TableParams
ShiftParams = Float[Array, ""] | Float[Array, " power"] | TableParams


def curve_params(curve: SigmaCurve) -> SigmaParams:
    """The traced parameters of a curve, in float32.

    Args:
        curve: on the host.
    """
    if isinstance(curve, PowerLaw):
        return PowerLawParams(*map(jnp.float32, (curve.coefficient_uS, curve.exponent, curve.g_unit_uS)))
    if isinstance(curve, Table):
        return _table_params(curve.g_uS, curve.sigma_uS)
    return polynomial_params(curve)


def shift_params(shift: ShiftCurve) -> ShiftParams:
    """The traced parameters of a mean shift or a share, in float32.

    Args:
        shift: on the host.
    """
    if isinstance(shift, Points):
        return _table_params(shift.g_uS, shift.value)
    return polynomial_params(shift) if isinstance(shift, tuple) else jnp.float32(shift)


def _table_params(g_uS: Sequence[float], values: Sequence[float]) -> TableParams:
    pad = MOST_KNOTS - len(g_uS)
    segments = (np.asarray(g_uS[:-1]), 1.0 / np.diff(g_uS), np.diff(values))
    return TableParams(jnp.float32(values[0]), *(jnp.asarray(np.pad(each, (0, pad)), jnp.float32) for each in segments))


def polynomial_params(coefficients: tuple[float, ...]) -> Float[Array, " power"]:
    """The traced coefficients of a polynomial, zero padded to `N_POWERS`, in float32."""
    return jnp.zeros(N_POWERS).at[: len(coefficients)].set(jnp.array(coefficients))


def scale_curve(curve: SigmaParams, factor: float) -> SigmaParams:
    """A traced curve times a factor.

    Args:
        curve: of any form.
        factor: of at least 0.
    """
    if isinstance(curve, PowerLawParams):
        return curve._replace(coefficient_uS=factor * curve.coefficient_uS)
    if isinstance(curve, TableParams):
        return curve._replace(first_uS=factor * curve.first_uS, rise_uS=factor * curve.rise_uS)
    return factor * curve


def power_law_at(law: PowerLawParams, g_uS: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """sigma(g) = coefficient (g / g_unit)^exponent, 0 with slope 0 at and below 0 µS."""
    # An exponent below 1 has no slope at 0, and a gradient must not see it.
    conducts = g_uS > 0
    log = jnp.log(jnp.where(conducts, g_uS, law.g_unit_uS) / law.g_unit_uS)
    return jnp.where(conducts, law.coefficient_uS * jnp.exp(law.exponent * log), 0.0)


def table_at(table: TableParams, g_uS: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """v(g) = v_0 + sum_i rise_i clip((g - g_i) / width_i, 0, 1): no gather, no difference of large terms."""
    share = jnp.clip((g_uS[..., None] - table.from_uS) * table.per_uS, 0.0, 1.0)
    return table.first_uS + jnp.sum(table.rise_uS * share, axis=-1)


def polynomial_at(curve_uS: Float[Array, " power"], g_uS: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """c(g) = sum_i c_i g^i by Horner's rule, of either sign."""
    value = jnp.zeros_like(g_uS)
    for power in reversed(range(curve_uS.shape[0])):
        value = value * g_uS + curve_uS[power]
    return value
