"""Standard deviations over the conductance: what is traced has the values of the host, and finite gradients."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rampjax.checks import InputError
from rampjax.circuit.curve_params import curve_params, scale_curve, shift_params
from rampjax.circuit.curves import MOST_KNOTS, Points, PowerLaw, Table, curve_at_uS, is_zero, shift_at_host
from rampjax.circuit.device import shift_at, sigma_at

POINTS = Table((5.0, 20.0, 50.0, 150.0), (1.0, 3.0, 2.5, 4.0))
FULL = Table(tuple(np.linspace(1.0, 150.0, MOST_KNOTS)), tuple(np.sqrt(np.linspace(1.0, 150.0, MOST_KNOTS))))
CURVES = {
    "polynomial": (1.0, -0.03, 4e-4),
    "below 0": (1.0, -0.01),
    "root": PowerLaw(0.4, 0.5, 40.0),
    "square": PowerLaw(2.0, 2.0, 150.0),
    "points": POINTS,
    "as many points as may be": FULL,
}
G_uS = np.array([0.0, 0.01, 1.0, 5.0, 11.0, 20.0, 49.0, 50.0, 90.0, 150.0, 170.0])


@pytest.mark.parametrize("name", CURVES)
def test_a_traced_curve_has_the_values_of_the_host(name):
    curve = CURVES[name]
    got = sigma_at(curve_params(curve), jnp.asarray(G_uS, jnp.float32))
    np.testing.assert_allclose(got, curve_at_uS(curve, G_uS), rtol=3e-6, atol=1e-6)


def test_values_by_hand():
    assert float(curve_at_uS(PowerLaw(0.4, 0.5, 40.0), 10.0)) == pytest.approx(0.2)
    np.testing.assert_allclose(
        curve_at_uS(POINTS, np.array([0.0, 12.5, 35.0, 100.0, 999.0])), [1.0, 2.0, 2.75, 3.25, 4.0]
    )
    assert float(curve_at_uS((1.0, -0.01), 150.0)) == 0.0


@pytest.mark.parametrize("name", CURVES)
def test_gradients_are_those_of_finite_differences_and_finite_at_0(name):
    params = curve_params(CURVES[name])
    slope = jax.vmap(jax.grad(lambda g: sigma_at(params, g)))
    for g in (11.0, 49.0, 90.0, 170.0):
        expected = float(curve_at_uS(CURVES[name], g + 1e-3) - curve_at_uS(CURVES[name], g - 1e-3)) / 2e-3
        assert float(slope(jnp.array([g]))[0]) == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert np.isfinite(slope(jnp.array([0.0]))).all()


@pytest.mark.parametrize("name", CURVES)
def test_a_scaled_curve_is_so_many_times_the_curve(name):
    params, g = curve_params(CURVES[name]), jnp.asarray(G_uS, jnp.float32)
    np.testing.assert_array_equal(sigma_at(scale_curve(params, 0.25), g), 0.25 * sigma_at(params, g))


def test_tables_of_any_length_share_a_kernel():
    short, full = curve_params(POINTS), curve_params(FULL)
    assert [each.shape for each in short] == [each.shape for each in full] == [(), (32,), (32,), (32,)]


def test_what_is_zero():
    assert not is_zero(Points((0.0, 1.0), (0.0, -1.0)))
    assert not is_zero((0.0, (0.0, -1.0)))
    zeros = [
        (0.0,),
        (0.0, 0.0),
        (0.0, (0.0, 0.0)),
        Points((0.0, 1.0), (0.0, 0.0)),
        PowerLaw(0.0, 1.0),
        Table((0.0, 1.0), (0.0, 0.0)),
    ]
    assert all(map(is_zero, zeros))
    assert not any(map(is_zero, CURVES.values()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerLaw(-1.0, 1.0), "`coefficient_uS` must be at least 0, but is -1"),
        (lambda: PowerLaw(1.0, 0.0), "`exponent` must be positive, but is 0"),
        (lambda: PowerLaw(1.0, 1.0, -2.0), "`g_unit_uS` must be positive, but is -2"),
        (lambda: Table((1.0,), (1.0,)), "A table of a standard deviation must have 2 to 33 points"),
        (lambda: Table((1.0, 2.0), (1.0,)), "must have as many `sigma_uS` as `g_uS`"),
        (lambda: Points((1.0, 2.0), (1.0,)), "A table of a shift or a share must have as many `value` as `g_uS`"),
        (lambda: Points((1.0, 1.0), (1.0, -1.0)), "must have its `g_uS` ascending"),
        (lambda: Table((2.0, 1.0), (1.0, 1.0)), "must have its `g_uS` ascending"),
        (lambda: Table((1.0, 2.0), (1.0, -1.0)), "`sigma_uS` must be at least 0, but is -1"),
        (lambda: dataclasses.replace(POINTS, g_uS=(0.0, float("nan"), 1.0, 2.0)), "ascending"),
    ],
)
def test_curves_that_are_none_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


STEP = Points((39.99, 40.0, 90.0), (0.3, 0.0, -2.0))


def test_a_shift_by_points_has_either_sign_and_a_step_and_stays_beyond_its_ends() -> None:
    g = np.array([0.0, 39.98, 39.995, 40.0, 65.0, 90.0, 150.0])
    expected = [0.3, 0.3, 0.15, 0.0, -1.0, -2.0, -2.0]
    np.testing.assert_allclose(shift_at_host(STEP, g), expected, atol=1e-9)
    traced = shift_at(shift_params(STEP), jnp.asarray(g, jnp.float32))
    np.testing.assert_allclose(traced, expected, atol=2e-4)  # a float32 grain at 40 µS is 4e-6 of a step of 0.01
    for shift in (-0.5, (1.0, -0.02)):
        at = shift_at_host(shift, g)
        np.testing.assert_allclose(
            np.broadcast_to(shift_at(shift_params(shift), jnp.asarray(g, jnp.float32)), 7), at, rtol=1e-6
        )


def test_a_shift_by_points_has_the_slope_of_its_segment() -> None:
    slope = jax.vmap(jax.grad(lambda g: shift_at(shift_params(STEP), g)))(jnp.array([20.0, 65.0, 140.0]))
    np.testing.assert_allclose(slope, [0.0, -0.04, 0.0], rtol=1e-6)


def test_tables_of_any_length_share_one_kernel_and_numbers_have_their_own() -> None:
    traces = []

    @jax.jit
    def at(params, g):
        traces.append(1)
        return shift_at(params, g)

    g = jnp.linspace(0.0, 150.0, 7)
    for points in (STEP, Points((0.0, 1.0), (0.1, 0.2)), Points(FULL.g_uS, FULL.sigma_uS)):
        at(shift_params(points), g)
    assert len(traces) == 1
    at(shift_params(0.5), g)
    at(shift_params(-0.5), g)
    assert len(traces) == 2
