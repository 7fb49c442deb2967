"""Few compiled kernels for many tests, each compiled without optimisation: compiling is what takes their time.

A kernel that has more than a design needs serves it too. One block per call serves any number of chips. The order of
the measures keeps these kernels apart from those of other tests.
"""

import dataclasses
from unittest import mock

import jax
import numpy as np

from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.montecarlo import engine
from rampjax.montecarlo.column import ColumnModel

N = 4096
STATIC = ("max_inl_lsb", "rmse_lsb", "noise_rms_lsb")
TEMPORAL = ("noise_rms_lsb", "total_rmse_lsb", "code_error_probability", "metastable_probability", "rmse_lsb")
WIDE = {
    "noisy_measurement": True,
    "stuck_cells": True,
    "front": True,
    "n_taps": 8,
    "leaky": True,
    "changed_conditions": True,
    "temperature": True,
    "slow": True,
    "lag": True,
    "undecided": "neighbour",
    "extra_noise": True,
}
# Programming in order makes a kernel larger by itself.
WIDE_AWARE = {name: WIDE[name] for name in ("noisy_measurement", "n_taps", "leaky", "changed_conditions", "lag")}
WIDE_NOISE = {
    "extra_noise": True,
    "undecided": "neighbour",
    "changed_conditions": True,
    "n_taps": 4,
    "leaky": True,
    "lag": True,
}


def simulate(design, seed=0, measures=STATIC, n=N, **structure):
    """Chips of a design by a kernel that has what it needs, and `structure` beside."""
    least = column_structure(design)
    kernel = dataclasses.replace(least, **structure)
    for name, needed in dataclasses.asdict(least).items():
        more = getattr(kernel, name)
        assert more == needed or not needed or (name == "n_taps" and more > needed), name
    params = converter_params(design)
    model = ColumnModel(kernel, tuple(sorted(measures, reverse=True)), len(params.v_target_V))
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        with mock.patch.object(engine, "_VALUES_PER_CALL", 1):
            return engine.run(model, params, n_samples=n, seed=seed, n_keep=1000, save_samples=True)
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def measured(design, seed=0, measures=STATIC, n=N, **structure):
    """The measures of every chip (chip, measure)."""
    values = np.asarray(simulate(design, seed, measures, n, **structure).measures, float)
    order = sorted(measures, reverse=True)
    return values[:, [order.index(name) for name in measures]]


def thresholds(design, seed=0, measures=STATIC, n=1000, **structure):
    """Realised thresholds of the first chips (chip, threshold)."""
    kept = simulate(design, seed, measures, n, **structure).kept
    return np.asarray(kept, float)[:, 0, : len(design.target.thresholds)]
