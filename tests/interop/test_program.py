"""The program for a tester: it reads back as the design, in the order of programming, with tolerances that hold."""

import csv
import io
import math
from typing import Any

import numpy as np
import pytest

from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.config.build import build_design
from rampjax.config.design_file import design_record
from rampjax.config.points import point_from_options
from rampjax.interop.column.program import COLUMNS, program_csv

RECORD: dict[str, Any] = {
    "calibration": "ramp_aware",
    "start_V": -0.2,
    "n_bias": 2,
    "g_bias_uS": 100.0 / 3.0,
    "t_bias_ns": 2.0,
    "g_target_uS": [150.0, 0.1 + 0.2, 40.0],
    "t_pulse_ns": [1.0, 0.0625, 1.0 / 3.0],
    "n_devices": [1, 3, 2],
    "programming_mode": "plain",
    "sigma_prog_uS": [2.0, 0.01, 0.0, 0.0, 0.0],
    "write_tolerance_uS": None,
}


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_per_device_in_the_order_of_programming():
    text = program_csv(RECORD)
    assert text.startswith(",".join(COLUMNS) + "\n")
    assert "\r" not in text
    assert "#" not in text
    rows = read(text)
    assert [int(row["row"]) for row in rows] == list(range(1, 9))
    assert [row["role"] for row in rows] == ["bias"] * 2 + ["step"] * 6
    assert [int(row["step"]) for row in rows] == [0, 0, 1, 2, 2, 2, 3, 3]
    assert [int(row["polarity"]) for row in rows] == [-1, -1, 1, 1, 1, 1, 1, 1]


def test_numbers_read_back():
    rows = read(program_csv(RECORD))
    wanted_uS = [*[RECORD["g_bias_uS"]] * 2, *np.repeat(RECORD["g_target_uS"], [1, 3, 2])]
    np.testing.assert_allclose([float(row["conductance_uS"]) for row in rows], wanted_uS, atol=5.1e-5)
    assert [float(row["pulse_ns"]) for row in rows] == [2.0, 2.0, 1.0, *[0.0625] * 3, *[1.0 / 3.0] * 2]


def test_bias_devices_that_raise_the_start():
    rows = read(program_csv(RECORD | {"start_V": 0.3}))
    assert {row["polarity"] for row in rows} == {"+1"}


@pytest.mark.parametrize(
    ("changed", "tolerance_uS"),
    [
        ({}, math.sqrt(3) * 3.5),  # the window whose uniform density has sigma(150 µS)
        ({"write_tolerance_uS": 5.0}, 5.0),  # the loop of the device is narrower
        ({"write_tolerance_uS": 50.0}, math.sqrt(3) * 3.5),  # the design assumes less error than the loop leaves
        ({"write_tolerance_uS": 50.0, "programming_mode": "write_verify"}, 50.0),
        ({"sigma_prog_uS": [0.0]}, 0.0),
        ({"sigma_prog_uS": [3.0, -1.0]}, 0.0),  # a fit below 0, as in the sampler
    ],
)
def test_tolerance_is_what_the_design_assumes(changed, tolerance_uS):
    rows = read(program_csv(RECORD | changed))
    assert float(rows[2]["tolerance_uS"]) == pytest.approx(tolerance_uS, abs=5.1e-4)


def test_tolerance_has_the_spread_of_the_programming_error():
    tolerance_uS = float(read(program_csv(RECORD))[2]["tolerance_uS"])
    ended_uS = np.random.default_rng(1).uniform(-tolerance_uS, tolerance_uS, 200_000)
    assert ended_uS.std() == pytest.approx(2.0 + 0.01 * 150.0, rel=0.01)


def test_redundant_columns_have_a_program_each():
    rows = read(program_csv(RECORD | {"calibration": "ramp_aware+redundant:3"}))
    assert len(rows) == 24
    assert [row["column"] for row in rows] == ["1"] * 8 + ["2"] * 8 + ["3"] * 8
    without = [{key: value for key, value in row.items() if key != "column"} for row in rows]
    assert without[:8] == without[8:16] == without[16:]


@pytest.mark.parametrize(
    ("function", "calibration", "overrides"),
    [
        ("sigmoid", "ramp_aware", ["circuit.pulse_grid=16"]),
        ("gelu", "one_point+redundant:2", ["circuit.n_bias=2"]),
        ("sigmoid", "none", ["programming.mode=write_verify"]),
    ],
)
def test_the_program_of_a_design_is_its_ramp(function, calibration, overrides):
    """The charges of the program's devices, summed up in order, give the ramp of the design."""
    design = build_design(point_from_options(function, 4, calibration=calibration, overrides=overrides))
    record = design_record(design)
    rows = read(program_csv(record))
    copies = parse_calibration(calibration).n_redundant
    assert len(rows) == record["devices_total"] == copies * (design.n_bias + sum(record["n_devices"]))
    column = [row for row in rows if row["column"] == "1"]
    charge_fC = np.array(
        [
            float(row["conductance_uS"]) * float(row["pulse_ns"]) * int(row["polarity"]) * record["v_read_V"]
            for row in column
        ]
    )
    start_V = 0.0 if design.n_bias else design.start_V
    ramp_V = start_V + np.cumsum(charge_fC) / design.c_int_fF
    last = np.cumsum(record["n_devices"]) + design.n_bias - 1
    np.testing.assert_allclose(ramp_V[last], design.v_ramp_V[1:], atol=2e-6)
    assert all(0 < float(row["tolerance_uS"]) < record["g_max_uS"] for row in column)
