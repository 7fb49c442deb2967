"""Phase-change memory recalibrated hourly, by brute force in NumPy: what its 1/f noise costs.

The published model draws all the 1/f noise that has accumulated since programming at the moment of use, and says
nothing of a calibration, which is then free of it. The package's noise is stationary: a calibration has it too, mostly
another than in use, since most of its time constants are shorter than an hour, and that is worse still.
"""

import numpy as np
import pytest
from scipy import special, stats
from shared_kernels import measured

import rampjax as rj
from rampjax.circuit.blocks import Circuit, Operation

N_BRUTE = 20_000
AGE_S, HOUR_S, G_MAX = 1e5, 3600.0, 25.0
T = special.logit(np.arange(1, 32) / 32)
STEPS = np.diff(T) / np.diff(T).max()


def columns(rng, noise):
    """Worst INL of columns programmed in order, drifted, with 1/f noise, corrected at two points an hour ago."""
    g, off = np.empty((N_BRUTE, len(STEPS))), np.zeros(N_BRUTE)
    for k, step in enumerate(STEPS):
        aim = np.clip(G_MAX * step - off, 0.0, G_MAX)
        x = aim / G_MAX
        sigma = 0.263 + 1.965 * x - 1.173 * x**2
        g[:, k] = np.maximum(aim + sigma * rng.standard_normal(N_BRUTE), 0.0)
        off += g[:, k] - G_MAX * step
    log = np.log(np.maximum(g / G_MAX, 1e-30))
    nu = np.clip(-0.0155 * log + 0.0244, 0.049, 0.1)
    nu += np.clip(-0.0125 * log - 0.0059, 0.008, 0.045) * rng.standard_normal(g.shape)
    then, now = (g * (t / 20.0) ** -nu for t in (AGE_S - HOUR_S, AGE_S))
    then, now = noise(rng, g, then, now)
    seen, used = (np.concatenate([np.zeros((N_BRUTE, 1)), np.cumsum(each, axis=1)], axis=1) for each in (then, now))
    corrected = T[0] + (T[-1] - T[0]) * used / seen[:, -1:]
    return np.abs(special.expit(corrected) - special.expit(T)).max(axis=1) * 32


def none(rng, g, then, now):
    return then, now


def all_of_it_at_use(rng, g, then, now):
    """The published relative noise: min(0.0088 x^-0.65, 0.2) sqrt(ln((t + 250 ns) / 500 ns)), at use only."""
    share = np.minimum(0.0088 / np.maximum((g / G_MAX) ** 0.65, 1e-3), 0.2)
    grown = np.sqrt(np.log((AGE_S + 250e-9) / 500e-9))
    return then, np.maximum(now * (1 + share * grown * rng.standard_normal(g.shape)), 0.0)


def processes(rng, g, then, now):
    """Stationary noise: four Ornstein-Uhlenbeck processes per e-fold from 500 ns to 1e5 s, at both moments."""
    e_folds = np.log(1e5 / 5e-7)
    n = int(np.ceil(4 * e_folds))
    before, after = np.zeros(g.shape), np.zeros(g.shape)
    for j in range(n):
        x = rng.standard_normal(g.shape)
        kept = np.exp(-HOUR_S / (5e-7 * np.exp((j + 0.5) * e_folds / n)))
        before += x
        after += kept * x + np.sqrt(1 - kept**2) * rng.standard_normal(g.shape)
    return tuple(
        np.maximum(each + 0.22 * (each / G_MAX) ** 0.35 * np.sqrt(e_folds / n) * z, 0.0)
        for each, z in ((then, before), (now, after))
    )


def test_the_noise_of_a_day_costs_a_half_where_a_calibration_is_free_of_it():
    """Mean worst INL of a sigmoid of 5 bits, ramp_aware+two_point: 0.75 without 1/f noise, 1.106 with it at use."""
    rng = np.random.default_rng(1)
    assert columns(rng, none).mean() == pytest.approx(0.75, rel=0.02)
    assert columns(rng, all_of_it_at_use).mean() == pytest.approx(1.106, rel=0.02)


def test_the_preset_has_the_stationary_noise_at_calibration_and_at_use():
    circuit = Circuit(operation=Operation(age_s=AGE_S, recalibrate_s=HOUR_S))
    design = rj.design("sigmoid", 5, device="ibm_pcm", calibration="ramp_aware+two_point", circuit=circuit)
    ours, theirs = measured(design, 2)[:, 0], columns(np.random.default_rng(3), processes)
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3
    assert ours.mean() == pytest.approx(1.40, rel=0.03)
