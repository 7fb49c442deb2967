"""The reference table of brute force: mean worst INL of the sigmoid column, every row and column within 2 %."""

import pytest

import rampjax as rj

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
