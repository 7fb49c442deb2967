"""Errors that are not normal, of programming and relaxation: one shape, or one by the conductance and the age."""

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
from rampjax.circuit.quantiles import AgedQuantiles, Quantiles, QuantileTable, quantile_moments, rows_of, shape_at

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


AGED = AgedQuantiles((1.0, 100.0, 1e5), (UNIFORM, SKEWED, BIMODAL))
AGED_ROWS = AgedQuantiles((1.0, 100.0), (ROWS, QuantileTable(ROWS.g_uS, ROWS.rows[::-1])))


@pytest.mark.parametrize(("age_s", "nearest"), [(0.0, 0), (0.01, 0), (1.0, 0), (100.0, 1), (1e5, 2), (1e9, 2)])
def test_at_an_age_and_beyond_the_ends_the_shape_is_that_of_the_age(age_s: float, nearest: int) -> None:
    np.testing.assert_allclose(shape_at(AGED, age_s), AGED.shapes[nearest], atol=1e-12)


@pytest.mark.parametrize(("age_s", "w"), [(10**0.5, 0.25), (10.0, 0.5), (10**1.5, 0.75)])
def test_between_ages_quantiles_are_mixed_in_the_logarithm_of_the_age_and_standardised(age_s: float, w: float) -> None:
    # Of u and u^8 on (0, 1): variances 1/12 and 1/17 - 1/81, covariance 1/10 - 1/18.
    rho = (1 / 10 - 1 / 18) / np.sqrt((1 / 17 - 1 / 81) / 12)
    sigma = np.sqrt(w**2 + (1 - w) ** 2 + 2 * w * (1 - w) * rho)
    expected = ((1 - w) * np.array(UNIFORM) + w * np.array(SKEWED)) / sigma
    found = np.array(shape_at(AGED, age_s))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)  # u^8 is drawn through 65 points
    assert quantile_moments(found) == pytest.approx((0.0, 1.0), abs=1e-12)


def test_shapes_by_the_conductance_are_mixed_row_by_row() -> None:
    found = shape_at(AGED_ROWS, 10.0)
    assert isinstance(found, QuantileTable)
    assert found.g_uS == ROWS.g_uS
    for row, pair in zip(found.rows, zip(*map(rows_of, AGED_ROWS.shapes), strict=True), strict=True):
        np.testing.assert_allclose(row, standard(np.mean(pair, axis=0)), atol=1e-12)
    np.testing.assert_allclose(found.rows[1], SKEWED, atol=1e-12)  # the same at both ages


@pytest.mark.parametrize("given", [(), UNIFORM, ROWS], ids=["normal", "a row", "rows"])
def test_a_shape_for_all_ages_is_the_same_object_at_each(given: Quantiles) -> None:
    assert shape_at(given, 3.0) is given


def test_the_shape_until_the_calibration_is_of_its_age_and_the_shape_since_is_of_the_age_now() -> None:
    device = dataclasses.replace(RELAXING, relax_quantiles=AgedQuantiles((10.0, 1e4), (UNIFORM, BIMODAL)))
    then, now = aged(device, 20.0, 1e4, 1e4 - 10.0)
    at, by = 0.5 + 0.1 * np.log([10.0, 1e4])
    assert stats.kstest(then / at, EVEN.cdf).pvalue > 1e-3
    assert stats.kurtosis(now - then) == pytest.approx(-2.0, abs=0.05)  # of two levels
    assert now.std() == pytest.approx(by, rel=0.015)
    whole = aged(device, 20.0, 10.0, None)[1]
    assert stats.kstest(whole / at, EVEN.cdf).pvalue > 1e-3


def test_without_quantiles_no_bit_changes_and_the_shape_of_nothing_compiles_nothing() -> None:
    for change in ({"relax_quantiles": ()}, {"relax_sigma_uS": (0.0, 0.0)}):
        slow = slow_params(dataclasses.replace(RELAXING, **change), 1e4, 10.0)
        assert slow.calibrated.quantiles is slow.now.quantiles is None
    assert slow_params(RELAXING, 1e4, None).now.quantiles is not None
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


@pytest.mark.parametrize(
    ("ages_s", "shapes", "message"),
    [
        ((1.0,), (UNIFORM,), "must have 2 to 33 ages in `ages_s`"),
        (tuple(range(1, 35)), (UNIFORM,) * 34, "must have 2 to 33 ages in `ages_s`"),
        ((0.0, 1.0), (UNIFORM, SKEWED), "must have its `ages_s` positive"),
        ((1.0, 1.0), (UNIFORM, SKEWED), "must have its `ages_s` ascending"),
        ((1.0, 2.0), (UNIFORM,), "must have as many entries of `quantiles` as `ages_s`"),
        ((1.0, 2.0), (UNIFORM, SKEWED[::-1]), "must have its `quantiles` ascending, at 2 s"),
        ((1.0, 2.0), (UNIFORM, standard(P[::2])), "must have as many `quantiles` in a row at each of its ages"),
        ((1.0, 2.0), (UNIFORM, ROWS), "must have the same `g_uS` at each age"),
        ((1.0, 2.0), (ROWS, QuantileTable((1.0, 2.0, 3.0), ROWS.rows)), "must have the same `g_uS` at each age"),
    ],
)
def test_shapes_at_ages_that_are_wrong_are_refused(
    ages_s: tuple[float, ...], shapes: tuple[Quantiles, ...], message: str
) -> None:
    with pytest.raises(rj.InputError, match=message):
        AgedQuantiles(ages_s, shapes)


def test_an_error_of_programming_has_no_age() -> None:
    device = dataclasses.replace(rj.load_device("taox_paper"))
    object.__setattr__(device, "error_quantiles", AGED)  # the tests' type checks would see it first
    with pytest.raises(rj.InputError, match=r"`device.error_quantiles` must not depend on the age, expected one row"):
        rj.design("sigmoid", 4, device=device)


@pytest.mark.parametrize("key", ["error_quantiles", "relax_quantiles"])
def test_a_row_that_is_not_standard_is_refused_where_a_design_is_made(key: str) -> None:
    device = dataclasses.replace(rj.load_device("taox_paper"), **{key: tuple(np.linspace(-1, 1, 9).tolist())})
    with pytest.raises(rj.InputError, match=rf"`device.{key}` must have `quantiles` of mean 0 and standard dev"):
        rj.design("sigmoid", 4, device=device)
