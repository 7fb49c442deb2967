"""From a design on the host to what the sampler takes: its static structure and its traced parameters, in float32."""

from dataclasses import fields

import jax.numpy as jnp
import numpy as np

from rampjax.circuit.ageing import slow_params
from rampjax.circuit.blocks import NOMINAL_K, Circuit, Operation, Ramp
from rampjax.circuit.calibration import CORRECTIONS, CalibrationParams
from rampjax.circuit.cells import CellParams, cell_params
from rampjax.circuit.comparator import FrontParams
from rampjax.circuit.curves import is_zero
from rampjax.circuit.design import Design
from rampjax.circuit.device import Device, WriteVerify
from rampjax.circuit.noise import NoiseParams
from rampjax.circuit.programming import ProgrammingParams
from rampjax.circuit.ramp import Conditions, RampParams
from rampjax.circuit.relaxation import calibrated_at_s
from rampjax.circuit.slow_noise import slow_noise_params
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.timing import TimingParams, removed_counts, required_overdrive_V
from rampjax.circuit.write_verify import write_params
from rampjax.target.arithmetic import model_arithmetic
from rampjax.target.arrays import TargetArrays, float32_array, padded_length, target_arrays

_BOLTZMANN = 1.380649e-8  # fF V^2 / K, which is fC V / K
# Of the ramp's figures these are noise; every other one makes its entries differ from the ideal.
_NOT_ENTRIES = ("sigma_jitter_ns", "sigma_step_V", "ktc_noise", "thermal_noise", "auto_zero")


def column_structure(design: Design) -> ColumnStructure:
    """What of a design changes the compiled kernel."""
    calibration, circuit, device = design.calibration, design.circuit, design.device
    comparator, mac, operation = circuit.comparator, circuit.mac, circuit.operation
    decides = comparator.t_delay_ns > 0 or comparator.tau_latch_ns > 0 or comparator.tau_preamp_ns > 0
    continuous = comparator.kind == "continuous" and decides
    write = _write_of(design)
    return ColumnStructure(
        ramp_aware=calibration.ramp_aware,
        n_redundant=calibration.n_redundant,
        noisy_measurement=calibration.measures and circuit.n_reads > 0,
        read_levels=calibration.measures and circuit.n_reads > 0 and circuit.read_by == "levels",
        stuck_cells=device.has_stuck_cells,
        front=comparator.sigma_offset_V > 0
        or mac.sigma_offset_V > 0
        or mac.sigma_gain_rel > 0
        or mac.v_clip_V is not None,
        n_bias=design.n_bias,
        bias_trim=calibration.correction == "one_point_bias",
        write_scheme=write.scheme if write else None,
        n_taps=circuit.pulse_grid * int(design.n_clk.max()) if _entries_differ(circuit.ramp) else 0,
        leaky=circuit.ramp.opamp_gain is not None,
        settles=circuit.ramp.tau_settle_ns > 0,
        changed_conditions=operation.v_read_change_rel != 0 or operation.temperature_K != NOMINAL_K,
        # Fixed references hold the ramp at the conditions at which it was calibrated; its devices age all the same.
        temperature=operation.temperature_K != NOMINAL_K
        and device.sigma_tc_rel_per_K > 0
        and operation.references == "ratiometric",
        slow=operation.age_s > 0 and device.ages,
        slow_noise=not is_zero(device.sigma_slow_uS),
        lag=comparator.kind != "ideal" and comparator.tau_preamp_ns > 0,
        continuous=continuous,
        undecided=comparator.undecided if comparator.kind == "strobed" and comparator.tau_latch_ns > 0 else None,
        strobe_noise=comparator.noise_per == "strobe" and comparator.sigma_noise_V > 0,
        n_removed=removed_counts(comparator, circuit.t_clk_ns) if continuous and comparator.delay_removed else 0,
        extra_noise=_has_extra_noise(circuit),
        subset=design.column is not design.target,
        parallel=bool((design.n_devices > 1).any()),
    )


def _write_of(design: Design) -> WriteVerify | None:
    """The write-verify loop by which a design is programmed, None where it is programmed plainly."""
    return design.device.write if design.circuit.programming.mode == "write_verify" else None


def _entries_differ(ramp: Ramp) -> bool:
    ideal = Ramp()
    names = [field.name for field in fields(Ramp) if field.name not in _NOT_ENTRIES]
    return any(getattr(ramp, name) != getattr(ideal, name) for name in names)


