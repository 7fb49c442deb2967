"""The reference table of brute force: mean worst INL of the sigmoid column, every row and column within 2 %."""

import pytest

import rampjax as rj
from rampjax.circuit.blocks import Circuit, Comparator, Ramp
from rampjax.montecarlo.chip import sample_chip

CALIBRATIONS = ("none", "one_point", "redundant:4+one_point", "ramp_aware")
# Brute force over 400 000 columns: sigma 2.67 µS, g_max 150 µS, one full clock per step, noise-free measurement.
TABLE = {
    3: (0.0605, 0.0427, 0.0265, 0.0421),
    4: (0.1748, 0.1197, 0.0791, 0.0911),
    5: (0.5052, 0.3430, 0.2338, 0.2008),
    6: (1.455, 0.9883, 0.6863, 0.4425),
    8: (11.52, 7.691, 5.461, 2.026),
}


@pytest.mark.parametrize("bits", TABLE)
def test_mean_worst_inl_of_the_sigmoid_column(bits):
    for calibration, expected in zip(CALIBRATIONS, TABLE[bits], strict=True):
        design = rj.design("sigmoid", bits, calibration=calibration)
        result = rj.simulate(design, 100_000, seed=1, measures=("max_inl_lsb",))
        assert result.statistics.mean("max_inl_lsb") == pytest.approx(expected, rel=0.02), calibration


def test_tanh_over_the_whole_line_gives_the_same():
    design = rj.design("tanh", 5)
    assert rj.simulate(design, 100_000, seed=2).statistics.mean("max_inl_lsb") == pytest.approx(0.5052, rel=0.02)


# 5 bits, ramp_aware, read noise of 3.5 µS per read: how a measurement reads, reads, noise of each step, mean worst INL.
MEASURED = [
    ("steps", 1, 0.0, 0.702),
    ("steps", 16, 0.0, 0.282),
    ("levels", 1, 0.0, 0.975),
    ("levels", 16, 0.0, 0.322),
    ("steps", 16, 0.005, 0.450),
    ("levels", 16, 0.005, 0.601),
]


@pytest.mark.parametrize(("read_by", "n_reads", "step_V", "expected"), MEASURED)
def test_what_measurements_leave_of_a_ramp_that_is_programmed_in_order(read_by, n_reads, step_V, expected):
    circuit = Circuit(n_reads=n_reads, read_by=read_by, ramp=Ramp(sigma_step_V=step_V))
    design = rj.design("sigmoid", 5, calibration="ramp_aware", circuit=circuit)
    result = rj.simulate(design, 30_000, seed=3, measures=("max_inl_lsb",))
    assert result.statistics.mean("max_inl_lsb") == pytest.approx(expected, rel=0.015)


def test_three_millivolts_at_eight_bits():
    """Brute force: comparator noise once per conversion 1.585 LSB rms in all, at every strobe 1.418, early by 0.59.

    An offset that no auto-zero takes away moves the middle of the ramp by 2.1 LSB.
    """
    quiet = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)

    def column(**circuit):
        return rj.design("sigmoid", 8, device=quiet, circuit=Circuit(**circuit))

    for noise_per, expected in (("conversion", 1.585), ("strobe", 1.418)):
        noisy = column(comparator=Comparator(sigma_noise_V=0.003, noise_per=noise_per))
        assert rj.simulate(noisy, 1).statistics.mean("total_rmse_lsb") == pytest.approx(expected, rel=0.01)
    fresh = column(comparator=Comparator(sigma_noise_V=0.003, noise_per="strobe"))
    chip = sample_chip(fresh, 1, 0)
    early = fresh.target.function.evaluate(chip.thresholds) - fresh.target.boundaries
    # Each threshold stands for one output step, all equally likely.
    assert early.sum() == pytest.approx(0.59, abs=0.01)
    shifted, taken_out = (
        sample_chip(column(ramp=Ramp(v_os_V=0.003, auto_zero=auto_zero)), 1, 0).ramp.held_V
        for auto_zero in (False, True)
    )
    lsb_V = fresh.scale_V / (256 / 4)  # the middle of the sigmoid has a slope of a quarter
    assert (shifted - taken_out) / lsb_V == pytest.approx(2.13, rel=0.01)


@pytest.mark.parametrize(("t_ns", "sigma_uS"), [(1.0, 0.176), (1 / 16, 0.704)])
def test_thermal_noise_of_a_read(t_ns, sigma_uS):
    """2 k T g t of 150 µS at 0.2 V: 0.18 µS over 1 ns, 0.70 µS over a sixteenth."""
    quiet = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
    circuit = Circuit(t_clk_ns=t_ns, ramp=Ramp(thermal_noise=True))
    design = rj.design("sigmoid", 5, device=quiet, circuit=circuit)
    chip = sample_chip(design, 1, 0)
    first_V = chip.sigma_x[1] * design.scale_V
    per_uS = 0.2 * t_ns / design.c_int_fF
    assert first_V / per_uS == pytest.approx(sigma_uS * (design.g_target_uS[0] / 150) ** 0.5, rel=0.01)
