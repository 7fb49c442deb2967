"""Keys of samples: sample number n draws from a stream keyed by the seed and n alone."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32

from rampjax.target.arithmetic import GENERATOR

MAX_SEED = 2**63 - 1


def seeded_key(seed: int) -> Key[Array, ""]:
    """The key of a 64-bit seed, whatever generator and offset of seeds the process has chosen."""
    words = jnp.asarray(np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32))
    key: Key[Array, ""] = jax.random.wrap_key_data(words, impl=GENERATOR)
    return key


def study_key(seed: int) -> Key[Array, ""]:
    """The key of a study: both halves of a 64-bit seed count."""
    return jax.random.fold_in(seeded_key(seed & 0xFFFFFFFF), seed >> 32)


def sample_key(base: Key[Array, ""], high: UInt32[Array, ""], low: UInt32[Array, ""]) -> Key[Array, ""]:
    """The key of sample `high * 2**32 + low`. Two folds, since one overflows at 2**32."""
    return jax.random.fold_in(jax.random.fold_in(base, high), low)
