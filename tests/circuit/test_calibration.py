"""Closed forms of the calibrated ramp: random walk, shift, Brownian bridge, independent steps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats
from twin import Twin

import rampjax as rj
from rampjax.circuit.calibration import CalibrationParams, correct_ramp

N = 20_000
SIGMA = 1.0  # small enough that no conductance is clipped


def thresholds_error_uS(calibration, **circuit):
    """(N, K) error of the realised ramp in µS·clock: equal steps of 60 µS, far inside the range."""
    device = rj.load_device("taox_paper", sigma_prog_uS=SIGMA)
    narrow = dataclasses.replace(device, g_max_uS=60.0)
    design = rj.design("identity", 4, device=narrow, calibration=calibration, circuit=rj.Circuit(**circuit))
    design = dataclasses.replace(design, device=device)
    kept = [rj.simulate(design, 2000, seed=seed).kept for seed in range(N // 2000)]
    x = np.concatenate(kept)[:, : len(design.v_ramp_V)].astype(float)
    return (x - design.target.thresholds) * 60.0 / np.diff(design.target.thresholds)[0]


def assert_variance(error, expected):
    """Sample variances lie within 5 standard errors of the expected ones."""
    variance = error.var(axis=0)
    np.testing.assert_allclose(variance, expected, atol=5 * np.sqrt(2 / len(error)) * np.max(expected))
    assert np.abs(error.mean(axis=0)).max() < 5 * np.sqrt(np.max(expected) / len(error))


def test_raw_ramp_is_a_random_walk():
    error = thresholds_error_uS("none")
    assert_variance(error, SIGMA**2 * np.arange(error.shape[1]))


def test_one_point_is_a_walk_that_starts_at_the_middle_both_ways():
    error = thresholds_error_uS("one_point")
    k = np.arange(error.shape[1])
    assert_variance(error, SIGMA**2 * np.abs(k - 7))
    np.testing.assert_allclose(error[:, 7], 0.0, atol=1e-4)


def test_two_point_is_a_brownian_bridge():
    error = thresholds_error_uS("two_point")
    k, n = np.arange(error.shape[1]), error.shape[1] - 1
    # Gain correction scales by 1 + O(sigma/g): the bridge holds to that order.
    assert_variance(error, SIGMA**2 * k * (n - k) / n)
    np.testing.assert_allclose(error[:, [0, -1]], 0.0, atol=2e-4)


def test_ramp_aware_errors_do_not_add_up():
    error = thresholds_error_uS("ramp_aware")
    assert_variance(error[:, 1:], np.full(error.shape[1] - 1, SIGMA**2))
    neighbours = np.corrcoef(error[:, 3], error[:, 4])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(N)


def test_one_point_with_few_reads_adds_the_measurements_walk():
    quiet = thresholds_error_uS("one_point")
    noisy = thresholds_error_uS("one_point", n_reads=4)
    # The shift carries the error of the seven devices measured below the middle: 7 sigma_read^2 / 4.
    added = noisy.var(axis=0) - quiet.var(axis=0)
    np.testing.assert_allclose(added, 7 * 3.5**2 / 4, rtol=0.1)


def test_a_ramp_that_does_not_rise_has_no_gain_to_correct():
    calibration = CalibrationParams(jnp.int32(2), jnp.int32(1), jnp.int32(2), jnp.float32(0.0))
    flat, target = jnp.zeros(3), jnp.array([0.0, 0.1, 0.2])
    assert np.isfinite(correct_ramp(flat, flat, target, calibration)).all()


def test_a_stuck_device_is_made_good_by_the_next_steps():
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0, stuck_off_prob=0.05)
    design = rj.design("sigmoid", 5, device=device)
    aware = dataclasses.replace(design, calibration=dataclasses.replace(design.calibration, ramp_aware=True))
    plain_rmse, aware_rmse = (rj.simulate(d, 4000, seed=1).statistics.mean("rmse_lsb") for d in (design, aware))
    assert aware_rmse < 0.4 * (plain_rmse - 0.2887) + 0.2887


def test_measurement_error_of_ramp_aware_follows_the_twin():
    design = rj.design("sigmoid", 5, calibration="ramp_aware", circuit=rj.Circuit(n_reads=4))
    ours = rj.simulate(design, N, seed=4, save_samples=True).measures[:, 0]
    twin = Twin(5, n_reads=4, seed=8)
    assert stats.ks_2samp(ours, twin.max_inl(twin.column(N, "ramp_aware"))).pvalue > 1e-3


def test_correction_is_jittable_and_equals_eager():
    calibration = CalibrationParams(jnp.int32(1), jnp.int32(1), jnp.int32(2), jnp.float32(0.0))
    v, target = jnp.array([0.0, 0.13, 0.22]), jnp.array([0.0, 0.1, 0.2])
    eager = correct_ramp(v, v, target, calibration)
    np.testing.assert_allclose(jax.jit(correct_ramp)(v, v, target, calibration), eager, rtol=1e-6)
