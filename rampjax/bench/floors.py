"""The floor: all ways to draw the normals of a chip, of which the fastest is what no simulation of chips can beat.

Of the fused ways only a sum per 32 normals or so is kept, so that no normal ever reaches memory; the others store all.
"""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from rampjax.bench.contender import Contender
from rampjax.bench.cores import Cores, generator
from rampjax.bench.philox import philox_4x32
from rampjax.circuit.draws import normal_of, threefry_2x32

Words = Callable[[Array, int, Array], Sequence[Array]]  # lane, number of the call, seed -> words

_UNROLLED = 32  # normals that one lane of a fused kernel draws; more would compile for long
_STORED = {"cpu": 2**19, "gpu": 2**26}  # normals per call where they are stored
_FUSED = {"cpu": 2**23, "gpu": 2**29}  # and where they are not
_NUMPY_BLOCK = 2**15  # normals that fit a core's cache
_BIT_GENERATORS = (np.random.PCG64, np.random.SFC64, np.random.Philox)


def normals_per_chip(bits: int) -> int:
    """One normal per device: one device per step between the 2**bits - 1 thresholds of a monotone function."""
    return int(2**bits) - 2


def floors(bits: int, cores: Cores, scale: float = 1.0) -> list[Contender]:
    """All ways to draw the normals of chips.

    Args:
        bits: bits of the column.
        cores: where NumPy works.
        scale: of the work per call, 1 for a fair rate.
    """
    n = normals_per_chip(bits)
    platform = "cpu" if jax.default_backend() == "cpu" else "gpu"
    chips = max(64, int(_STORED[platform] * scale) // n)
    with_numpy = [_numpy(kind, n, chips, cores) for kind in _BIT_GENERATORS]
    return [
        *with_numpy,
        _stored("jax.random.normal, threefry", n, chips, _jax_random("threefry2x32", (chips, n))),
        _stored("jax.random.normal, threefry, not partitionable", n, chips, _not_partitionable((chips, n))),
        _stored("jax.random.normal, rbg", n, chips, _jax_random("rbg", (chips, n))),
        _stored("Philox and erfinv, array form", n, chips, _array_form(n, chips, _philox_lane, 4)),
        _stored("Threefry and erfinv, array form", n, chips, _array_form(n, chips, _threefry_lane, 2)),
        _fused("Philox and erfinv, fused", n, int(_FUSED[platform] * scale), _philox_lane),
        _fused("Threefry and erfinv, fused", n, int(_FUSED[platform] * scale), _threefry_lane),
    ]


def _numpy(kind: type[np.random.BitGenerator], n: int, chips: int, cores: Cores) -> Contender:
    per_core = max(1, chips // cores.n)
    rows = max(1, _NUMPY_BLOCK // n)

    def draw(seed: int, core: int, sums: bool) -> np.ndarray:
        rng = generator(seed, core, kind)
        block = np.empty((rows, n), np.float32)
        totals = []
        for first in range(0, per_core, rows):
            part = block[: min(rows, per_core - first)]
            rng.standard_normal(out=part, dtype=np.float32)
            if sums:
                totals.append(part.sum(axis=1) / math.sqrt(n))
        return np.concatenate(totals) if sums else block

    return Contender(
        f"NumPy {kind.__name__}",
        per_core * cores.n,
        lambda seed: cores.each(lambda core: draw(seed, core, False)),
        lambda seed: np.concatenate(cores.each(lambda core: draw(seed, core, True))),
    )


def _stored(name: str, n: int, chips: int, draw: Callable[[int], Array | list[Array]]) -> Contender:
    return Contender(
        name,
        chips,
        lambda seed: jax.block_until_ready(draw(seed)),
        lambda seed: np.asarray(draw(seed)).reshape(chips, -1)[:, :n].sum(axis=1) / math.sqrt(n),
    )


def _jax_random(implementation: str, shape: tuple[int, int]) -> Callable[[int], Array]:
    kernel = jax.jit(lambda key: jax.random.normal(key, shape))
    return lambda seed: kernel(jax.random.key(seed, impl=implementation))


def _not_partitionable(shape: tuple[int, int]) -> Callable[[int], Array]:
    draw = _jax_random("threefry2x32", shape)

    def call(seed: int) -> Array:
        with jax.threefry_partitionable(False):
            return draw(seed)

    return call


def _array_form(n: int, chips: int, words: Words, words_per_call: int) -> Callable[[int], list[Array]]:
    """All normals of all chips, one array per word: joined into one, the loop would not be vectorised."""

    @jax.jit
    def kernel(seed: Array) -> list[Array]:
        number = jnp.arange(chips * -(-n // words_per_call), dtype=jnp.uint32)
        return [normal_of(word) for word in words(number, 0, seed)]

    return lambda seed: kernel(np.uint32(seed))


def _philox_lane(lane: Array, call: int, seed: Array) -> Sequence[Array]:
    zero = jnp.zeros_like(lane)
    return philox_4x32((lane, jnp.full_like(lane, call), zero, zero), (seed, jnp.uint32(0)))


def _threefry_lane(lane: Array, call: int, seed: Array) -> Sequence[Array]:
    return threefry_2x32((lane, jnp.full_like(lane, call)), (seed, jnp.uint32(0)))


def _fused(name: str, n: int, normals: int, words: Words) -> Contender:
    lanes_per_chip = -(-n // _UNROLLED)
    per_lane = -(-n // lanes_per_chip)
    chips = max(64, normals // n)

    @jax.jit
    def kernel(seed: Array) -> Array:
        lane = jnp.arange(chips * lanes_per_chip, dtype=jnp.uint32)
        total, drawn, call = jnp.zeros(lane.shape), 0, 0
        while drawn < per_lane:
            for word in words(lane, call, seed)[: per_lane - drawn]:
                total, drawn = total + normal_of(word), drawn + 1
            call += 1
        return total

    def run(seed: int) -> Array:
        sums: Array = kernel(np.uint32(seed)).block_until_ready()
        return sums

    return Contender(name, chips, run, lambda seed: np.asarray(run(seed)) / math.sqrt(per_lane))
