"""Standard normals of a key, by Threefry 2x32-20 written out in array operations.

The generator of `jax.random`, in a form that the compiler fuses with what uses its words; both words of each counter
are used. A key of another generator draws by `jax.random` itself.

References:
    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
    doi 10.1145/2063384.2063405.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

from rampjax.target.arithmetic import GENERATOR

Pair = tuple[UInt32[Array, "..."], UInt32[Array, "..."]]  # of shapes that broadcast

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_SQRT_2 = math.sqrt(2.0)


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


def uniform_of(word: UInt32[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Uniform in the open interval from 0 to 1: ((x >> 9) + 1/2) 2^-23 reaches neither end.

    Args:
        word: random words of 32 bits.
    """
    return ((word >> 9).astype(jnp.float32) + 0.5) * 2.0**-23


def normal_of(word: UInt32[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Standard normal by the inverse of its distribution, sqrt(2) erfinv(2u - 1); |z| ends near 5.3.

    Args:
        word: random words of 32 bits.
    """
    return _SQRT_2 * jax.scipy.special.erfinv(2.0 * uniform_of(word) - 1.0)


def standard_normal(key: Key[Array, ""], n: int) -> Float[Array, " n"]:
    """Draws n standard normals.

    Args:
        key: used for nothing else.
        n: how many.
    """
    if str(jax.random.key_impl(key)) != GENERATOR:
        return jax.random.normal(key, (n,))
    words = jax.random.key_data(key)
    low = jnp.arange(-(-n // 2), dtype=jnp.uint32)
    # jax's own folding starts its counters at 0 in the other word: these never meet them.
    drawn = threefry_2x32((jnp.full_like(low, 0x52414D50), low), (words[0], words[1]))
    return normal_of(jnp.concatenate(drawn)[:n])
