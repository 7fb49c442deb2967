"""The slow part of the read noise: its closed form against numbers and processes, and what it leaves alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from shared_kernels import thresholds

import rampjax as rj
from rampjax.circuit.assemble import column_structure
from rampjax.circuit.blocks import Circuit, Operation
from rampjax.circuit.curves import PowerLaw
from rampjax.circuit.slow_noise import correlation, slow_noise_params, wander

PAPER = rj.load_device("taox_paper")
QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
SLOW = dataclasses.replace(QUIET, sigma_slow_uS=(0.5, 0.01), slow_t_lo_s=1e-3, slow_t_hi_s=1e4)
N = 200_000


@pytest.mark.parametrize("since_s", [1e-5, 1e-3, 0.7, 3.6e3, 2e4, 3e5])
def test_the_correlation_is_the_mean_of_the_exponentials_over_the_e_folds(since_s):
    expected, _ = integrate.quad(lambda u: np.exp(-since_s * np.exp(-u)), np.log(1e-3), np.log(1e4), limit=200)
    assert correlation(since_s, 1e-3, 1e4) == pytest.approx(expected / np.log(1e7), rel=1e-6, abs=1e-12)


def test_the_correlation_falls_from_1_to_0_by_the_logarithm_of_time():
    """Well between the ends it is 1 - [ln(D/t_lo) + 0.5772] / ln(t_hi/t_lo)."""
    assert correlation(0.0, 1e-3, 1e4) == 1.0
    assert correlation(1e-12, 1e-3, 1e4) == pytest.approx(1.0, abs=1e-8)
    assert correlation(1.0, 1e-3, 1e4) == pytest.approx(1 - (np.log(1e3) + 0.5772) / np.log(1e7), abs=1e-4)
    assert correlation(1e9, 1e-3, 1e4) == 0.0


def pairs(since_s, g_uS=80.0, device=SLOW):
    z = jnp.asarray(np.random.default_rng(1).standard_normal((2, N)), jnp.float32)
    g = jnp.full(N, g_uS)
    return [np.asarray(each, float) - g_uS for each in wander(z, g, g, slow_noise_params(device, since_s))]


@pytest.mark.parametrize("since_s", [0.0, 5.0, 3.6e3])
def test_moments_are_those_of_the_equation_and_of_a_sum_of_processes(since_s):
    then, now = pairs(since_s)
    sigma = (0.5 + 0.01 * 80.0) * np.sqrt(np.log(1e7))
    assert then.std() == pytest.approx(sigma, rel=0.01)
    assert now.std() == pytest.approx(sigma, rel=0.01)
    assert np.corrcoef(then, now)[0, 1] == pytest.approx(correlation(since_s, 1e-3, 1e4), abs=0.01)
    # Four processes per e-fold, simulated step by step from one moment to the other.
    rng, n = np.random.default_rng(2), 4 * 17
    tau = 1e-3 * (1e7) ** ((np.arange(n) + 0.5) / n)
    before, after = np.zeros(20_000), np.zeros(20_000)
    for each in tau:
        x = rng.standard_normal(20_000)
        before += x
        kept = np.exp(-since_s / 3 / each)
        for _ in range(3):
            x = kept * x + np.sqrt(1 - kept**2) * rng.standard_normal(20_000)
        after += x
    scale = (0.5 + 0.01 * 80.0) * np.sqrt(np.log(1e7) / n)
    assert stats.ks_2samp(now - then, scale * (after - before)).pvalue > 1e-3
    assert stats.ks_2samp(now + then, scale * (after + before)).pvalue > 1e-3


def test_a_conductance_does_not_go_below_0():
    device = dataclasses.replace(SLOW, sigma_slow_uS=(1.0,))
    then, _ = pairs(0.0, 2.0, device)
    assert then.min() == -2.0
    assert (then == -2.0).mean() == pytest.approx(stats.norm.cdf(-2.0 / np.sqrt(np.log(1e7))), abs=0.01)


def test_a_fresh_chip_has_the_same_at_calibration_and_in_use():
    """Two points take out all of it at the first and the last threshold, and leave it in between."""
    design = rj.design("sigmoid", 4, device=SLOW, calibration="two_point")
    assert column_structure(design).slow_noise
    off = thresholds(design, seed=3) - design.target.thresholds
    np.testing.assert_allclose(off[:, [0, -1]], 0.0, atol=1e-5)
    assert off.std(axis=0)[1:-1].min() > 1e-3


def test_switched_on_it_leaves_every_other_draw_alone():
    circuit = Circuit(operation=Operation(age_s=1e4, recalibrate_s=10.0), n_reads=2)
    device = dataclasses.replace(PAPER, stuck_off_prob=0.05, drift_nu=(0.0, 0.01, 0.0, 1.0), sigma_drift_nu=0.002)
    faint = dataclasses.replace(device, sigma_slow_uS=(1e-6,), slow_t_lo_s=1e-3, slow_t_hi_s=1e4)
    off, on = (rj.simulate(rj.design("sigmoid", 4, device=each, circuit=circuit, calibration="redundant:2+one_point"),
                           256, seed=5, save_samples=True).measures for each in (device, faint))  # fmt: skip
    np.testing.assert_allclose(on, off, atol=2e-4)
    assert off[:, 0].std() > 0.02


def test_gradients_of_the_noise_are_those_of_finite_differences():
    z = jnp.array([[0.5, -1.0], [1.0, 0.2]])
    slow = slow_noise_params(dataclasses.replace(SLOW, sigma_slow_uS=PowerLaw(0.22, 0.35, 25.0)), 100.0)

    def now(g):
        return wander(z, g, g, slow)[1].sum()

    g = jnp.array([20.0, 3.0])
    found = jax.grad(now)(g)
    for k in range(2):
        step = jnp.zeros(2).at[k].set(0.05)
        assert float(found[k]) == pytest.approx(float(now(g + step) - now(g - step)) / 0.1, rel=2e-3)
    assert np.isfinite(jax.grad(now)(jnp.zeros(2))).all()
