"""Threefry 2x32-20 written out in array operations, so that it fuses with what uses its words.

It draws the words of `jax.random`'s default generator, whose own form keeps the compiler from fusing.

References:
    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
    doi 10.1145/2063384.2063405.
"""

import jax.numpy as jnp
from jaxtyping import Array, UInt32

Pair = tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry_2x32(counter: Pair, key: Pair) -> Pair:
    """Two random words of each counter, by twenty rounds.

    Args:
        counter: two words of 32 bits.
        key: two words of 32 bits.
    """
    keys = (*key, key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x0, x1 = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << rotation) | (x1 >> (32 - rotation))) ^ x0
        x0, x1 = x0 + keys[(group + 1) % 3], x1 + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return x0, x1
