"""Settings that would have no effect: refused, so that none is accepted and ignored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rampjax.checks import InputError
from rampjax.circuit.blocks import BLOCKS, NOMINAL_K, Circuit, knobs
from rampjax.circuit.calibration_spec import CalibrationSpec, parse_calibration
from rampjax.circuit.curves import is_zero
from rampjax.circuit.relaxation import DEFAULT_T0_S, calibrated_at_s
from rampjax.config.device_config import DeviceConfig
from rampjax.config.device_fields import FIELDS, WRITE, ZERO_ACTS
from rampjax.config.device_values import Value

if TYPE_CHECKING:
    from rampjax.config.points import Point


@dataclass(frozen=True)
class _Case:
    """What a rule looks at."""

    circuit: Circuit
    device: DeviceConfig
    calibration: CalibrationSpec

    def figure(self, key: str) -> float:
        """A plain figure of the device, 0 where it has none."""
        found = self.device.figure(key)
        return found.value if isinstance(found, Value) else 0.0


Rule = tuple[Sequence[str], Callable[[_Case], bool], str]
_FAILED: Final = ("failed_prob", "failed_bias_uS", "failed_sigma_uS")
_SLOW: Final = ("relax_mean_uS", "relax_sigma_uS", "aged_sigma_uS", "drift_nu", "sigma_drift_nu", "rtn_prob")


def _times(case: _Case) -> tuple[float, ...]:
    comparator = case.circuit.comparator
    return comparator.t_delay_ns, comparator.tau_latch_ns, comparator.tau_preamp_ns


def _no_timing(case: _Case) -> bool:
    ramp = case.circuit.ramp
    return not any((*_times(case), ramp.tau_settle_ns, ramp.t_loss_ns, ramp.sigma_t_loss_ns))


def _ground_moves(case: _Case) -> bool:
    ramp = case.circuit.ramp
    return ramp.opamp_gain is not None or any((ramp.tau_settle_ns, ramp.v_os_V, ramp.sigma_v_os_V))


def _columns_differ(case: _Case) -> bool:
    comparator, mac = case.circuit.comparator, case.circuit.mac
    sigmas = (comparator.sigma_offset_V, mac.sigma_offset_V, mac.sigma_gain_rel)
    return any(sigmas) or case.circuit.array.n_ramps > 1


def _no_temperature(case: _Case) -> bool:
    tc = case.figure("tc_rel_per_K"), case.figure("sigma_tc_rel_per_K")
    ramp = case.circuit.ramp
    return not any((*tc, ramp.ktc_noise, ramp.thermal_noise, case.circuit.mac.ktc_noise))


def _nothing_to_redo(case: _Case) -> bool:
    return case.calibration.correction == "none" and case.calibration.n_redundant == 1


def _relaxes(case: _Case, *keys: str) -> bool:
    return any((law := case.device.figure(key)) is not None and not is_zero(law.numbers) for key in keys)


def _youngest_s(case: _Case) -> float:
    """The youngest age above 0 at which the chip is calibrated or used."""
    operation = case.circuit.operation
    return calibrated_at_s(operation.age_s, operation.recalibrate_s) or operation.age_s


def _no_slow_noise(case: _Case) -> bool:
    curve = case.device.sigma_slow_uS
    return curve is None or is_zero(curve.numbers)


# Each: the settings, when they have no effect, and why.
_RULES: Final[tuple[Rule, ...]] = (
    (
        [f"comparator.{key}" for key in ("t_delay_ns", "tau_latch_ns", "tau_preamp_ns", "v_logic_V", "delay_removed")],
        lambda c: c.circuit.comparator.kind == "ideal",
        "while `comparator.kind` is ideal, expected continuous or strobed",
    ),
    (
        ["comparator.delay_removed"],
        lambda c: c.circuit.comparator.kind == "strobed",
        "on a strobed comparator, expected `comparator.kind` to be continuous",
    ),
    (
        ["comparator.delay_removed"],
        lambda c: not (c.circuit.comparator.t_delay_ns or c.circuit.comparator.tau_latch_ns),
        "without `comparator.t_delay_ns` or `comparator.tau_latch_ns`",
    ),
    (
        ["comparator.t_delay_ns"],
        lambda c: c.circuit.comparator.kind == "strobed" and c.circuit.comparator.tau_latch_ns == 0,
        "on a strobed comparator without `comparator.tau_latch_ns`",
    ),
    (
        ["comparator.undecided"],
        lambda c: c.circuit.comparator.kind != "strobed" or c.circuit.comparator.tau_latch_ns == 0,
        "unless a latch may stay undecided, expected `comparator.kind` to be strobed and `comparator.tau_latch_ns`",
    ),
    (
        ["comparator.noise_per"],
        lambda c: c.circuit.comparator.sigma_noise_V == 0,
        "without `comparator.sigma_noise_V`",
    ),
    (
        ["ramp.auto_zero"],
        lambda c: not (c.circuit.ramp.v_os_V or c.circuit.ramp.sigma_v_os_V),
        "without an offset, `ramp.v_os_V` or `ramp.sigma_v_os_V`",
    ),
    (
        ["circuit.sigma_measure_V"],
        lambda c: not (c.circuit.n_reads and c.calibration.measures),
        "while the ramp is measured free of noise or not at all, expected `circuit.n_reads` of at least 1 and a "
        "calibration that measures",
    ),
    (
        ["comparator.v_logic_V"],
        lambda c: c.circuit.comparator.tau_latch_ns == 0,
        "without `comparator.tau_latch_ns`",
    ),
    (["comparator.trim_step_V"], lambda c: c.circuit.comparator.trim_range_V == 0, "without `comparator.trim_range_V`"),
    (["comparator.trim_range_V"], lambda c: c.circuit.comparator.trim_step_V == 0, "without `comparator.trim_step_V`"),
    (["mac.gain_trim_step_rel"], lambda c: c.circuit.mac.gain_trim_range_rel == 0, "without `mac.gain_trim_range_rel`"),
    (["mac.gain_trim_range_rel"], lambda c: c.circuit.mac.gain_trim_step_rel == 0, "without `mac.gain_trim_step_rel`"),
    (
        ["operation.age_s"],
        lambda c: (
            c.device.cells is None
            and all(c.device.figure(key) is None for key in _SLOW)
            and (_no_slow_noise(c) or _nothing_to_redo(c))
        ),
        "on a device without figures of relaxation, drift or telegraph noise, or slow read noise and a correction that "
        "it may outlive; `rampjax devices` shows which have them",
    ),
    (
        ["comparator.trim_step_V", "comparator.trim_range_V"],
        lambda c: not (c.circuit.comparator.sigma_offset_V or c.circuit.mac.sigma_offset_V),
        "without an offset to trim, `comparator.sigma_offset_V` or `mac.sigma_offset_V`",
    ),
    (
        ["mac.gain_trim_step_rel", "mac.gain_trim_range_rel"],
        lambda c: not c.circuit.mac.sigma_gain_rel,
        "without `mac.sigma_gain_rel`",
    ),
    (
        ["comparator.kind"],
        lambda c: not any(_times(c)),
        "while `comparator.t_delay_ns`, `comparator.tau_latch_ns` and `comparator.tau_preamp_ns` are 0",
    ),
    (
        ["ramp.g_leak_uS"],
        lambda c: not _ground_moves(c),
        "without a voltage across the unselected rows, expected `ramp.opamp_gain`, `ramp.tau_settle_ns` or an offset "
        "`ramp.v_os_V`",
    ),
    (
        ["operation.references"],
        lambda c: (
            not c.circuit.operation.v_read_change_rel
            and (c.circuit.operation.temperature_K == NOMINAL_K or not c.figure("tc_rel_per_K"))
        ),
        "while the read voltage, and the temperature with `device.tc_rel_per_K`, are nominal",
    ),
    (
        ["array.n_columns", "array.n_spare"],
        lambda c: not _columns_differ(c),
        "while nothing differs from column to column, expected an offset or gain error of `comparator` or `mac`, or "
        "more than one ramp",
    ),
    (["operation.recalibrate_s"], lambda c: c.circuit.operation.age_s == 0, "without `operation.age_s`"),
    (
        ["operation.recalibrate_s"],
        lambda c: (c.circuit.operation.recalibrate_s or 0.0) >= c.circuit.operation.age_s,
        "unless it is below `operation.age_s`, the age at which the chip is used",
    ),
    (
        ["operation.recalibrate_s"],
        _nothing_to_redo,
        "where no correction or selection is done anew; expected one of them in the calibration",
    ),
    (
        ["operation.temperature_K"],
        _no_temperature,
        "without a temperature coefficient (`device.tc_rel_per_K`, `device.sigma_tc_rel_per_K`), kT/C or thermal noise",
    ),
    (["operation.speed_corner_rel"], _no_timing, "while every delay, lost time and time constant is 0"),
    (
        ["circuit.bias_clocks"],
        lambda c: not c.circuit.n_bias and c.calibration.correction != "one_point_bias",
        "without bias devices, expected `circuit.n_bias` or the calibration one_point_bias",
    ),
    (
        ["circuit.t_min_ns"],
        lambda c: c.circuit.t_min_ns <= c.circuit.t_clk_ns / c.circuit.pulse_grid,
        "unless it is above `circuit.t_clk_ns` / `circuit.pulse_grid`, the shortest pulse of the grid",
    ),
    (
        ["circuit.read_by"],
        lambda c: not c.circuit.n_reads or not c.calibration.measures,
        "while `circuit.n_reads` is 0 or the calibration measures no ramp",
    ),
    (["device.g_stuck_off_uS"], lambda c: not c.figure("stuck_off_prob"), "without `device.stuck_off_prob`"),
    (["device.g_stuck_on_uS"], lambda c: not c.figure("stuck_on_prob"), "without `device.stuck_on_prob`"),
    (
        [
            f"device.{key}"
            for key in (*_SLOW, "relax_t0_s", "relax_quantiles", "drift_t0_s", "rtn_amplitude_rel", "rtn_tau_s")
        ],
        lambda c: c.circuit.operation.age_s == 0,
        "on a fresh chip, expected `operation.age_s` above 0",
    ),
    (
        ["device.relax_t0_s"],
        lambda c: not _relaxes(c, "relax_mean_uS", "relax_sigma_uS"),
        "without `device.relax_mean_uS` or `device.relax_sigma_uS`",
    ),
    (
        ["device.relax_quantiles"],
        lambda c: not _relaxes(c, "relax_sigma_uS", "aged_sigma_uS"),
        "without `device.relax_sigma_uS` or `aged_sigma_uS`",
    ),
    (
        ["device.relax_t0_s"],
        lambda c: _youngest_s(c) >= max(c.figure("relax_t0_s"), DEFAULT_T0_S),
        f"where the chip is calibrated and used at ages from it and from {DEFAULT_T0_S:g} s on",
    ),
    (
        ["device.drift_t0_s"],
        lambda c: c.device.drift_nu is None and c.device.sigma_drift_nu is None,
        "on a device without drift",
    ),
    (
        ["device.t_read_ns"],
        lambda c: c.device.tau_read_ns is None,
        "without `device.tau_read_ns`: the read noise is frozen within a pulse, whatever its duration",
    ),
    (
        ["device.t_read_ns", "device.tau_read_ns"],
        lambda c: is_zero(c.device.sigma_read_uS.numbers),
        "without `device.sigma_read_uS`",
    ),
    (
        ["device.failed_bias_uS", "device.failed_sigma_uS"],
        lambda c: c.device.failed_prob is None or is_zero(c.device.failed_prob.numbers),
        "without `device.failed_prob`",
    ),
    (["device.slow_t_lo_s", "device.slow_t_hi_s"], _no_slow_noise, "without `device.sigma_slow_uS`"),
    (["device.rtn_prob"], lambda c: not c.figure("rtn_amplitude_rel"), "without `device.rtn_amplitude_rel`"),
    (
        ["device.rtn_amplitude_rel", "device.rtn_tau_s"],
        lambda c: not c.figure("rtn_prob"),
        "without `device.rtn_prob`",
    ),
    (
        ["device.tc_rel_per_K", "device.sigma_tc_rel_per_K"],
        lambda c: c.circuit.operation.temperature_K == NOMINAL_K,
        "at the temperature of programming, expected another `operation.temperature_K`",
    ),
    (
        ["device.nonlinearity_per_V2"],
        lambda c: (
            not (c.circuit.operation.v_read_change_rel or c.circuit.ramp.sigma_v_read_rel)
            and not (_ground_moves(c) or c.circuit.ramp.r_access_MOhm or c.circuit.ramp.r_wire_MOhm)
        ),
        "at the nominal read voltage, expected `operation.v_read_change_rel`, `ramp.sigma_v_read_rel`, a resistance "
        "(`ramp.r_access_MOhm`, `ramp.r_wire_MOhm`), an offset `ramp.v_os_V`, `ramp.opamp_gain` or "
        "`ramp.tau_settle_ns`",
    ),
    (
        [f"device.{key}" for key in ("sigma_prog_uS", "bias_prog_uS", "error_quantiles", *_FAILED)],
        lambda c: c.circuit.programming.mode == "write_verify",
        "while `programming.mode` is write_verify, where the loop decides how far a device is from its target",
    ),
    (
        [f"device.{key}" for key in FIELDS if key.startswith(WRITE)],
        lambda c: c.circuit.programming.mode == "plain",
        "while `programming.mode` is plain, expected write_verify",
    ),
)


def check_effects(points: Iterable["Point"]) -> None:
    """Raises InputError for a setting that has no effect at any of the points at which it is made.

    Where several points share a setting, as in a study, one point at which it matters is enough: a list of kinds of
    comparator may hold the ideal one.
    """
    reasons: dict[str, str] = {}
    useful: set[str] = set()
    for point in points:
        inert = inert_keys(point)
        for key in _made(point):
            if key in inert:
                reasons.setdefault(key, inert[key])
            else:
                useful.add(key)
    for key, reason in reasons.items():
        if key not in useful:
            raise InputError(f"`{key}` has no effect {reason}.")


def inert_keys(point: "Point") -> dict[str, str]:
    """Returns the keys that have no effect at a point, whether they are set or not, each with the reason."""
    case = _Case(point.circuit, point.device, parse_calibration(point.calibration))
    found: dict[str, str] = {}
    for keys, has_none, reason in _RULES:
        if has_none(case):
            found = {**dict.fromkeys(keys, reason), **found}
    return found


def _made(point: "Point") -> Iterator[str]:
    """Yields the settings that a point makes: what differs from the default, and what replaces the preset's own."""
    for section, block in BLOCKS.items():
        held = point.circuit if section == "circuit" else getattr(point.circuit, section)
        for key, item in knobs(block).items():
            if getattr(held, key) != item.default:
                yield f"{section}.{key}"
    yield from (f"device.{key}" for key, value in point.device_overrides.items() if value != 0 or key in ZERO_ACTS)
