"""The comparator: a static input offset, drawn once per column. Noise, delay and the latch are left out here."""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Key


class ComparatorParams(NamedTuple):
    """The traced part of a comparator."""

    sigma_offset_V: Float[Array, ""]  # standard deviation of the offset (static, once per column)


def sample_offset_V(key: Key[Array, ""], comparator: ComparatorParams) -> Float[Array, ""]:
    """Draws the input offset of one column's comparator, V: the ramp seems higher by that much."""
    return comparator.sigma_offset_V * jax.random.normal(key)
