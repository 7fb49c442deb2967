"""The engine: any model, any measures, any number of samples, in blocks of one fixed shape.

Every sample has the same bits whatever the number of chunks, devices or interruptions, on one platform and version. The
compiled kernel only ever sees whole blocks, since XLA's vectorisation changes last bits with the batch size; samples
beyond the last are computed and dropped. Every device runs the same single-device program on calls of its own: one
program partitioned over devices is fused differently for one device than for two, and so differs in its last bits.
Statistics are reduced on the host in float64 in sample order. Memory does not grow with the number of samples.
"""

import functools
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from rampjax.checks import check_between, check_integer
from rampjax.montecarlo.keys import MAX_SEED, sample_key, study_key
from rampjax.montecarlo.statistics import BlockSums, Statistics

BLOCK = {"cpu": 256, "gpu": 16_384}  # samples per block; the bits depend on it, so it belongs to the platform
_VALUES_PER_CALL = 2**19  # random numbers or so that one call works on
_IN_FLIGHT = 2  # calls per device dispatched ahead of the host's reduction; on CPU they run side by side
CHUNK_SAMPLES = 65_536
MAX_SAMPLES = 2**62

trace_counts: Counter[str] = Counter()  # how often each model was traced: one trace is one compiled kernel


@runtime_checkable
class Model(Hashable, Protocol):
    """A model with its measures: one sample from its key. Static and hashable; all numbers are in `params`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the measures, in the order of the returned values."""

    @property
    def width(self) -> int:
        """About how many numbers a sample works on: sizes a call."""

    def __call__(self, key: Key[Array, ""], params: Any) -> tuple[Array, Array]:
        """Returns the measures, shape (n_measures,), and what is kept raw of the first samples, any shape."""


@runtime_checkable
class ChunkStore(Protocol):
    """Where finished chunks are kept between runs."""

    def load(self, first: int, count: int) -> "Chunk | None":
        """Returns the chunk of the samples from `first` on, or None where it is not finished."""

    def save(self, chunk: "Chunk") -> None:
        """Keeps a finished chunk: all of it or, when interrupted, nothing."""


class Chunk(NamedTuple):
    """A finished range of samples."""

    first: int
    n_samples: int
    sums: BlockSums
    kept: np.ndarray  # raw values of the samples below n_keep
    measures: np.ndarray  # (n_samples, n_measures) where samples are saved, else empty


@dataclass(frozen=True)
class Result:
    """What a run returns: statistics of all samples, raw values of the first ones."""

    statistics: Statistics
    kept: np.ndarray  # (n_keep, ...)
    measures: np.ndarray  # (n_samples, n_measures) float32 where samples are saved, else empty


