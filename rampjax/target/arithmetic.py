"""JAX's settings as the model is written for: what else a process asks of JAX neither moves its numbers nor stops it.

Single precision, so that a chip has one value; the partitionable Threefry, so that it has one on any number of devices;
standard promotion, without which optax breaks too. Infinities are meant, as the bounds of what has none, and a chip
that is not finite is counted, not raised. The precision of matrix products is left to the user, and recorded by runs.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import jax

GENERATOR = "threefry2x32"


@contextmanager
def model_arithmetic() -> Iterator[None]:
    """Holds JAX's settings inside the `with` block, or inside the function that this decorates."""
    with ExitStack() as stack:
        for setting in (
            jax.enable_x64(False),
            jax.default_prng_impl(GENERATOR),
            jax.threefry_partitionable(True),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
            jax.debug_infs(False),
            jax.debug_nans(False),
            jax.transfer_guard("allow"),
        ):
            stack.enter_context(setting)
        yield
