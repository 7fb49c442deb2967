"""The law of relaxation: closed forms, polynomials, its beginning, what a device with it does, and gradients."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import rampjax as rj
from rampjax.circuit.ageing import age_devices, slow_params
from rampjax.circuit.blocks import Circuit, Operation
from rampjax.circuit.device import Device
from rampjax.circuit.relaxation import relaxed_uS, terms_at

N = 20_000
FLAT = Device("test", 0.0, 100.0, 0.2, (0.0,), relax_mean_uS=(0.1, -0.2), relax_sigma_uS=(0.6, 0.1))
BENT = dataclasses.replace(
    FLAT, g_min_uS=10.0, relax_mean_uS=((0.5, -0.01), (0.0, -0.02)), relax_sigma_uS=(1.0, (0.0, 0.002)), relax_t0_s=0.01
)


def aged(device: Device, g_uS: float, age_s: float, every_s: float | None = None) -> list[np.ndarray]:
    """N devices at the last calibration and now, as shifts."""
    key, g = jax.random.key(3), jnp.full(N, g_uS, jnp.float32)
    both = jax.jit(age_devices)(key, g, device.params(), slow_params(device, age_s, every_s))
    return [np.asarray(each, float) - g_uS for each in both]


def test_a_law_begins_at_its_own_age_and_at_programming_there_is_none() -> None:
    """c + k ln(max(t, t0)): with t0 = 0.01 s a cell of 0.1 s has relaxed less than one of 1 s."""
    law, targets = (2.0, 0.3), (0.0, 100.0)
    at = relaxed_uS(law, 0.01, 50.0, np.array([0.0, 1e-3, 0.01, 0.1, 1.0, 1e5]), targets)
    logs = np.log([0.01, 0.01, 0.1, 1.0, 1e5])
    np.testing.assert_allclose(at, [0.0, *(2.0 + 0.3 * logs)], rtol=1e-12)
    np.testing.assert_allclose(relaxed_uS(law, 1.0, 50.0, 0.1, targets), 2.0, rtol=1e-12)


def test_parts_of_a_law_depend_on_the_conductance_as_programmed_within_the_targets() -> None:
    law, targets = ((0.5, -0.01), (0.0, -0.02)), (10.0, 100.0)
    g, age = np.array([[0.0], [10.0], [60.0], [130.0]]), np.array([1.0, 1e4])
    inside = np.array([[10.0], [10.0], [60.0], [100.0]])
    expected = 0.5 - 0.01 * inside - 0.02 * inside * np.log(age)
    np.testing.assert_allclose(relaxed_uS(law, 1.0, g, age, targets), expected, rtol=1e-12)


def test_what_is_left_of_a_law_at_one_age_is_the_law() -> None:
    targets, g = (0.0, 200.0), np.linspace(0.0, 200.0, 9)
    for law in ((0.3, -0.1), ((0.3, 0.01), -0.1), (0.3, (0.1, 0.0, 1e-4)), ((1.0, 2.0), (0.5,))):
        for age_s in (0.0, 0.05, 3.0, 1e5):
            terms = terms_at(law, 0.2, age_s)
            assert isinstance(terms, tuple) == any(isinstance(part, tuple) for part in law)
            at_g = np.polynomial.polynomial.polyval(g, np.atleast_1d(terms))
            np.testing.assert_allclose(at_g, relaxed_uS(law, 0.2, g, age_s, targets), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("device", "g_uS"), [(FLAT, 60.0), (BENT, 60.0), (BENT, 130.0)], ids=["flat", "bent", "beyond the targets"]
)
def test_devices_relax_by_the_law(device: Device, g_uS: float) -> None:
    """Normal with m(g, t) and S(g, t) at the calibration; what is added since has the variance S²(t) - S²(t_cal)."""
    then, now = aged(device, g_uS, 1e4, 1e4 - 0.05)
    for age_s, shift in ((0.05, then), (1e4, now)):
        mean, sigma = (
            float(relaxed_uS(law, device.relax_t0_s, g_uS, age_s, (device.g_min_uS, device.g_max_uS)))
            for law in (device.relax_mean_uS, device.relax_sigma_uS)
        )
        assert stats.kstest((shift - mean) / sigma, stats.norm.cdf).pvalue > 1e-3
    since = now - then
    assert abs(np.corrcoef(since, then)[0, 1]) < 4 / math.sqrt(N)


def test_parts_that_are_constant_polynomials_are_the_numbers_and_presets_keep_their_kernel() -> None:
    as_terms = dataclasses.replace(FLAT, relax_mean_uS=((0.1,), (-0.2,)), relax_sigma_uS=((0.6,), (0.1,)))
    for one, other in zip(aged(FLAT, 60.0, 100.0, 50.0), aged(as_terms, 60.0, 100.0, 50.0), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    shapes = {
        name: jax.tree.map(jnp.shape, slow_params(rj.load_device(name), 1e4, 1e3))
        for name in ("ibm_cmo_hfox", "hku_hpe_taox_2026", "neurram_2022")
    }
    assert all(shape == next(iter(shapes.values())) for shape in shapes.values())
    now = slow_params(rj.load_device("ibm_cmo_hfox"), 1e4, None).now
    assert (float(now.mean_uS), float(now.sigma_uS)) == tuple(
        float(np.float32(c + k * math.log(1e4))) for c, k in ((0.0, -0.089), (0.412, 0.042))
    )


@pytest.mark.parametrize("name", ["bent", "neurram_2022"])
def test_slopes_of_aged_devices_are_numbers_where_nothing_has_relaxed_yet(name: str) -> None:
    device = BENT if name == "bent" else rj.load_device(name)
    slow, key = slow_params(device, 1e4, None), jax.random.key(1)

    def total(g_uS: jax.Array) -> jax.Array:
        return sum(each.sum() for each in age_devices(key, g_uS, device.params(), slow))

    value, slopes = jax.jit(total), jax.jit(jax.grad(total))
    assert bool(jnp.isfinite(slopes(jnp.array([0.0, 5.0, 40.0]))).all())
    inside = jnp.array([15.0, 20.0, 35.0])
    slope, step = np.asarray(slopes(inside), float), 0.05
    for k in range(3):
        ahead, behind = (float(value(inside.at[k].add(move))) for move in (step, -step))
        assert slope[k] == pytest.approx((ahead - behind) / (2 * step), abs=5e-3)


@pytest.mark.parametrize(
    ("of_device", "age_s", "message"),
    [
        (
            {"relax_sigma_uS": ((0.5, -0.01), 0.0)},
            1.0,
            "must be at least 0 for every target from `device.relax_t0_s` on",
        ),
        ({"relax_sigma_uS": (0.1, 0.1), "relax_t0_s": 0.01}, 1.0, "but is -0.3605 µS at 0 µS and 0.01 s"),
        ({"relax_sigma_uS": (9.0, (0.1, -0.01))}, 1.0, "must not fall with age for any target, but changes by -1.4 µS"),
        ({"relax_t0_s": 0.0}, 1.0, "`device.relax_t0_s` must be positive, but is 0"),
        ({"relax_sigma_uS": (1.0, 0.0)}, 0.5, "must be 0 or at least 1 on taox_paper, .* but is 0.5"),
    ],
)
def test_laws_that_cannot_be_are_one_sentence(of_device: dict[str, object], age_s: float, message: str) -> None:
    device = dataclasses.replace(rj.load_device("taox_paper"), **of_device)
    with pytest.raises(rj.InputError, match=message) as caught:
        rj.design("sigmoid", 4, device=device, circuit=Circuit(operation=Operation(age_s=age_s)))
    assert str(caught.value).endswith(".")


def test_a_spread_that_begins_late_may_be_negative_at_the_second_that_it_never_sees() -> None:
    late = dataclasses.replace(
        rj.load_device("taox_paper"), relax_sigma_uS=(-0.2 * math.log(10.0), 0.2), relax_t0_s=10.0
    )
    rj.design("sigmoid", 4, device=late, circuit=Circuit(operation=Operation(age_s=10.0)))


def test_ages_below_a_second_need_no_law_where_nothing_relaxes() -> None:
    drifting = dataclasses.replace(rj.load_device("taox_paper"), drift_nu=(0.0, 0.05, 0.0, 1.0), drift_t0_s=0.01)
    rj.design("sigmoid", 4, device=drifting, circuit=Circuit(operation=Operation(age_s=0.5)))
