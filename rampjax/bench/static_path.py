"""Chips per second of the static path: programming error to worst INL, on the sigmoid.

The engine as a user runs it (any function, by its table; statistics; raw values of the first chips) against NumPy and
against a lean kernel that knows only this one job: what a specialised program could reach.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from rampjax.bench.contender import Contender
from rampjax.bench.cores import Cores
from rampjax.bench.host_column import HostColumn, host_column, worst_inl_lsb
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.design import Design
from rampjax.circuit.draws import normal_of, threefry_2x32
from rampjax.config.build import build_design
from rampjax.config.points import point_from_options
from rampjax.montecarlo.column import ColumnModel
from rampjax.montecarlo.engine import run

DEVICE = "taox_paper"
ENGINE, NUMPY, LEAN = "rampjax", "NumPy", "lean kernel"
_DEVICES = {"cpu": 2**22, "gpu": 2**29}  # programmed devices per call
_LEAN_BLOCK = {"cpu": 2**17, "gpu": 2**26}


def make_design(bits: int, calibration: str = "none") -> Design:
    """The column that all contenders simulate."""
    return build_design(point_from_options("sigmoid", bits, calibration=calibration, device=DEVICE))


def static_path(bits: int, calibration: str, cores: Cores, scale: float = 1.0) -> list[Contender]:
    """Engine, NumPy and, for calibration `none`, the lean kernel.

    Args:
        bits: bits of the column.
        calibration: `none` or `ramp_aware`.
        cores: where NumPy works.
        scale: of the work per call, 1 for a fair rate.
    """
    design = make_design(bits, calibration)
    column = host_column(design)
    platform = "cpu" if jax.default_backend() == "cpu" else "gpu"
    contenders = [
        _engine(design, calibration, max(256, int(_DEVICES[platform] * scale) >> bits)),
        _numpy(column, calibration, max(256, int(_DEVICES["cpu"] * scale) >> bits), cores),
    ]
    if calibration == "none":
        block = max(256, int(_LEAN_BLOCK[platform] * scale) >> bits)
        contenders.append(_lean(column, block, max(1, int(_DEVICES[platform] * scale) // (block << bits))))
    return contenders


def _engine(design: Design, calibration: str, chips: int) -> Contender:
    params = converter_params(design)
    model = ColumnModel(column_structure(design), ("max_inl_lsb",), len(params.target.thresholds))
    return Contender(
        f"{ENGINE}, {calibration}",
        chips,
        lambda seed: run(model, params, n_samples=chips, seed=seed),
        lambda seed: run(model, params, n_samples=chips, seed=seed, save_samples=True).measures[:, 0],
    )


def _numpy(column: HostColumn, calibration: str, chips: int, cores: Cores) -> Contender:
    per_core = max(1, chips // cores.n)

    def all_cores(seed: int) -> np.ndarray:
        aware = calibration == "ramp_aware"
        return np.concatenate(cores.each(lambda core: worst_inl_lsb(column, per_core, seed, core, aware)))

    return Contender(f"{NUMPY}, {calibration}", per_core * cores.n, all_cores, all_cores)


def _lean(column: HostColumn, block: int, n_blocks: int) -> Contender:
    n_steps = len(column.g_target_uS)
    thresholds, g_target_uS = jnp.asarray(column.thresholds)[:, None], jnp.asarray(column.g_target_uS)[:, None]
    boundaries = jnp.arange(1.0, column.n_codes)[:, None]
    to_sums = jnp.asarray(np.tri(n_steps + 1, n_steps, -1, dtype=np.float32) * column.x_per_uS)

    def one_block(row: Array) -> Array:
        # The seed comes with each row: as a constant of the loop, it would keep the compiler from vectorising.
        chip, seed = row[0] + jnp.arange(block, dtype=jnp.uint32), row[1]
        pair = jnp.arange(-(-n_steps // 2), dtype=jnp.uint32)[:, None]
        words = threefry_2x32((chip + jnp.zeros_like(pair), pair + jnp.zeros_like(chip)), (seed, jnp.uint32(0)))
        z = jnp.concatenate([normal_of(word) for word in words])[:n_steps]
        error_uS = jnp.maximum(column.sigma_prog_uS * z, -g_target_uS)
        x = thresholds + jnp.matmul(to_sums, error_uS, precision=jax.lax.Precision.HIGHEST)
        return jnp.max(jnp.abs(column.n_codes * jax.nn.sigmoid(x) - boundaries), axis=0)

    kernel = jax.jit(lambda rows: jax.lax.map(one_block, rows))

    def all_blocks(seed: int) -> np.ndarray:
        first = block * np.arange(n_blocks, dtype=np.uint32)
        return np.asarray(kernel(np.stack([first, np.full_like(first, seed)], axis=1))).reshape(-1)

    return Contender(f"{LEAN}, none", block * n_blocks, all_blocks, all_blocks)
