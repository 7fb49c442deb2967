"""How an error is distributed where it is not normal, traced; `circuit.quantiles` has the same on the host."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from rampjax.circuit.quantiles import Quantiles, QuantileTable, lost_correlations


class QuantileTableParams(NamedTuple):
    """Traced quantiles at several conductances."""

    from_uS: Float[Array, " segment"]  # conductance at which a segment begins
    per_uS: Float[Array, " segment"]  # inverse of its width
    lost: Float[Array, " segment"]  # 1 - correlation of the quantile functions at its ends
    rows: Float[Array, "row quantile"]


QuantileParams = Float[Array, " quantile"] | QuantileTableParams


def quantile_params(quantiles: Quantiles) -> QuantileParams | None:
    """The traced parameters of a distribution, in float32; None of a normal one.

    Args:
        quantiles: on the host.
    """
    if isinstance(quantiles, QuantileTable):
        segments = (np.asarray(quantiles.g_uS[:-1]), 1.0 / np.diff(quantiles.g_uS), lost_correlations(quantiles))
        return QuantileTableParams(*(jnp.asarray(each, jnp.float32) for each in (*segments, quantiles.rows)))
    return jnp.array(quantiles, jnp.float32) if quantiles else None


def shaped(
    z: Float[Array, "*shape"], quantiles: QuantileParams | None, g_uS: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """An error over its standard deviation: z itself where it is normal, else the quantile of the same probability.

    At a conductance between two rows, a share w of the way: ((1 - w) q_1 + w q_2) / sqrt(1 - 2 w (1 - w) (1 - rho)).

    Args:
        z: standard normal.
        quantiles: of the distribution; None: normal.
        g_uS: conductances by which the distribution is chosen, µS.
    """
    if quantiles is None:
        return z
    if not isinstance(quantiles, QuantileTableParams):
        return quantile_at(z, quantiles)
    n_segments, n = quantiles.from_uS.shape[0], quantiles.rows.shape[1]
    along = jnp.sum(jnp.clip((g_uS[..., None] - quantiles.from_uS) * quantiles.per_uS, 0.0, 1.0), axis=-1)
    segment = jnp.clip(jnp.floor(along), 0, n_segments - 1)
    index, share = _place(z, n)
    first, w = segment.astype(jnp.int32) * n + index, along - segment
    flat = quantiles.rows.reshape(-1)
    lower, upper = (flat[at] * (1.0 - share) + flat[at + 1] * share for at in (first, first + n))
    kept = 1.0 - 2.0 * w * (1.0 - w) * quantiles.lost[segment.astype(jnp.int32)]
    return (lower * (1.0 - w) + upper * w) * jax.lax.rsqrt(kept)


def quantile_at(z: Float[Array, "*shape"], quantiles: Float[Array, " quantile"]) -> Float[Array, "*shape"]:
    """The quantile that has the probability of a standard normal: q(Phi(z)), linear between the given ones.

    Args:
        z: standard normal.
        quantiles: ascending, at n evenly spaced probabilities, from 0 to 1.
    """
    index, share = _place(z, quantiles.shape[0])
    return quantiles[index] * (1.0 - share) + quantiles[index + 1] * share


def _place(z: Float[Array, "*shape"], n: int) -> tuple[Array, Array]:
    """Which of n quantiles is next below the probability of z, and the share of the way to the one above."""
    place = jax.scipy.special.ndtr(z) * (n - 1)
    below = jnp.clip(jnp.floor(place), 0, n - 2)
    return below.astype(jnp.int32), place - below
