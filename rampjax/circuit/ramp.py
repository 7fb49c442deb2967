"""The ramp: each step reads one memristor for its pulse, and the integrator adds the charge.

The integrator is ideal: `c_int dV_k = g_k t_pulse_k v_read`. Finite gain, offset, injection, lost time, jitter,
leakage, wires and settling are left out here; the ramp starts exactly where it should.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_CHUNK = 32  # a cumulative sum runs in chunks of this many steps: a small triangular product beats `jnp.cumsum`


class RampParams(NamedTuple):
    """The traced part of a ramp column. Steps beyond the design's own have `t_pulse_ns` 0 and so add nothing."""

    v_read_V: Float[Array, ""]  # read voltage
    c_int_fF: Float[Array, ""]  # integration capacitor
    t_pulse_ns: Float[Array, " step"]  # read pulse of each step


def volts_per_uS(ramp: RampParams) -> Float[Array, " step"]:
    """What 1 µS adds to the ramp at each step: v_read t_pulse / c_int, V/µS (fC/fF = V)."""
    return ramp.v_read_V * ramp.t_pulse_ns / ramp.c_int_fF


def ramp_deviation_V(
    ramp: RampParams, g_uS: Float[Array, " step"], g_target_uS: Float[Array, " step"]
) -> Float[Array, " threshold"]:
    """How far the ramp is off at each threshold: D_1 = 0, D_{k+1} = D_k + (g_k - g_k^target) t_pulse_k v_read / c_int.

    The deviation is summed, not the ramp itself, whose rounding would swamp small steps in single precision.

    Args:
        ramp: the ramp's parameters.
        g_uS: realised conductances, µS.
        g_target_uS: ideal conductances, µS.

    References:
        Yang et al., Nature Communications 16 (2025), doi 10.1038/s41467-025-56254-6: the nonlinear ramp column.
    """
    rise_V = cumulative_sum((g_uS - g_target_uS) * volts_per_uS(ramp))
    return jnp.concatenate([jnp.zeros_like(rise_V[:1]), rise_V])


def cumulative_sum(a: Float[Array, " step"]) -> Float[Array, " step"]:
    """Cumulative sum as two products with triangular matrices: inside chunks, then over the chunks' totals."""
    n = a.shape[0]
    if n <= _CHUNK:
        return _triangular_product(a)
    n_chunks = -(-n // _CHUNK)
    chunks = jnp.pad(a, (0, n_chunks * _CHUNK - n)).reshape(n_chunks, _CHUNK)
    inside = _triangular_product(chunks)
    totals = inside[:, -1]
    before = cumulative_sum(totals) - totals
    return (inside + before[:, None]).reshape(-1)[:n]


def _triangular_product(a: Float[Array, "*rows n"]) -> Float[Array, "*rows n"]:
    upper = jnp.triu(jnp.ones((a.shape[-1], a.shape[-1]), a.dtype))
    # HIGHEST: a GPU would otherwise round the inputs to 10 bits of mantissa.
    return jnp.matmul(a, upper, precision=jax.lax.Precision.HIGHEST)
