"""Chance at every strobe: comparator noise drawn anew, and latches that stay undecided. The first crossing decides.

At strobe j a comparator flips unless the input is above V_j + n_j. By level k an input is passed if it lies below

    T_k = max over j <= k of (V_j + n_j),   P(T_k <= x) = product over j <= k of P(n_j <= x - V_j)

so that noise which is fresh at every strobe flips early: the more strobes lie within its reach, the earlier. An
undecided latch, |x - V_j| < w, takes either side with the same chance: n_j is then +w or -w. Here are mean and variance
of T_k; thresholds and measures take them as those of one number per conversion.

References: the distribution of a maximum of independent variables; Yang et al., Nature Communications 16 (2025), doi
10.1038/s41467-025-56254-6, for a ramp whose first crossing latches a counter. Left out: the correlation of
neighbouring thresholds of one conversion, which no mean square error sees.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Distributions are carried on a grid of x, in standard deviations from the highest level so far: what lies beyond
# happens in less than one of 1e7 conversions.
_LOW, _HIGH, _PER_SIGMA = -5.5, 6.5, 4
_N_NODES = round((_HIGH - _LOW) * _PER_SIGMA) + 1
_N_BACK = 12  # strobes back that may decide in place of an undecided one, each half as likely as the one after it


class Crossing(NamedTuple):
    """Where inputs are first crossed, against the highest level so far."""

    shift_V: Float[Array, " level"]  # mean
    variance_V2: Float[Array, " level"]


def first_crossing(
    raw_V: Float[Array, " level"],
    highest_V: Float[Array, " level"],
    v_target_V: Float[Array, " level"],
    sigma_V: Float[Array, ""],
    window_V: Float[Array, ""] | None = None,
) -> Crossing:
    """Mean and variance of the first crossing with normal noise, and maybe undecided latches, at every strobe.

    F_k(u) = F_{k-1}(u + rise) H(u + depth) in standard deviations above the highest level so far, by cubic
    interpolation on a grid of a quarter of one; H is the distribution of the noise of one strobe. Within 2e-3 standard
    deviations of brute force from 4 to 8 bits.

    Args:
        raw_V: deviation of every level from what it aims at, V.
        highest_V: the same of the highest level so far.
        v_target_V: the ideal ramp, V.
        sigma_V: of the noise, above 0, V.
        window_V: half width of the inputs for which a latch stays undecided, V; None: latches decide.
    """
    total_V = sigma_V if window_V is None else jnp.hypot(sigma_V, window_V)
    ramp_V = v_target_V + highest_V
    rise = jnp.diff(ramp_V, prepend=ramp_V[:1]) / total_V
    depth = (highest_V - raw_V) / total_V
    nodes = jnp.linspace(_LOW, _HIGH, _N_NODES, dtype=ramp_V.dtype)

    def chance(u: Array) -> Array:
        """That the noise of one strobe is at most u."""
        scaled = u * (total_V / sigma_V)
        if window_V is None:
            return jax.scipy.special.ndtr(scaled)
        apart = window_V / sigma_V
        return 0.5 * (jax.scipy.special.ndtr(scaled - apart) + jax.scipy.special.ndtr(scaled + apart))

    def strobe(before: Array, level: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        moved, below = level
        after = _shifted(before, moved) * chance(nodes + below)
        # By parts: T = high - integral of F, T^2 = high^2 - 2 integral of u F, by the trapezoid rule, with what it
        # takes too much of a slope of 1 at the upper end.
        weights = jnp.ones_like(nodes).at[-1].set(0.5) / _PER_SIGMA
        mean = _HIGH - jnp.sum(weights * after)
        square = _HIGH**2 - 2.0 * jnp.sum(weights * nodes * after) + 1.0 / (6.0 * _PER_SIGMA**2)
        return after, (mean, jnp.maximum(square - mean**2, 0.0))

    _, (mean, variance) = jax.lax.scan(strobe, jnp.ones_like(nodes), (rise, depth))
    return Crossing(total_V * mean, total_V**2 * variance)


def _shifted(values: Float[Array, " node"], by: Float[Array, ""]) -> Float[Array, " node"]:
    """A distribution on the grid, seen from a level that is `by` standard deviations higher."""
    place = jnp.clip(by * _PER_SIGMA, 0.0, _N_NODES)
    whole = jax.lax.stop_gradient(jnp.floor(place))
    t = place - whole
    padded = jnp.concatenate([jnp.zeros(1), values, jnp.ones(_N_NODES + 3)]).astype(values.dtype)
    window = jax.lax.dynamic_slice(padded, (whole.astype(jnp.int32),), (_N_NODES + 3,))
    a, b, c, d = (window[i : i + _N_NODES] for i in range(4))
    # Lagrange's cubic through the four nodes around each place.
    cubic = (
        -t * (t - 1.0) * (t - 2.0) / 6.0 * a
        + (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0 * b
        - (t + 1.0) * t * (t - 2.0) / 2.0 * c
        + (t + 1.0) * t * (t - 1.0) / 6.0 * d
    )
    return jnp.clip(cubic, 0.0, 1.0)


def undecided_crossing(
    highest_V: Float[Array, " level"], v_target_V: Float[Array, " level"], window_V: Float[Array, ""]
) -> Crossing:
    """Mean and variance of the first crossing where latches are undecided for inputs within a window of their level.

    T_k = V_k + w with a chance of a half, V_{k-1} + w with a quarter, and so on, but never below V_k - w: where the
    windows of neighbours do not meet, V_k + w or V_k - w.

    Args:
        highest_V: deviation of the highest level so far from what the ramp aims at, V.
        v_target_V: the ideal ramp, V.
        window_V: its half width, V.
    """
    ramp_V = v_target_V + highest_V
    mean, square, left = jnp.zeros_like(ramp_V), jnp.zeros_like(ramp_V), 1.0
    for back in range(_N_BACK):
        earlier_V = jnp.concatenate([jnp.full_like(ramp_V[:back], -jnp.inf), ramp_V[: ramp_V.shape[0] - back]])
        left *= 0.5
        shift_V = jnp.maximum(earlier_V - ramp_V + window_V, -window_V)
        mean, square = mean + left * shift_V, square + left * shift_V**2
    mean, square = mean - left * window_V, square + left * window_V**2
    return Crossing(mean, jnp.maximum(square - mean**2, 0.0))
