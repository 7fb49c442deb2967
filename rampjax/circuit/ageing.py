"""What devices do between programming and use: relaxation, drift, telegraph noise (slow, per device).

A device relaxes by a mean and by a random amount whose variance grows with age (`circuit.relaxation` has the law);
what it does after the last recalibration is independent of what it did before, and each has the shape that the device
gives for the age at which it ends (`relax_quantiles`), so that their sum is nearer to normal. Drift is a power law of
the age. A trap makes a device jump between two levels. The devices of the MAC column are taken as fresh. Left out:
recovery, dependence on temperature.

References:
    Drift g(t) = g (t/t0)^-nu, for phase-change memory: the model published with aihwkit (the preset `ibm_pcm`).
    Telegraph noise: a symmetric two-state Markov process, P(flip in dt) = (1 - exp(-2 dt/tau))/2 (Machlup 1954, J.
    Appl. Phys. 25, 341).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from rampjax.circuit.curves import N_POWERS
from rampjax.circuit.device import Device, DeviceParams, shift_at, sigma_at
from rampjax.circuit.draws import standard_normal
from rampjax.circuit.quantile_params import QuantileParams, quantile_params, shaped
from rampjax.circuit.quantiles import shape_at
from rampjax.circuit.relaxation import Terms, calibrated_at_s, terms_at
from rampjax.metrics import root


class AgeParams(NamedTuple):
    """The traced part of a device's ageing at one age."""

    mean_uS: Float[Array, ""] | Float[Array, " power"]  # mean relaxation so far: one for all, or powers of g
    sigma_uS: Float[Array, ""] | Float[Array, " power"]  # its spread so far, alike
    spread_uS: Float[Array, " power"]  # the whole spread of programmed devices by now: powers of g
    log_age: Float[Array, ""]  # ln(t/t0) of drift, 0 before t0
    flip_prob: Float[Array, ""]  # that a trap has changed since the age before this one
    quantiles: QuantileParams | None  # of the shift since the age before this one, over its sigma; None: normal


class SlowParams(NamedTuple):
    """The traced part of ageing: at the last calibration, and now."""

    calibrated: AgeParams
    now: AgeParams
    fresh_spread_uS: Float[Array, " power"]
    drift_nu: Float[Array, "4"]  # slope, intercept, low, high
    sigma_drift_nu: Float[Array, ""] | Float[Array, "4"]  # one for all, or slope, intercept, low, high
    rtn_prob: Float[Array, ""]
    rtn_amplitude_rel: Float[Array, ""]


def slow_params(device: Device, age_s: float, recalibrate_s: float | None) -> SlowParams:
    """The ageing of a device at its last calibration and at an age.

    Args:
        device: the device on the host.
        age_s: time since programming, s.
        recalibrate_s: interval between calibrations, s: the last one lies that far back; None: calibrated at age 0.
    """
    calibrated_s = calibrated_at_s(age_s, recalibrate_s)
    ages = ((0.0, calibrated_s), (calibrated_s, age_s))
    calibrated, now = (_age_params(device, before_s, at_s) for before_s, at_s in ages)
    fresh = device.aged_sigma_uS[0][1] if device.aged_sigma_uS else ()
    return SlowParams(
        calibrated=calibrated,
        now=now,
        fresh_spread_uS=_curve(fresh),
        drift_nu=jnp.asarray(device.drift_nu, jnp.float32),
        sigma_drift_nu=jnp.asarray(device.sigma_drift_nu, jnp.float32),
        rtn_prob=jnp.float32(device.rtn_prob),
        rtn_amplitude_rel=jnp.float32(device.rtn_amplitude_rel),
    )


def _age_params(device: Device, before_s: float, age_s: float) -> AgeParams:
    mean_uS, sigma_uS = (
        terms_at(law, device.relax_t0_s, age_s) for law in (device.relax_mean_uS, device.relax_sigma_uS)
    )
    return AgeParams(
        mean_uS=_terms(mean_uS),
        sigma_uS=_terms(sigma_uS if isinstance(sigma_uS, tuple) else max(sigma_uS, 0.0)),
        spread_uS=_curve(_spread_at(device, age_s)),
        log_age=jnp.float32(math.log(max(age_s / device.drift_t0_s, 1.0))),
        flip_prob=jnp.float32(-0.5 * math.expm1(-2.0 * (age_s - before_s) / device.rtn_tau_s)),
        quantiles=quantile_params(shape_at(device.relax_quantiles, age_s)) if device.spreads else None,
    )


