"""Errors that are not normal, of programming and relaxation: one shape, or one that changes with the conductance."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import rampjax as rj
from rampjax.circuit.ageing import age_devices, slow_params
from rampjax.circuit.device import Device
from rampjax.circuit.programming import realise_conductance
from rampjax.circuit.quantile_params import quantile_params, shaped
from rampjax.circuit.quantiles import Quantiles, QuantileTable, quantile_moments

N = 40_000
P = np.linspace(0.0, 1.0, 65)


def standard(q: np.ndarray) -> tuple[float, ...]:
    mean, sigma = quantile_moments(q)
    return tuple(((q - mean) / sigma).tolist())


UNIFORM, SKEWED = standard(P), standard(P**8)
BIMODAL = standard(np.where(P < 0.5, -1.0, 1.0) + 0.1 * P)
ROWS = QuantileTable((20.0, 60.0, 100.0), (UNIFORM, SKEWED, BIMODAL))
EVEN = stats.uniform(-np.sqrt(3), 2 * np.sqrt(3))  # what UNIFORM is


def drawn(g_uS: float, quantiles: Quantiles = ROWS) -> np.ndarray:
    z = jax.random.normal(jax.random.key(2), (N,))
    return np.asarray(shaped(z, quantile_params(quantiles), jnp.full(N, g_uS)), float)


@pytest.mark.parametrize(("g_uS", "row"), [(5.0, 0), (20.0, 0), (60.0, 1), (100.0, 2), (140.0, 2)])
def test_at_a_row_and_beyond_the_ends_the_shape_is_the_row(g_uS: float, row: int) -> None:
    np.testing.assert_allclose(drawn(g_uS), drawn(g_uS, ROWS.rows[row]), atol=2e-5)


@pytest.mark.parametrize("w", [0.25, 0.5, 0.75])
def test_between_rows_quantiles_are_mixed_and_the_standard_deviation_is_kept(w: float) -> None:
    mixed = (1 - w) * np.array(UNIFORM) + w * np.array(SKEWED)
    sigma = quantile_moments(mixed)[1]
    assert sigma < 0.97  # so much is put back
    got = drawn(20.0 + 40.0 * w)
    np.testing.assert_allclose(got, drawn(0.0, tuple(mixed / sigma)), atol=2e-5)
    assert got.std() == pytest.approx(1.0, abs=0.01)
    assert got.mean() == pytest.approx(0.0, abs=0.02)


def test_programming_errs_by_the_shape_at_its_aim() -> None:
    device = Device("test", 0.0, 150.0, 0.2, (3.0,), error_quantiles=ROWS).params()
    z = jax.random.normal(jax.random.key(3), (N,))
    low, high = (
        (np.asarray(realise_conductance(z, jnp.full(N, aim), device), float) - aim) / 3.0 for aim in (20.0, 100.0)
    )
    assert stats.kstest(low, EVEN.cdf).pvalue > 1e-3
    near_zero = [float(np.mean(np.abs(z) < 0.8)) for z in (low, high)]
    assert near_zero[0] == pytest.approx(0.8 / np.sqrt(3), abs=0.01)
    assert near_zero[1] < 1 / 64  # two levels, and one segment of the quantiles between them


RELAXING = Device("test", 0.0, 150.0, 0.2, (0.0,), relax_sigma_uS=(0.5, 0.1), relax_quantiles=ROWS)


def aged(device: Device, g_uS: float, age_s: float, every_s: float | None) -> tuple[np.ndarray, np.ndarray]:
    g = jnp.full(N, g_uS)
    then, now = age_devices(jax.random.key(3), g, device.params(), slow_params(device, age_s, every_s))
    return np.asarray(then, float) - g_uS, np.asarray(now, float) - g_uS


def test_relaxation_has_its_shape_at_the_calibration_and_in_what_follows() -> None:
    then, now = aged(RELAXING, 20.0, 1e4, 1e4 - 10.0)
    at, by = 0.5 + 0.1 * np.log([10.0, 1e4])
    assert stats.kstest(then / at, EVEN.cdf).pvalue > 1e-3
    assert stats.kstest((now - then) / np.sqrt(by**2 - at**2), EVEN.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(then, now - then)[0, 1]) < 4 / np.sqrt(N)
    assert now.std() == pytest.approx(by, rel=0.015)


def test_relaxation_takes_its_shape_by_the_conductance_as_programmed() -> None:
    low, high = (aged(RELAXING, g, 1e4, None)[1] for g in (20.0, 100.0))
    assert stats.kurtosis(low) == pytest.approx(-1.2, abs=0.05)  # of a uniform distribution
    assert stats.kurtosis(high) == pytest.approx(-2.0, abs=0.05)  # of two levels


def test_without_quantiles_no_bit_changes_and_the_shape_of_nothing_compiles_nothing() -> None:
    assert slow_params(dataclasses.replace(RELAXING, relax_quantiles=()), 1e4, None).quantiles is None
    assert slow_params(dataclasses.replace(RELAXING, relax_sigma_uS=(0.0, 0.0)), 1e4, None).quantiles is None
    assert slow_params(RELAXING, 1e4, None).quantiles is not None
    z = jnp.array([-1.0, 0.3, 2.0])
    assert shaped(z, None, z) is z


def test_slopes_follow_the_mix_and_are_numbers_everywhere() -> None:
    params, z = quantile_params(ROWS), jnp.float32(1.2)
    slope = jax.jit(jax.vmap(jax.grad(lambda g: shaped(z, params, g))))
    g = np.array([25.0, 50.0, 70.0, 95.0])
    ahead, behind = (np.asarray(shaped(jnp.full(4, z), params, jnp.asarray(g + s, jnp.float32))) for s in (0.5, -0.5))
    np.testing.assert_allclose(slope(jnp.asarray(g, jnp.float32)), ahead - behind, rtol=0.02, atol=1e-4)
    assert bool(jnp.isfinite(slope(jnp.array([0.0, 20.0, 60.0, 100.0, 200.0]))).all())

    def total(g_uS: jax.Array) -> jax.Array:
        return sum(a.sum() for a in age_devices(jax.random.key(1), g_uS, RELAXING.params(), slow))

    slow = slow_params(RELAXING, 1e3, 10.0)
    assert bool(jnp.isfinite(jax.jit(jax.grad(total))(jnp.array([0.0, 20.0, 61.0, 150.0]))).all())


@pytest.mark.parametrize(
    ("g_uS", "rows", "message"),
    [
        ((1.0,), (UNIFORM,), "must have 2 to 33 conductances in `g_uS`"),
        ((2.0, 1.0), (UNIFORM, SKEWED), "must have its `g_uS` ascending"),
        ((1.0, 2.0), (UNIFORM,), "must have as many rows of `quantiles` as `g_uS`"),
        ((1.0, 2.0), (UNIFORM, SKEWED[::2]), "must have as many `quantiles` in each of its rows"),
        ((1.0, 2.0), (UNIFORM, SKEWED[::-1]), "must have its `quantiles` ascending, in its row at 2 µS"),
        ((1.0, 2.0), (UNIFORM, tuple(2 * q for q in UNIFORM)), r"\(they have .* and 2\), in its row at 2 µS"),
    ],
)
def test_tables_that_are_wrong_are_refused(
    g_uS: tuple[float, ...], rows: tuple[tuple[float, ...], ...], message: str
) -> None:
    with pytest.raises(rj.InputError, match=message):
        QuantileTable(g_uS, rows)


@pytest.mark.parametrize("key", ["error_quantiles", "relax_quantiles"])
def test_a_row_that_is_not_standard_is_refused_where_a_design_is_made(key: str) -> None:
    device = dataclasses.replace(rj.load_device("taox_paper"), **{key: tuple(np.linspace(-1, 1, 9).tolist())})
    with pytest.raises(rj.InputError, match=rf"`device.{key}` must have `quantiles` of mean 0 and standard dev"):
        rj.design("sigmoid", 4, device=device)
