"""Settings without an effect are refused, with the sentence that says why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rampjax.checks import InputError
from rampjax.config.study_file import load_study, point_from_options

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["comparator.t_delay_ns=0.2"], "`comparator.t_delay_ns` has no effect while `comparator.kind` is ideal"),
        (["comparator.tau_latch_ns=0.2"], "`comparator.tau_latch_ns` has no effect while `comparator.kind` is ideal"),
        (["comparator.tau_preamp_ns=0.2"], "`comparator.tau_preamp_ns` has no effect while `comparator.kind` is ideal"),
        (["comparator.v_logic_V=1"], "`comparator.v_logic_V` has no effect while `comparator.kind` is ideal"),
        (["comparator.delay_removed=false"], "`comparator.delay_removed` has no effect while `comparator.kind` is i"),
        (
            ["comparator.kind=strobed", "comparator.tau_latch_ns=0.1", "comparator.delay_removed=false"],
            "`comparator.delay_removed` has no effect on a strobed comparator",
        ),
        (
            ["comparator.kind=strobed", "comparator.t_delay_ns=0.1"],
            "`comparator.t_delay_ns` has no effect on a strobed comparator without `comparator.tau_latch_ns`",
        ),
        (
            ["comparator.kind=strobed", "comparator.tau_preamp_ns=0.1", "comparator.v_logic_V=1"],
            "has no effect without `comparator.tau_latch_ns`",
        ),
        (["comparator.trim_step_V=0.1"], "`comparator.trim_step_V` has no effect without `comparator.trim_range_V`"),
        (["comparator.trim_range_V=0.1"], "`comparator.trim_range_V` has no effect without `comparator.trim_step_V`"),
        (["mac.gain_trim_step_rel=0.1"], "`mac.gain_trim_step_rel` has no effect without `mac.gain_trim_range_rel`"),
        (["mac.gain_trim_range_rel=0.1"], "`mac.gain_trim_range_rel` has no effect without `mac.gain_trim_step_rel`"),
        (["operation.age_s=100"], "`operation.age_s` has no effect on a device without figures of relaxation, drift"),
        (["operation.recalibrate_s=10"], "`operation.recalibrate_s` has no effect without `operation.age_s`"),
        (
            ["operation.age_s=10", "operation.recalibrate_s=10", "device.relax_sigma_uS=1"],
            "`operation.recalibrate_s` has no effect unless it is below `operation.age_s`",
        ),
        (
            ["operation.age_s=10", "operation.recalibrate_s=1", "device.relax_sigma_uS=1"],
            "`operation.recalibrate_s` has no effect where no correction or selection is done anew",
        ),
        (["operation.temperature_K=310"], "`operation.temperature_K` has no effect without a temperature coefficient"),
        (["operation.speed_corner_rel=1.2"], "`operation.speed_corner_rel` has no effect while every delay"),
        (["circuit.t_min_ns=0.5"], "`circuit.t_min_ns` has no effect unless it is above `circuit.t_clk_ns` /"),
        (["circuit.bias_clocks=2"], "`circuit.bias_clocks` has no effect without bias devices"),
        (["device.g_stuck_off_uS=1"], "`device.g_stuck_off_uS` has no effect without `device.stuck_off_prob`"),
        (["device.g_stuck_on_uS=500"], "`device.g_stuck_on_uS` has no effect without `device.stuck_on_prob`"),
        (["device.relax_sigma_uS=1"], "`device.relax_sigma_uS` has no effect on a fresh chip, expected `operation.age"),
        (["device.relax_t0_s=0.1"], "`device.relax_t0_s` has no effect on a fresh chip"),
        (
            ["operation.age_s=9", "device.drift_t0_s=0.1", "device.sigma_drift_nu=1", "device.relax_t0_s=0.1"],
            "`device.relax_t0_s` has no effect without `device.relax_mean_uS` or `device.relax_sigma_uS`",
        ),
        (
            ["operation.age_s=9", "device.relax_mean_uS=1", "device.relax_t0_s=0.1"],
            "`device.relax_t0_s` has no effect where the chip is calibrated and used at ages from it and from 1 s on",
        ),
        (["operation.age_s=9", "device.rtn_prob=0.1"], "`device.rtn_prob` has no effect without `device.rtn_amplitude"),
        (
            ["operation.age_s=9", "device.relax_mean_uS=1", "device.rtn_tau_s=9"],
            "has no effect without `device.rtn_prob`",
        ),
        (
            ["operation.age_s=9", "device.relax_mean_uS=1", "device.drift_t0_s=9"],
            "has no effect on a device without dr",
        ),
        (
            ["device.write_tolerance_uS=1"],
            "`device.write_tolerance_uS` has no effect while `programming.mode` is plain",
        ),
        (["programming.mode=write_verify", "device.sigma_prog_uS=1"], "`device.sigma_prog_uS` has no effect while"),
        (["operation.references=fixed"], "`operation.references` has no effect while the read voltage"),
        (["comparator.kind=strobed"], "`comparator.kind` has no effect while"),
        (["array.n_columns=8"], "`array.n_columns` has no effect while nothing differs from column to column"),
        (["ramp.g_leak_uS=10"], "`ramp.g_leak_uS` has no effect without a voltage"),
        (
            ["comparator.trim_step_V=0.1", "comparator.trim_range_V=0.1"],
            "`comparator.trim_step_V` has no effect without an offset to trim",
        ),
        (["device.t_read_ns=1"], "`device.t_read_ns` has no effect without `device.tau_read_ns`"),
        (
            ["device.t_read_ns=1", "device.tau_read_ns=0", "device.sigma_read_uS=0"],
            "`device.t_read_ns` has no effect without `device.sigma_read_uS`",
        ),
        (["device.failed_sigma_uS=1"], "`device.failed_sigma_uS` has no effect without `device.failed_prob`"),
        (
            ["programming.mode=write_verify", "device.failed_prob=0.1", "device.failed_sigma_uS=9"],
            "`device.failed_prob` has no effect while `programming.mode` is write_verify",
        ),
        (["device.slow_t_lo_s=1"], "`device.slow_t_lo_s` has no effect without `device.sigma_slow_uS`"),
        (
            ["device.sigma_slow_uS=1", "device.slow_t_lo_s=1", "device.slow_t_hi_s=100", "operation.age_s=10"],
            "`operation.age_s` has no effect on a device without figures of relaxation, .* slow read noise",
        ),
        (["device.tc_rel_per_K=0.001"], "`device.tc_rel_per_K` has no effect at the temperature of programming"),
        (["device.nonlinearity_per_V2=0.1"], "`device.nonlinearity_per_V2` has no effect at the nominal read voltage"),
    ],
)
def test_a_setting_without_effect_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        point_from_options(overrides=settings)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("settings", "calibration"),
    [
        (["ramp.sigma_tap_ns=0.01"], "none"),  # with a grid of one width
        (["operation.references=fixed", "operation.v_read_change_rel=0.1"], "none"),
        (["comparator.kind=continuous", "comparator.tau_preamp_ns=0.1"], "none"),
        (["array.n_columns=8", "array.n_ramps=2"], "none"),
        (["ramp.g_leak_uS=10", "ramp.opamp_gain=1000"], "none"),
        (["programming.mode=write_verify", "device.write_tolerance_uS=9"], "none"),
        (["circuit.bias_clocks=2"], "one_point_bias"),
        (["device.t_read_ns=1", "device.tau_read_ns=0"], "none"),  # white
        (["device.sigma_slow_uS=1", "device.slow_t_lo_s=1", "device.slow_t_hi_s=100"], "none"),  # on a fresh chip too
        (
            ["device.sigma_slow_uS=1", "device.slow_t_lo_s=1", "device.slow_t_hi_s=9", "operation.age_s=10"],
            "one_point",
        ),
        (["device.failed_prob=0.1", "device.failed_sigma_uS=9"], "none"),
        (["device.rtn_prob=0"], "none"),  # as it is anyway
        (["operation.temperature_K=310", "mac.ktc_noise=true"], "none"),
        (["circuit.n_reads=4"], "none"),  # a note says so, as studies vary both
        (["operation.age_s=10", "operation.recalibrate_s=1", "device.relax_sigma_uS=1"], "redundant:2"),
        (["operation.age_s=0.5", "device.relax_sigma_uS=1", "device.relax_t0_s=0.1"], "none"),
        (
            ["operation.age_s=9", "operation.recalibrate_s=8.5", "device.relax_sigma_uS=1", "device.relax_t0_s=0.1"],
            "one_point",
        ),
    ],
)
def test_what_may_matter_is_taken(settings: list[str], calibration: str) -> None:
    point_from_options(calibration=calibration, overrides=settings)


def test_one_point_at_which_a_setting_matters_is_enough_for_a_study(write: Write) -> None:
    text = """
    [device]
    preset = "ibm_cmo_hfox"
    [design]
    calibration = "one_point"
    [comparator]
    t_delay_ns = 0.2
    [operation]
    recalibrate_s = 100.0
    [vary]
    "comparator.kind" = ["ideal", "continuous"]
    "operation.age_s" = [0.0, 10.0, 1000.0]
    """
    assert len(load_study(write(text)).points()) == 6
    with pytest.raises(InputError, match=r"study\.toml: `comparator.t_delay_ns` has no effect while"):
        load_study(write(text), ["comparator.kind=ideal"])
    with pytest.raises(InputError, match=r"study\.toml: `operation.recalibrate_s` has no effect"):
        load_study(write(text.replace("1000.0", "50.0")))
