import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampjax.checks import InputError
from rampjax.circuit.calibration_spec import CalibrationSpec, parse_calibration


def test_parts_act_in_one_order_however_they_are_spelled():
    for words in itertools.permutations(["ramp_aware", "two_point", "redundant:4"]):
        spec = parse_calibration("+".join(words))
        assert spec == CalibrationSpec(ramp_aware=True, correction="two_point", n_redundant=4)
        assert spec.text == "ramp_aware+two_point+redundant:4"


@pytest.mark.parametrize(
    "text", ["none", "one_point", "two_point", "ramp_aware", "redundant:7", "one_point+redundant:2"]
)
def test_the_canonical_text_reads_back(text):
    assert parse_calibration(text).text == text


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("one_pint", "one_pint"),
        ("", "unknown word ``"),
        ("one_point+two_point", "two corrections"),
        ("one_point+one_point", "twice"),
        ("redundant:2+redundant:2", "twice"),
        ("none+one_point", "`none`"),
        ("redundant:0", "N is `0`"),
        ("redundant:65", "N is `65`"),
        ("redundant:", "N is ``"),
        ("redundant:2.5", "2.5"),
        ("redundant:٣", "٣"),
    ],
)
def test_a_bad_calibration_is_one_sentence(text, culprit):
    with pytest.raises(InputError, match=r"^[^\n]*calibration[^\n]*$") as error:
        parse_calibration(text)
    assert culprit in str(error.value)


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text):
    with contextlib.suppress(InputError):
        assert parse_calibration(parse_calibration(text).text) == parse_calibration(text)
