"""Numbers as messages and tables spell them, and as text spells them."""

import math

import numpy as np
import pytest

from rampjax.checks import to_real, to_whole, told_apart


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-4.0, 0.0, 4.0], ["-4.00", "0.00", "4.00"]),
        ([1e-3, 1.08e-3, 1.2e-3], ["0.0010000", "0.0010800", "0.0012000"]),
        ([1e6, 1e6 + 0.25], ["1000000.00", "1000000.25"]),
        ([-971806.3, -1e-11, 971806.3], ["-971806", "0", "971806"]),
        ([2e-9, 3e-9], ["2.00e-09", "3.00e-09"]),
        ([1e9, 1.5e9], ["1.000e+09", "1.500e+09"]),
        ([-math.inf, 1.0, 1.5], ["-inf", "1.000", "1.500"]),
        ([1.0, 1.0], ["1.00", "1.00"]),
        ([0.0], ["0.00"]),
        ([1.0, 1.0 + 1e-15], ["1.00000000", "1.00000000"]),
        ([], []),
    ],
)
def test_numbers_have_the_digits_that_their_spacing_needs(values: list[float], expected: list[str]) -> None:
    assert told_apart(values) == expected


@pytest.mark.parametrize("low", [1e-12, 1e-3, 0.5, 1e6, 1e8])
@pytest.mark.parametrize("width", [1e-5, 1e-3, 10.0])
def test_neighbours_differ_and_are_right_to_a_fiftieth_of_a_step(low: float, width: float) -> None:
    x = low * np.linspace(1.0, 1.0 + width, 17)
    back = np.array([float(text) for text in told_apart(x)])
    assert np.all(np.diff(back) > 0)
    assert np.abs(back - x).max() <= 0.02 * np.diff(x).min()


@pytest.mark.parametrize("text", ["1_0", "1_0.5", "1e1_0", "١", "", "0x1", "1,5"])
def test_slips_are_no_numbers(text: str) -> None:
    for parse in (to_real, to_whole):
        with pytest.raises(ValueError, match=r"could not convert|invalid literal"):
            parse(text)


def test_plain_digits_are_numbers() -> None:
    assert (to_real(" -1.5e3"), to_whole("+12 "), to_real("inf")) == (-1500.0, 12, math.inf)