def _has_extra_noise(circuit: Circuit) -> bool:
    ramp, mac = circuit.ramp, circuit.mac
    sigmas = (ramp.sigma_jitter_ns, ramp.sigma_step_V, mac.sigma_noise_V, circuit.comparator.sigma_noise_V)
    named = ramp.ktc_noise or mac.ktc_noise or ramp.thermal_noise
    return named or any(sigma > 0 for sigma in (*sigmas, circuit.sigma_measure_V))


@model_arithmetic()
def converter_params(design: Design, target: TargetArrays | None = None) -> ConverterParams:
    """The traced parameters of a design, padded to the bucket of its bits. Padded entries have no pulse.

    Args:
        design: the design.
        target: `target_arrays(design.target)`, where it is at hand: it takes longer than all the rest.
    """
    circuit, device, n_reads = design.circuit, design.device, design.circuit.n_reads
    n = len(design.v_ramp_V)
    n_levels = padded_length(n, design.column.bits)
    step_of = design.step_of
    pad = padded_length(len(step_of) + 1, design.column.bits) - len(step_of)
    entry_of = np.concatenate([[0], np.cumsum(design.n_devices)])
    averaging = float32_array(1 / np.sqrt(n_reads) if n_reads else 0.0)
    calibrated, common, change_K = _conditions(circuit, device)
    fixed = circuit.operation.references == "fixed"
    write = _write_of(design)
    bias_uS = np.full(design.n_bias, design.g_bias_uS)
    n_thresholds = len(design.level_of)
    level_of = np.pad(design.level_of, (0, padded_length(n_thresholds, design.target.bits) - n_thresholds), mode="edge")
    return ConverterParams(
        target=target_arrays(design.target) if target is None else target,
        device=device.params(),
        programming=ProgrammingParams(write_params(write) if write else None, averaging, _cells(device, circuit)),
        ramp=_ramp_params(design, pad),
        calibrated=calibrated,
        operating=calibrated if fixed else common,
        follow=1.0 / common.common_rel if fixed else float32_array(1.0),
        common=common,
        temperature_rel=float32_array(change_K / (1 + device.tc_rel_per_K * change_K)),
        slow=slow_params(device, circuit.operation.age_s, circuit.operation.recalibrate_s),
        slow_noise=slow_noise_params(device, _since_calibration_s(circuit.operation)),
        timing=_timing_params(design, n_levels),
        noise=_noise_params(design),
        measuring=_measuring_params(design, float(calibrated.referred)),
        front=_front_params(circuit),
        calibration=CalibrationParams(
            correction=jnp.int32(_correction_index(design.calibration.correction)),
            middle=jnp.int32((n - 1) // 2),
            last=jnp.int32(n - 1),
            read_averaging=averaging,
        ),
        g_target_uS=float32_array(np.concatenate([bias_uS, design.g_target_uS[step_of], np.zeros(pad)])),
        v_target_V=float32_array(np.pad(design.v_ramp_V, (0, n_levels - n), mode="edge")),
        aim_x=float32_array(np.pad(design.aim_x, (0, n_levels - n), mode="edge")),
        entry_of=jnp.asarray(np.pad(entry_of, (0, n_levels - n), mode="edge"), jnp.int32),
        level_of=jnp.asarray(level_of, jnp.int32),
        scale_V=float32_array(design.scale_V),
    )


def _cells(device: Device, circuit: Circuit) -> CellParams | None:
    if device.cells is None:
        return None
    age_s = circuit.operation.age_s
    calibrated_s = calibrated_at_s(age_s, circuit.operation.recalibrate_s)
    return cell_params(device.cells, device.g_min_uS, device.g_max_uS, calibrated_s, age_s)


def _since_calibration_s(operation: Operation) -> float:
    return operation.age_s - calibrated_at_s(operation.age_s, operation.recalibrate_s)


def _correction_index(correction: str) -> int:
    return CORRECTIONS.index(correction) if correction in CORRECTIONS else 0


def _conditions(circuit: Circuit, device: Device) -> tuple[Conditions, Conditions, float]:
    """The conditions at calibration, those in operation, and the change of temperature, K."""
    operation, beta, v_V = circuit.operation, device.nonlinearity_per_V2, device.v_read_V
    w_V = v_V * (1 + operation.v_read_change_rel)
    change_K = operation.temperature_K - NOMINAL_K
    supply = (1 + operation.v_read_change_rel) * (1 + beta * w_V**2) / (1 + beta * v_V**2)
    common = supply * (1 + device.tc_rel_per_K * change_K)

    def at(common_rel: float, v_read_V: float) -> Conditions:
        figures = (common_rel, v_read_V, common_rel / operation.c_corner_rel)
        return Conditions(*map(float32_array, figures))

    return at(1.0, v_V), at(common, w_V), change_K


def _ramp_params(design: Design, pad: int) -> RampParams:
    circuit, errors, n_bias = design.circuit, design.circuit.ramp, design.n_bias
    # Of a step's devices the first takes the clocks, and each begins where the one before ended.
    step_of, rank = design.step_of, design.rank
    speed, n_entries = circuit.operation.speed_corner_rel, len(step_of)

    def entries(bias: float, steps: np.ndarray | float) -> np.ndarray:
        return np.concatenate([np.full(n_bias, bias), np.broadcast_to(steps, n_entries), np.zeros(pad)])

    def tap_of(t_pulse_ns: np.ndarray | float) -> np.ndarray:
        return np.asarray(np.rint(np.asarray(t_pulse_ns) * (circuit.pulse_grid / circuit.t_clk_ns)) - 1)

    rows = np.arange(1, n_entries + 1)
    place = (rows - 1) / max(n_entries - 1, 1) - 0.5
    rise_V = np.diff(design.v_ramp_V) / design.n_devices
    before_V = np.concatenate(
        [
            design.start_V * np.arange(n_bias) / max(n_bias, 1),
            (design.v_ramp_V[:-1])[step_of] + rank * rise_V[step_of],
            np.zeros(pad),
        ]
    )
    return RampParams(
        v_read_V=float32_array(design.device.v_read_V),
        c_int_fF=float32_array(design.c_int_fF),
        t_clk_ns=float32_array(circuit.t_clk_ns),
        t_pulse_ns=float32_array(entries(design.t_bias_ns, design.t_pulse_ns[step_of])),
        sign=float32_array(entries(design.bias_sign, 1.0)),
        # A bias pulse of several clocks is made of full ones.
        tap=jnp.asarray(
            entries(min(float(tap_of(design.t_bias_ns)), circuit.pulse_grid - 1), tap_of(design.t_pulse_ns)[step_of]),
            jnp.int32,
        ),
        n_clk=float32_array(entries(circuit.bias_clocks, np.where(rank == 0, design.n_clk[step_of], 0.0))),
        row=float32_array(entries(0.0, place)),
        r_series_MOhm=float32_array(entries(errors.r_access_MOhm, errors.r_access_MOhm + rows * errors.r_wire_MOhm)),
        v_before_V=float32_array(before_V),
        inverse_gain=float32_array(1 / (errors.opamp_gain + 1) if errors.opamp_gain is not None else 0.0),
        tau_settle_ns=float32_array(errors.tau_settle_ns * speed),
        v_os_V=float32_array(errors.v_os_V),
        reset_shift=float32_array(0.0 if errors.auto_zero else 1.0),
        sigma_v_os_V=float32_array(errors.sigma_v_os_V),
        sigma_c_int_rel=float32_array(errors.sigma_c_int_rel),
        sigma_v_read_rel=float32_array(errors.sigma_v_read_rel),
        q_inj_fC=float32_array(errors.q_inj_fC),
        sigma_q_inj_fC=float32_array(errors.sigma_q_inj_fC),
        t_loss_ns=float32_array(errors.t_loss_ns * speed),
        sigma_t_loss_ns=float32_array(errors.sigma_t_loss_ns * speed),
        sigma_tap_ns=float32_array(errors.sigma_tap_ns),
        sigma_gradient_rel=float32_array(errors.sigma_gradient_rel),
        g_leak_uS=float32_array(errors.g_leak_uS),
        nonlinearity_per_V2=float32_array(design.device.nonlinearity_per_V2),
    )


def _timing_params(design: Design, n_levels: int) -> TimingParams:
    circuit, n_clk = design.circuit, design.n_clk
    comparator, speed = circuit.comparator, circuit.operation.speed_corner_rel
    preamp_ns = comparator.tau_preamp_ns * speed if comparator.kind != "ideal" else 0.0
    required_V, settled_V, lag_power = required_overdrive_V(comparator, speed, circuit.t_clk_ns)
    undecided_V = 0.0
    if comparator.kind == "strobed" and comparator.tau_latch_ns > 0:
        spare_ns = circuit.t_clk_ns - comparator.t_delay_ns * speed
        # Without time to spare nothing is decided; the bound keeps the exponential finite.
        undecided_V = comparator.v_logic_V * np.exp(min(-spare_ns / (comparator.tau_latch_ns * speed), 20.0))
    # Only a continuous-time comparator reads these; others keep one shape.
    continuous = comparator.kind == "continuous"
    return TimingParams(
        decay=float32_array(np.exp(-circuit.t_clk_ns / preamp_ns) if preamp_ns > 0 else 0.0),
        required_V=float32_array(required_V if continuous else np.zeros(1)),
        settled_V=float32_array(settled_V if continuous else np.zeros(1)),
        lag_power=float32_array(lag_power),
        undecided_V=float32_array(undecided_V),
        n_clk=float32_array(np.pad(n_clk, (0, n_levels - 1 - len(n_clk)), constant_values=1))
        if n_clk.max() > 1
        else None,
    )


def _noise_params(design: Design) -> NoiseParams:
    """Noise of conversions, at the conditions of use."""
    circuit = design.circuit
    ramp, mac, operation, comparator = circuit.ramp, circuit.mac, circuit.operation, circuit.comparator
    calibrated, common, _ = _conditions(circuit, design.device)
    fixed = operation.references == "fixed"
    referred, follow = float(common.referred), 1.0 / float(common.common_rel) if fixed else 1.0
    # Noise of a ramp that does not follow is divided here, since `noise_V` weighs all of the ramp's by that factor.
    common_rel = float((calibrated if fixed else common).common_rel)
    fresh = comparator.noise_per == "strobe"
    sampled = operation.temperature_K / operation.c_corner_rel * (ramp.ktc_noise + mac.ktc_noise)
    beside_V2 = mac.sigma_noise_V**2 + (0.0 if fresh else comparator.sigma_noise_V**2)
    return NoiseParams(
        sigma_jitter_ns=float32_array(ramp.sigma_jitter_ns),
        sigma_step_V=float32_array(ramp.sigma_step_V / referred / follow),
        thermal_fC_V=float32_array(_thermal_fC_V(design, operation.temperature_K) / common_rel**2),
        sigma_strobe_V=float32_array(comparator.sigma_noise_V / referred if fresh else 0.0),
        ktc_fF_V2=float32_array(_BOLTZMANN * sampled / referred**2),
        level_V2=float32_array(beside_V2 / referred**2),
    )


def _measuring_params(design: Design, referred: float) -> NoiseParams:
    """Noise of measurements, at the conditions of calibration: of the ramp alone, and of the instrument."""
    circuit = design.circuit
    ramp = circuit.ramp
    sampled = NOMINAL_K / circuit.operation.c_corner_rel * ramp.ktc_noise
    return NoiseParams(
        sigma_jitter_ns=float32_array(ramp.sigma_jitter_ns),
        sigma_step_V=float32_array(ramp.sigma_step_V / referred),
        thermal_fC_V=float32_array(_thermal_fC_V(design, NOMINAL_K)),
        sigma_strobe_V=float32_array(0.0),
        ktc_fF_V2=float32_array(_BOLTZMANN * sampled / referred**2),
        level_V2=float32_array((circuit.sigma_measure_V / referred) ** 2),
    )


def _thermal_fC_V(design: Design, temperature_K: float) -> float:
    """2 k T, times what temperature does to every conductance alike."""
    warm = 1 + design.device.tc_rel_per_K * (temperature_K - NOMINAL_K)
    return 2 * _BOLTZMANN * temperature_K * warm * design.circuit.ramp.thermal_noise


def _front_params(circuit: Circuit) -> FrontParams:
    comparator, mac = circuit.comparator, circuit.mac
    return FrontParams(
        sigma_offset_V=float32_array(comparator.sigma_offset_V),
        sigma_mac_offset_V=float32_array(mac.sigma_offset_V),
        trim_step_V=float32_array(comparator.trim_step_V),
        trim_range_V=float32_array(comparator.trim_range_V),
        sigma_gain_rel=float32_array(mac.sigma_gain_rel),
        gain_trim_step_rel=float32_array(mac.gain_trim_step_rel),
        gain_trim_range_rel=float32_array(mac.gain_trim_range_rel),
        v_clip_V=float32_array(np.inf if mac.v_clip_V is None else mac.v_clip_V),
    )