def _spread_at(device: Device, age_s: float) -> Sequence[float]:
    """The curve of the whole spread at an age, interpolated in ln t between those given, constant beyond them."""
    if not device.aged_sigma_uS:
        return ()
    ages = np.log([age for age, _ in device.aged_sigma_uS])
    curves = np.array([np.pad(curve, (0, N_POWERS - len(curve))) for _, curve in device.aged_sigma_uS])
    log_s = math.log(age_s) if age_s > 0 else ages[0]
    return [float(np.interp(log_s, ages, terms)) for terms in curves.T]


def _terms(terms: Terms) -> Float[Array, ""] | Float[Array, " power"]:
    return _curve(terms) if isinstance(terms, tuple) else jnp.float32(terms)


def _curve(terms: Sequence[float]) -> Float[Array, " power"]:
    return jnp.asarray(np.pad(np.asarray(terms, float), (0, N_POWERS - len(terms))), jnp.float32)


def age_devices(
    key: Key[Array, ""], g_uS: Float[Array, " device"], device: DeviceParams, slow: SlowParams
) -> tuple[Float[Array, " device"], Float[Array, " device"]]:
    """Ages devices: their conductances at the last calibration and now, µS.

    Relaxation, g + m(g, t) + sqrt(S2) z, clipped at 0; then drift, times (t/t0)^-nu with nu = clip(a ln(g/g_max) + b),
    the spread of nu alike or one number; then telegraph noise, times 1 + amplitude (b(t) - b(0)).

    Args:
        key: for all that is drawn here.
        g_uS: conductances as programmed, µS.
        device: the device's parameters.
        slow: how it ages.
    """
    z = standard_normal(jax.random.fold_in(key, 0), 3 * g_uS.size).reshape(3, -1)
    u = jax.random.uniform(jax.random.fold_in(key, 1), (4, *g_uS.shape))
    then, now = slow.calibrated, slow.now
    # The laws of relaxation hold for targets: a polynomial says nothing of a conductance beyond them.
    g_law_uS = jnp.clip(g_uS, device.g_min_uS, device.g_max_uS)
    variance_then, variance_now = (_relaxed_variance(g_uS, g_law_uS, age, slow) for age in (then, now))
    moved = root(variance_then) * shaped(z[0], then.quantiles, g_uS)
    moved_since = root(variance_now - variance_then) * shaped(z[1], now.quantiles, g_uS)
    log_rel = jnp.log(jnp.maximum(g_uS / device.g_max_uS, jnp.finfo(g_uS.dtype).tiny))
    spread = slow.sigma_drift_nu
    nu = _clipped_line(slow.drift_nu, log_rel)
    nu = nu + (spread if spread.ndim == 0 else _clipped_line(spread, log_rel)) * z[2]
    has_trap, first = u[0] < slow.rtn_prob, u[1] < 0.5
    second = first ^ (u[2] < then.flip_prob)
    third = second ^ (u[3] < now.flip_prob)

    def aged(shift_uS: Array, age: AgeParams, state: Bool[Array, " device"]) -> Array:
        relaxed_uS = jnp.maximum(g_uS + shift_at(age.mean_uS, g_law_uS) + shift_uS, 0.0)
        jump = jnp.where(has_trap, state.astype(g_uS.dtype) - first.astype(g_uS.dtype), 0.0)
        return relaxed_uS * jnp.exp(-nu * age.log_age) * (1.0 + slow.rtn_amplitude_rel * jump)

    return aged(moved, then, second), aged(moved + moved_since, now, third)


def _clipped_line(line: Float[Array, "4"], log_rel: Float[Array, " device"]) -> Float[Array, " device"]:
    """clip(slope ln(g/g_max) + intercept, low, high)."""
    slope, intercept, low, high = line
    return jnp.clip(slope * log_rel + intercept, low, high)


def _relaxed_variance(
    g_uS: Float[Array, " device"], g_law_uS: Float[Array, " device"], age: AgeParams, slow: SlowParams
) -> Float[Array, " device"]:
    """Variance of what a device has moved by an age: the law, and the growth of the published whole spread."""
    growth = sigma_at(age.spread_uS, g_uS) ** 2 - sigma_at(slow.fresh_spread_uS, g_uS) ** 2
    sigma_uS = age.sigma_uS if age.sigma_uS.ndim == 0 else sigma_at(age.sigma_uS, g_law_uS)
    return sigma_uS**2 + jnp.maximum(growth, 0.0)
