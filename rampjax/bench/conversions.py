"""Conversions per second, chip by input: every chip converts every input to the code of its bin.

Three kinds. `none`: no temporal noise, so that all contenders must give the same codes. `once`: one normal per
conversion, added to the input. `every step`: each conversion reads every device of its ramp anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import NDArray

from rampjax.bench.contender import Contender
from rampjax.bench.cores import Cores, generator
from rampjax.bench.host_column import Floats, HostColumn, host_column
from rampjax.bench.static_path import make_design
from rampjax.circuit.converter import convert
from rampjax.circuit.ramp import sum_before
from rampjax.montecarlo.keys import seeded_key

KINDS = ("none", "once", "every step")
ENGINE, COMPARE, SEARCH, SEARCH_JAX = "rampjax convert", "NumPy compare", "NumPy searchsorted", "vmap searchsorted"
_CHIPS = 32
_CONVERSIONS = {"cpu": 2**20, "gpu": 2**26}
_COMPARISONS = {"cpu": 2**25, "gpu": 2**32}  # per call: a form that does not fuse stores them all
_NOISY_READS = {"cpu": 2**21, "gpu": 2**27}  # normals per call where every step is noisy
_NUMPY_BLOCK = 2**14  # inputs at a time
_SEED = 1

Work = Callable[[int, int], np.ndarray]  # seed, chip -> codes of all its inputs


@dataclass(frozen=True, eq=False)
class Job:
    """What all contenders convert."""

    x: Floats  # (input,)
    thresholds: Floats  # (chip, K) ascending
    codes: np.ndarray  # (K+1,) int32
    sigma_x: np.float32  # noise of an input, kind `once`
    step_sigma_x: np.float32  # noise that each read adds to the ramp, kind `every step`


def conversions(bits: int, kind: str, cores: Cores, scale: float = 1.0) -> list[Contender]:
    """All ways to convert. With noise at every step the thresholds of a conversion need not ascend: none searches.

    Args:
        bits: bits of the column.
        kind: of `KINDS`.
        cores: where NumPy works.
        scale: of the work per call, 1 for a fair rate.
    """
    platform = "cpu" if jax.default_backend() == "cpu" else "gpu"
    total = min(_CONVERSIONS[platform], _COMPARISONS[platform] >> bits)
    if kind == "every step":
        total = _NOISY_READS[platform] >> bits
    job = _job(host_column(make_design(bits)), max(64, int(total * scale) // _CHIPS))
    if kind == "every step":
        return [
            _in_jax(ENGINE, job, _every_step(job)),
            _in_numpy(COMPARE, job, cores, lambda seed, chip: _compare_every_step(job, seed, chip)),
        ]
    sigma_x = job.sigma_x if kind == "once" else np.float32(0.0)
    return [
        _in_jax(ENGINE, job, _at_inputs(job, sigma_x, _convert)),
        _in_numpy(COMPARE, job, cores, lambda seed, chip: _compare(job, sigma_x, seed, chip)),
        _in_numpy(SEARCH, job, cores, lambda seed, chip: _search(job, sigma_x, seed, chip)),
        _in_jax(SEARCH_JAX, job, _at_inputs(job, sigma_x, _search_in_jax)),
    ]


def _job(column: HostColumn, inputs: int) -> Job:
    """Chips of plain programming and inputs at which every output is equally likely, in random order."""
    rng = np.random.default_rng(_SEED)
    errors_uS = column.sigma_prog_uS * rng.standard_normal((_CHIPS, len(column.g_target_uS)), dtype=np.float32)
    sums_uS = np.cumsum(np.maximum(errors_uS, -column.g_target_uS), axis=1)
    thresholds = column.thresholds + column.x_per_uS * np.pad(sums_uS, ((0, 0), (1, 0)))
    y = rng.uniform(size=inputs)
    return Job(
        x=np.log(y / (1 - y)).astype(np.float32),
        # Steps clipped at 0 leave equal thresholds, which rounding must not put out of order: some rivals search.
        thresholds=np.maximum.accumulate(thresholds.astype(np.float32), axis=1),
        codes=np.arange(column.n_codes, dtype=np.int32),
        sigma_x=np.float32(0.5) * np.diff(column.thresholds).min(),
        step_sigma_x=column.sigma_read_uS * column.x_per_uS,
    )


def _in_numpy(name: str, job: Job, cores: Cores, work: Work) -> Contender:
    """A contender that works through the chips, each core through its share."""

    def call(seed: int) -> list[np.ndarray]:
        return cores.each(
            lambda core: np.concatenate([work(seed, chip) for chip in range(core, _CHIPS, cores.n)] or [job.codes[:0]])
        )

    def sample(seed: int) -> np.ndarray:
        return np.stack([work(seed, chip) for chip in range(_CHIPS)])

    return Contender(name, _CHIPS * len(job.x), call, lambda seed: _away_from_ideal(job, sample(seed)))


def _in_jax(name: str, job: Job, kernel: Callable[[Key[Array, ""]], Array]) -> Contender:
    compiled = jax.jit(kernel)
    return Contender(
        name,
        _CHIPS * len(job.x),
        lambda seed: compiled(seeded_key(seed)).block_until_ready(),
        lambda seed: _away_from_ideal(job, np.asarray(compiled(seeded_key(seed)))),
    )


def _away_from_ideal(job: Job, codes: np.ndarray) -> np.ndarray:
    """How far each conversion is from the ideal code, in codes."""
    ideal = job.codes[np.minimum((len(job.codes) / (1 + np.exp(-job.x))).astype(np.int64), len(job.codes) - 1)]
    return np.asarray(codes - ideal, np.float64).reshape(-1)


def _convert(x: Array, thresholds: Array, codes: Array) -> Array:
    return convert(x, thresholds, codes)


def _search_in_jax(x: Array, thresholds: Array, codes: Array) -> Array:
    return codes[jnp.searchsorted(thresholds, x, side="right")]


def _at_inputs(
    job: Job, sigma_x: np.float32, one_chip: Callable[[Array, Array, Array], Array]
) -> Callable[[Key[Array, ""]], Array]:
    x, thresholds, codes = jnp.asarray(job.x), jnp.asarray(job.thresholds), jnp.asarray(job.codes)

    def kernel(key: Key[Array, ""]) -> Array:
        shape = (_CHIPS, len(job.x))
        noisy = x + sigma_x * jax.random.normal(key, shape) if sigma_x else jnp.broadcast_to(x, shape)
        return jax.vmap(one_chip, in_axes=(0, 0, None))(noisy, thresholds, codes)

    return kernel


def _every_step(job: Job) -> Callable[[Key[Array, ""]], Array]:
    x, codes = jnp.asarray(job.x), jnp.asarray(job.codes)
    # Up to a power of two: loops over 31 numbers are vectorised badly.
    chips = jnp.pad(job.thresholds, ((0, 0), (0, 1)), constant_values=jnp.inf)

    def one(x: Float[Array, ""], z: Float[Array, " step"], thresholds: Float[Array, " threshold"]) -> Array:
        per_step = job.step_sigma_x * z
        return convert(x, thresholds + sum_before(per_step), codes)

    def one_chip(chip: tuple[Array, Array]) -> Array:
        key, thresholds = chip
        z = jax.random.normal(key, (len(x), len(thresholds)))
        return jax.vmap(one, (0, 0, None))(x, z, thresholds)

    def kernel(key: Key[Array, ""]) -> Array:
        # Chip after chip, so that its normals stay in the cache.
        converted: Array = jax.lax.map(one_chip, (jax.random.split(key, len(chips)), chips))
        return converted

    return kernel


def _inputs(job: Job, sigma_x: np.float32, rng: np.random.Generator) -> Floats:
    if not sigma_x:
        return job.x
    noisy = rng.standard_normal(len(job.x), dtype=np.float32)
    noisy *= sigma_x
    noisy += job.x
    return noisy


def _search(job: Job, sigma_x: np.float32, seed: int, chip: int) -> np.ndarray:
    x = _inputs(job, sigma_x, generator(seed, chip))
    return job.codes.take(np.searchsorted(job.thresholds[chip], x, side="right"))


def _compare(job: Job, sigma_x: np.float32, seed: int, chip: int) -> np.ndarray:
    x = _inputs(job, sigma_x, generator(seed, chip))
    counts: NDArray[np.unsignedinteger] = np.zeros(len(x), np.uint8 if len(job.codes) <= 256 else np.uint16)
    passed = np.empty(_NUMPY_BLOCK, np.bool_)
    for first in range(0, len(x), _NUMPY_BLOCK):
        part, count = x[first : first + _NUMPY_BLOCK], counts[first : first + _NUMPY_BLOCK]
        flags = passed[: len(part)]
        for threshold in job.thresholds[chip]:
            np.greater_equal(part, threshold, out=flags)
            np.add(count, flags.view(np.uint8), out=count)
    return job.codes.take(counts)


def _compare_every_step(job: Job, seed: int, chip: int) -> np.ndarray:
    rng, thresholds = generator(seed, chip), job.thresholds[chip]
    width = min(max(64, 2**16 // len(thresholds)), len(job.x))
    z = np.empty((len(thresholds) - 1, width), np.float32)
    ramp, seen, flags = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.bool_)
    counts = np.zeros(len(job.x), np.uint16)
    for first in range(0, len(job.x), width):
        part, count = job.x[first : first + width], counts[first : first + width]
        n = len(part)
        rng.standard_normal(out=z, dtype=np.float32)
        z *= job.step_sigma_x
        ramp[:] = 0.0
        for k, threshold in enumerate(thresholds):
            if k:
                ramp += z[k - 1]
            np.add(ramp, threshold, out=seen)
            np.greater_equal(part, seen[:n], out=flags[:n])
            count += flags[:n].view(np.uint8)
    return job.codes.take(counts)
