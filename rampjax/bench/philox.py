"""Philox 4x32-10: random words as a function of a counter and a key, in array operations.

Works without 64-bit integers: products of 32 bits by 32 are put together from limbs of 16 bits.

References:
    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
    doi 10.1145/2063384.2063405; known answers in `kat_vectors` of the Random123 library.
"""

import jax.numpy as jnp
from jaxtyping import Array, UInt32

Words = tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"], UInt32[Array, "*shape"], UInt32[Array, "*shape"]]

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) - 1: what a round adds to the key


def multiply_high_low(
    multiplier: int, word: UInt32[Array, "*shape"]
) -> tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """Both halves of a product of 64 bits: (high word, low word).

    With limbs a = a1 2^16 + a0: high = a1 b1 + carry of (a1 b0 + a0 b1 + (a0 b0 >> 16)), of which no sum overflows.

    Args:
        multiplier: 32 bits.
        word: 32 bits.
    """
    a0, a1 = jnp.uint32(multiplier & 0xFFFF), jnp.uint32(multiplier >> 16)
    limb = jnp.uint32(0xFFFF)
    b0, b1 = word & limb, word >> 16
    cross = a0 * b1
    middle = a1 * b0 + (a0 * b0 >> 16) + (cross & limb)
    return a1 * b1 + (cross >> 16) + (middle >> 16), jnp.uint32(multiplier) * word


def philox_4x32(counter: Words, key: tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]) -> Words:
    """Four random words of each counter, by ten rounds.

    Args:
        counter: four words of 32 bits.
        key: two words of 32 bits.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        high_0, low_0 = multiply_high_low(_MULTIPLIERS[0], c0)
        high_1, low_1 = multiply_high_low(_MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = k0 + jnp.uint32(_WEYL[0]), k1 + jnp.uint32(_WEYL[1])
    return c0, c1, c2, c3
