"""One sampled chip: sample number n of a seed, the very chip that a run simulates under that number."""

import jax
import jax.numpy as jnp
import numpy as np

from rampjax.checks import check_between, check_integer
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.converter import Column, sample_column
from rampjax.circuit.design import Design
from rampjax.montecarlo.engine import MAX_SAMPLES
from rampjax.montecarlo.keys import MAX_SEED, sample_key, study_key
from rampjax.target.arithmetic import model_arithmetic

_sample = jax.jit(sample_column, static_argnums=2)


@model_arithmetic()
def sample_chip(design: Design, seed: int, sample: int) -> Column:
    """The column of one chip, with everything that was drawn for it, as float64 arrays on the host.

    It is sample `sample` of `rampjax yield --seed SEED` on the same design, but for rounding in the last bits, since a
    kernel of one chip is compiled differently from one of many. Of an array it is a column by itself.

    Args:
        design: the design.
        seed: 0 to 2**63-1.
        sample: number of the chip, from 0.

    Returns:
        The column without padding: conductances of the bias devices, then of the steps' devices; a threshold for each
        of `design.target.thresholds`.

    Raises:
        InputError: a seed or a number out of range.
    """
    for name, value, high in (("seed", seed, MAX_SEED), ("sample", sample, MAX_SAMPLES - 1)):
        check_integer(name, value)
        check_between(name, value, 0, high)
    key = sample_key(study_key(seed), jnp.uint32(sample >> 32), jnp.uint32(sample & 0xFFFFFFFF))
    column = _sample(key, converter_params(design), column_structure(design))
    host: Column = jax.tree.map(lambda values: np.asarray(values, np.float64), column)
    n_levels, n_thresholds = len(design.v_ramp_V), len(design.level_of)
    n_entries = design.n_bias + int(design.n_devices.sum())
    return host._replace(
        g_uS=host.g_uS[:n_entries],
        v_ramp_V=host.v_ramp_V[:n_thresholds],
        thresholds=host.thresholds[:n_thresholds],
        sigma_x=host.sigma_x[:n_thresholds],
        ramp=host.ramp._replace(
            g_uS=host.ramp.g_uS[:n_entries],
            deviation_V=host.ramp.deviation_V[:n_thresholds],
            sigma_V=host.ramp.sigma_V[:n_thresholds],
            measured_V=host.ramp.measured_V[:n_levels],
            held_V=host.ramp.held_V[:n_levels],
        ),
    )
