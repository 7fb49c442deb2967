"""What a report says of its assumptions comes from the fields and knobs themselves."""

from rampjax.config.points import point_from_options
from rampjax.study.notes import assumptions, measurement_note


def test_every_variation_that_is_on_is_named_with_value_unit_and_clock() -> None:
    overrides = ["comparator.sigma_offset_V=0.002", "ramp.q_inj_fC=0.1", "mac.ktc_noise=true", "circuit.n_reads=4"]
    notes = assumptions([point_from_options("tanh", 4, overrides=overrides)])
    assert "comparator.sigma_offset_V = 0.002 V (static, once per column): input offset, before any trim." in notes
    assert any(note.startswith("ramp.q_inj_fC = 0.1 fC (static, the same on every chip): ") for note in notes)
    assert any(note.startswith("mac.ktc_noise = true (temporal, new at every conversion): ") for note in notes)
    assert any("taox_paper, sigma_prog_uS = 2.67 (µS" in note and "reported" in note for note in notes)
    assert not any("n_reads" in note or "stuck" in note or note.startswith("operation") for note in notes[:-1])


def test_what_is_left_ideal_is_named() -> None:
    ideal = assumptions([point_from_options("tanh", 4, overrides=["ramp.q_inj_fC=0.1"])])[-1]
    assert ideal.startswith(
        "Left ideal, at zero, absent or without effect here: all of mac, comparator, operation; of ramp: opamp_gain, "
    )
    assert "q_inj_fC" not in ideal.replace("sigma_q_inj_fC", "")
    assert "of the device: bias_prog_uS, stuck_off_prob" in ideal
    assert "sigma_prog_uS" not in ideal


def test_points_are_told_together() -> None:
    points = [
        point_from_options("tanh", 4, device="ibm_pcm", overrides=[f"operation.age_s={age_s}"]) for age_s in (1.0, 1e4)
    ]
    notes = assumptions(points)
    assert any("operation.age_s = 1 s, 10000 s (slow, between recalibrations)" in note for note in notes)
    assert any("ibm_pcm, drift_nu = -0.0155 ln(g / g_max) + 0.0244" in note for note in notes)
    assert "same random numbers" in notes[-1]


def test_what_a_fresh_chip_does_not_meet_is_not_named_as_on() -> None:
    fresh = assumptions([point_from_options("tanh", 4, device="ibm_pcm")])
    assert not any("drift_nu =" in note for note in fresh)
    assert "drift_nu" in fresh[-1]
    written = assumptions([point_from_options("tanh", 4, overrides=["programming.mode=write_verify"])])
    assert any(note.startswith("taox_paper, write_spread_rel = 0.6 (relative to the step") for note in written)
    assert any(note.startswith("programming.mode = write_verify (a setting, no variation): ") for note in written)
    assert not any(note.startswith("taox_paper, sigma_prog_uS") for note in written)
    assert not any("write_" in note for note in fresh)


def test_the_measurement_is_told() -> None:
    few = point_from_options("tanh", 4, calibration="ramp_aware", overrides=["circuit.n_reads=4"])
    by_levels = ["circuit.n_reads=16", "circuit.read_by=levels"]
    many = point_from_options("tanh", 4, calibration="ramp_aware", overrides=by_levels)
    assert measurement_note([few]) == (
        "Calibrations measure the ramp with n_reads = 4, by steps: so many reads are averaged (by steps, each step is "
        "read by itself and the reads are summed)."
    )
    both = measurement_note([many, few, point_from_options("tanh", 4)])
    assert "n_reads = 0 (noise-free), 4, by steps; 16, by levels: so many" in both
    assert "by levels, the whole ramp is read anew at each level" in both
    assert not any("read_by" in note for note in assumptions([many]))
    assert "free of noise" in measurement_note([point_from_options("tanh", 4)])


def test_a_distribution_of_inputs_is_told() -> None:
    notes = assumptions([point_from_options("tanh", 4, inputs="normal:0:1"), point_from_options("tanh", 4)])
    assert any(note.startswith("Inputs, over which errors are averaged: normal:0:1, output") for note in notes)
    assert not any(note.startswith("Inputs") for note in assumptions([point_from_options("tanh", 4)]))


def test_levels_of_conductance_are_told() -> None:
    notes = assumptions([point_from_options("tanh", 4, device="hpe_taox_defects_2017")])
    assert any(
        note.startswith("hpe_taox_defects_2017, n_levels = 64 (a limit, no variation; reported): ") for note in notes
    )


def test_white_read_noise_is_named_and_its_absence_is_nothing_ideal() -> None:
    white = assumptions([point_from_options("tanh", 4, overrides=["device.tau_read_ns=0", "device.t_read_ns=10"])])
    assert any(note.startswith("taox_paper, tau_read_ns = 0 (ns; ") for note in white)
    assert not any("tau_read_ns" in note for note in assumptions([point_from_options("tanh", 4)]))
