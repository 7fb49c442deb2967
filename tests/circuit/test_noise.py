"""Noise within a pulse and along a ramp, against closed forms and sums."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

import rampjax as rj
from rampjax.circuit.noise import NoiseSlots, accrue, accrued_V2, no_noise, read_time_ns

PAPER = rj.load_device("taox_paper")


def lasting(t_ns, tau_ns, t_read_ns=2.0):
    device = dataclasses.replace(PAPER, t_read_ns=t_read_ns, tau_read_ns=tau_ns).params()
    return read_time_ns(jnp.float32(t_ns), device)


@pytest.mark.parametrize("t_ns", [0.0625, 1.0, 5.0])
def test_a_pulse_keeps_all_of_frozen_noise_and_the_root_of_white_noise(t_ns):
    assert float(lasting(t_ns, 0.0)) == pytest.approx(np.sqrt(2.0 * t_ns), rel=1e-4)
    assert float(lasting(t_ns, 1e6)) == pytest.approx(t_ns, rel=1e-4)
    assert float(read_time_ns(jnp.float32(t_ns), PAPER.params())) == np.float32(t_ns)


@pytest.mark.parametrize("tau_ns", [0.05, 0.7, 4.2, 30.0])  # at 4.2 a pulse ends just below where the series ends
def test_what_a_pulse_keeps_is_the_integral_of_the_correlation(tau_ns):
    """var of the integral over t is the double integral of exp(-|s - s'|/tau)."""

    def square(t_ns):
        return 2 * integrate.quad(lambda s: (t_ns - s) * np.exp(-s / tau_ns), 0, t_ns)[0]

    for t_ns in (0.03, 0.4, 6.0):
        expected = 2.0 * np.sqrt(square(t_ns) / square(2.0))
        assert float(lasting(t_ns, tau_ns)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("tau_ns", [0.0, 0.3, 1e9])
def test_what_a_pulse_keeps_has_a_slope_at_any_correlation_time(tau_ns):
    slope = jax.grad(lambda t_ns: lasting(t_ns, tau_ns, 1e6))
    assert np.isfinite([float(slope(t)) for t in (0.0625, 1.0, 1e6)]).all()


def test_noise_of_a_ramp_read_as_a_whole_adds_up_step_by_step():
    """Devices in parallel share the jitter of their pulse and the noise of their step."""
    slots = NoiseSlots(*(jnp.float32(value) for value in (0.5, 0.01, 0.2, 3.0, 7.0)))
    read_uS, g_uS, first = [1.0, 2.0, 0.5, 1.5], [10.0, 4.0, 6.0, 8.0], [True, False, True, True]
    so_far, found = no_noise(jnp.float32(0.0)), []
    for entry in zip(read_uS, g_uS, first, strict=True):
        found.append(float(accrued_V2(so_far, slots)))
        so_far = accrue(so_far, *map(jnp.float32, entry[:2]), jnp.bool_(entry[2]), slots)
    found.append(float(accrued_V2(so_far, slots)))
    own = [(0.5 * r) ** 2 + 0.01 * g for r, g in zip(read_uS, g_uS, strict=True)]
    pulses = [[10.0], [14.0], [14.0, 6.0], [14.0, 6.0, 8.0]]
    expected = [0.0] + [
        sum(own[: k + 1]) + sum((0.2 * pulse) ** 2 + 3.0 for pulse in each) + 7.0 for k, each in enumerate(pulses)
    ]
    assert found == pytest.approx(expected, rel=1e-6)