def run(
    model: Model,
    params: Any,
    *,
    n_samples: int,
    seed: int,
    specs: Sequence[float] = (),
    n_keep: int = 0,
    save_samples: bool = False,
    chunk_samples: int = CHUNK_SAMPLES,
    store: ChunkStore | None = None,
    devices: Sequence[jax.Device] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Simulates samples 0..n_samples-1 of a study and reduces their measures.

    Args:
        model: static part, a hashable callable.
        params: traced part, a pytree of arrays.
        n_samples: number of samples (chips).
        seed: 0..2**63-1.
        specs: values at which samples within the spec (measure <= spec) are counted exactly.
        n_keep: of how many first samples the raw values are returned.
        save_samples: return the measures of every sample too; memory then grows with n_samples.
        chunk_samples: samples per chunk, rounded up to whole blocks.
        store: keeps finished chunks, so that a killed run continues.
        devices: local devices to spread the calls over; by default `default_devices()`.
        progress: called with the number of samples just finished.

    Raises:
        InputError: n_samples, seed or chunk_samples out of range.
    """
    check_numbers(n_samples, seed)
    check_integer("chunk_samples", chunk_samples)
    check_between("chunk_samples", chunk_samples, 1, MAX_SAMPLES)
    devices = tuple(devices or default_devices())
    block = block_size(devices[0])
    job = _Job(model, params, seed, block, blocks_per_call(model, block, n_samples), n_keep, save_samples, devices)
    chunk_samples = -(-chunk_samples // block) * block
    statistics = Statistics.empty(model.names, specs)
    kept, measures = [], []
    for first in range(0, n_samples, chunk_samples):
        count = min(chunk_samples, n_samples - first)
        chunk = store.load(first, count) if store else None
        if chunk is None:
            chunk = _run_chunk(job, first, count, statistics)
            if store:
                store.save(chunk)
        statistics = statistics.add(chunk.sums)
        kept.append(chunk.kept)
        measures.append(chunk.measures)
        if progress:
            progress(count)
    return Result(statistics, np.concatenate(kept), np.concatenate(measures))


def check_numbers(samples: int, seed: int) -> None:
    """Raises InputError unless both are integers in range; `run` asks, and so may who touches files before it."""
    for name, value, low, high in (("samples", samples, 1, MAX_SAMPLES), ("seed", seed, 0, MAX_SEED)):
        check_integer(name, value)
        check_between(name, value, low, high)


class _Job(NamedTuple):
    """What every call of a run has in common."""

    model: Model
    params: Any
    seed: int
    block: int  # samples
    n_blocks: int  # per call
    n_keep: int
    save_samples: bool
    devices: tuple[jax.Device, ...]


def block_size(device: jax.Device) -> int:
    """Samples per block on a device's platform."""
    return BLOCK.get(device.platform, BLOCK["gpu"])


def _run_chunk(job: _Job, first: int, count: int, statistics: Statistics) -> Chunk:
    sums, kept, saved = [], [], []
    for start, values, raw in _calls(job, first, count):
        n = min(len(values), first + count - start)
        sums.append(statistics.block_sums(values[:n], job.block))
        kept.append(np.asarray(raw[: max(min(job.n_keep - start, n), 0)]))
        saved.append(values[: n if job.save_samples else 0])
    return Chunk(first, count, BlockSums.concatenate(sums), np.concatenate(kept), np.concatenate(saved))


def _calls(job: _Job, first: int, count: int) -> Iterator[tuple[int, np.ndarray, Array]]:
    """Runs the calls of a chunk, a few ahead of the reader: (first sample, measures, raw values on the device)."""
    kernel = compile_kernel(job.model, job.block)
    placed = [jax.device_put((study_key(job.seed), job.params), device) for device in job.devices]
    pending: deque[tuple[int, Array, Array]] = deque()
    for call, start in enumerate(range(first, first + count, job.block * job.n_blocks)):
        starts = start + job.block * np.arange(job.n_blocks, dtype=np.uint64)
        halves = np.stack([starts >> np.uint64(32), starts & np.uint64(0xFFFFFFFF)], axis=-1).astype(np.uint32)
        pending.append((start, *kernel(halves, *placed[call % len(placed)])))
        if len(pending) == _IN_FLIGHT * len(placed):
            begin, values, raw = pending.popleft()
            yield begin, np.asarray(values), raw
    for begin, values, raw in pending:
        yield begin, np.asarray(values), raw


@functools.lru_cache(maxsize=256)
def compile_kernel(model: Model, block: int) -> Any:
    """Returns the jitted model: vmap inside a block, one block after the other.

    Args:
        model: static part.
        block: samples per block.

    Returns:
        A function of the halves of the blocks' first sample numbers (block, 2), the study's key, and the parameters.
    """

    def one_block(start: Array, base: Array, params: Any) -> tuple[Array, Array]:
        # A block never straddles a multiple of 2**32, since its size is a power of two.
        keys = jax.vmap(lambda offset: sample_key(base, start[0], start[1] + offset))(
            jnp.arange(block, dtype=jnp.uint32)
        )
        return jax.vmap(model, in_axes=(0, None))(keys, params)

    def many_blocks(starts: Array, base: Array, params: Any) -> tuple[Array, Array]:
        trace_counts[type(model).__name__] += 1
        values, raw = jax.lax.map(lambda start: one_block(start, base, params), starts)
        return values.reshape(-1, values.shape[-1]), raw.reshape(-1, *raw.shape[2:])

    return jax.jit(many_blocks)


def blocks_per_call(model: Model, block: int, n_samples: int) -> int:
    """Blocks that one call runs through: fewer, the wider the model, and no more than a short run needs.

    A power of two for a short run, so that few numbers of samples compile a kernel of their own.
    """
    needed = 1 << (-(-n_samples // block) - 1).bit_length()
    return min(max(1, _VALUES_PER_CALL // (block * model.width)), needed)


def default_devices() -> tuple[jax.Device, ...]:
    """All accelerators of this process; of CPU devices the first, which uses every core by itself."""
    devices = tuple(jax.local_devices())
    return devices[:1] if devices[0].platform == "cpu" else devices
