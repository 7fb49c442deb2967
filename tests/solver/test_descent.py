"""The traced layout, the objective's gradient and the descent itself, each by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rampjax.circuit.assemble import converter_params
from rampjax.circuit.blocks import Circuit, Comparator, Mac, Ramp
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import column_of
from rampjax.config.build import build_device
from rampjax.config.devices import load_device
from rampjax.solver.descent import sharpness_at
from rampjax.solver.lanes import stack, start_lane, structure_of
from rampjax.solver.objective import loss, smooth_max
from rampjax.solver.problem import Problem, limits_of, make_layout
from rampjax.solver.settings import SolveSettings
from rampjax.solver.starts import make_starts
from rampjax.solver.unknowns import column_params, pulses_of
from rampjax.target.arrays import target_arrays
from rampjax.target.functions import as_function
from rampjax.target.target import make_target

REAL = Ramp(q_inj_fC=0.02, t_loss_ns=0.01, sigma_tap_ns=0.01, sigma_jitter_ns=0.002, ktc_noise=True)


def problem_of(function="sigmoid", bits=3, calibration="ramp_aware", **circuit):
    circuit = Circuit(**({"pulse_grid": 8} | circuit))
    device = build_device(load_device("taox_paper"))
    return Problem(make_target(as_function(function), bits), device, circuit, parse_calibration(calibration))


def lanes_of(problem, settings=SolveSettings(), number=4):
    from rampjax.circuit.design import lay_out

    limits = limits_of(problem, settings.max_clocks)
    arrays = target_arrays(problem.target)
    designs, lanes = [], []
    for start in make_starts(problem, limits, settings, (problem.circuit.n_bias or 0, 1.0), 0)[:number]:
        low, high = limits.grains(limits.total_uS(start.charge_fC, start.n_devices))
        grains = np.clip(np.rint(start.grains), low, high)
        bias = (problem.circuit.n_bias or 0, 1.0)
        levels = limits.column.thresholds
        layout = make_layout(problem.circuit, start.charge_fC, grains, start.n_devices, levels, bias)
        parts = (problem.target, column_of(problem.target, None), problem.device, problem.circuit, problem.calibration)
        designs.append(lay_out(*parts, layout))
        keys = (jax.random.key(1), jax.random.key(2))
        lanes.append(start_lane(start, designs[-1], arrays, problem, limits, settings, keys))
    return designs, lanes, structure_of(designs, settings)


@pytest.mark.parametrize(
    ("settings", "circuit"),
    [
        (SolveSettings(), {"ramp": REAL}),
        (SolveSettings(free=("pulse_width", "scale", "devices"), max_devices=17), {"ramp": REAL, "n_bias": 6}),
        (SolveSettings(max_clocks=3), {"ramp": REAL, "mac": Mac(ktc_noise=True, sigma_noise_V=1e-3)}),
        (SolveSettings(), {"c_int_fF": 90.0, "comparator": Comparator(sigma_noise_V=1e-3)}),
    ],
)
def test_the_traced_layout_is_the_one_of_the_host(settings, circuit):
    designs, lanes, _ = lanes_of(problem_of(**circuit), settings)
    for design, lane in zip(designs, lanes, strict=True):
        traced = column_params(pulses_of(lane.unknowns, lane.frame, jnp.float32(1.0)), lane.frame, lane.base)
        host = converter_params(design, lane.base.target)
        # Padded levels repeat the last, and padded entries have no pulse: both ways of saying so agree.
        real = np.asarray(lane.frame.is_entry)
        n_bias = design.n_bias
        for name in ("t_pulse_ns", "tap", "sign", "n_clk", "v_before_V", "row", "r_series_MOhm"):
            one, other = (np.asarray(getattr(params.ramp, name)) for params in (traced, host))
            np.testing.assert_allclose(one[n_bias:][real], other[n_bias:][real], rtol=3e-5, atol=1e-6, err_msg=name)
            np.testing.assert_allclose(one[:n_bias], other[:n_bias], rtol=3e-5, atol=1e-6, err_msg=name)
        for name in ("g_target_uS", "v_target_V", "aim_x", "scale_V"):
            np.testing.assert_allclose(getattr(traced, name), getattr(host, name), rtol=1e-4, atol=2e-5, err_msg=name)
        both_fF = (traced.ramp.c_int_fF, host.ramp.c_int_fF)
        np.testing.assert_allclose(*both_fF, rtol=1e-5)
        for one, other in ((traced.noise, host.noise), (traced.measuring, host.measuring)):
            level_V2 = [each.ktc_fF_V2 / c_fF + each.level_V2 for each, c_fF in zip((one, other), both_fF, strict=True)]
            np.testing.assert_allclose(*level_V2, rtol=1e-5)
        if host.timing.n_clk is not None:
            np.testing.assert_array_equal(traced.timing.n_clk, host.timing.n_clk)


@pytest.mark.parametrize("objective", ["rmse", "total", "max_inl", "quantile", "yield"])
def test_the_gradient_is_that_of_finite_differences(objective):
    problem = problem_of("silu", 3, ramp=REAL)
    settings = SolveSettings(objective=objective, noise_weight=0.5 if objective in ("max_inl", "quantile") else 0.0)
    _, lanes, structure = lanes_of(problem, settings, 3)
    lane = lanes[2]  # with headroom, so that few aims are clipped
    keys = jax.random.split(jax.random.key(7), 256)

    def value(unknowns):
        sharp = sharpness_at(jnp.float32(0.2))
        return loss(unknowns, keys, lane.frame, lane.base, lane.aim, sharp, objective, 0.2, structure)

    both = jax.jit(jax.value_and_grad(value))  # one kernel: compiling it is what takes the time
    start = lane.unknowns._replace(log_grains=lane.unknowns.log_grains + 0.1, shift=lane.unknowns.shift + 0.05)
    slope = both(start)[1]
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in slope)
    generator = np.random.default_rng(0)
    for name, step in (("log_charge", 3e-3), ("log_grains", 5e-3), ("shift", 3e-3)):
        n = len(problem.target.thresholds) - (name == "log_grains")
        leaf = getattr(start, name)
        direction = np.zeros(leaf.shape, np.float32)
        if leaf.ndim:
            direction[:n] = generator.normal(size=n)
            direction /= np.linalg.norm(direction)
        else:
            direction += 1.0
        moved = [both(start._replace(**{name: leaf + sign * step * direction}))[0] for sign in (1, -1)]
        finite = float(moved[0] - moved[1]) / (2 * step)
        exact = float(np.sum(np.asarray(getattr(slope, name)) * direction))
        assert exact == pytest.approx(finite, rel=0.15 if objective == "quantile" else 0.08, abs=3e-3), name


def test_the_smooth_maximum_lies_between_the_maximum_and_its_bound():
    values = jnp.array([0.1, 0.5, 0.4, 0.0])
    for power in (8.0, 32.0):
        assert 0.5 <= float(smooth_max(values, power)) <= 0.5 * 4 ** (1 / power)
    assert float(smooth_max(jnp.zeros(3), 8.0)) == 0.0
    assert np.isfinite(np.asarray(jax.grad(lambda v: smooth_max(v, 8.0))(jnp.zeros(3)))).all()


def test_stacked_lanes_of_different_bits_give_the_losses_of_each():
    settings = SolveSettings()
    both = [lanes_of(problem_of(name, bits, ramp=REAL), settings, 1) for name, bits in (("sigmoid", 3), ("gelu", 4))]
    structure = both[0][2]
    lanes = [lanes[0] for _, lanes, _ in both]
    keys = jax.random.split(jax.random.key(3), 32)
    sharp = sharpness_at(jnp.float32(0.0))

    @jax.jit
    def value(lane):
        return loss(lane.unknowns, keys, lane.frame, lane.base, lane.aim, sharp, "total", 0.0, structure)

    stacked = jax.jit(jax.vmap(value))(stack(lanes))
    # Other lengths draw other numbers: the means of 32 chips agree within their spread.
    np.testing.assert_allclose(stacked, [value(lane) for lane in lanes], rtol=0.05)


def test_widths_are_whole_once_rounding_is_complete_and_conductances_stay_in_range():
    _, lanes, _ = lanes_of(problem_of("tanh", 4, pulse_grid=16))
    for lane in lanes:
        moved = lane.unknowns._replace(
            log_grains=lane.unknowns.log_grains + 0.3, log_charge=lane.unknowns.log_charge - 0.2
        )
        pulses = pulses_of(moved, lane.frame, jnp.float32(1.0))
        real = np.asarray(lane.frame.is_step)
        grains = np.asarray(pulses.grains)[real]
        np.testing.assert_allclose(grains, np.rint(grains), atol=1e-4)
        assert (np.asarray(pulses.g_uS)[real] <= 150 * (1 + 1e-4)).all()
