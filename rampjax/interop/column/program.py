"""The program of a column for a tester: one line per device, in the order in which devices are programmed and read.

As CSV, or as JSON with one list for each column. The columns of both:

row
    the device's place in its column, from 1: bias devices first, then the steps from the bottom of the ramp to its top.
column
    which of the redundant columns, from 1. All have the same targets; a measurement selects one of them afterwards.
role
    `bias` (makes the start of the ramp) or `step`.
step
    the step that the device belongs to, from 1; 0 for a bias device. Devices in parallel within a step have a line
    each.
conductance_uS
    its target. With `ramp_aware` programming it is the first aim: the tester lowers or raises it by what the steps
    before have missed, as measured (see `circuit.programming`). Of a device with few targets it is the nearest one.
tolerance_uS
    how far from its target a device may end. In write-verify mode this is the loop's own window. Otherwise it is the
    half width of the window that has the device's programming error, sqrt(3) sigma(g), or the loop's window where the
    device has a narrower one: programmed so, a column is no worse than the errors that were stated for its design.
    0 where the design was made for exact programming.
pulse_ns
    how long the device is read.
polarity
    +1 where its charge raises the ramp, -1 where it lowers it (bias devices of a ramp that starts below 0 V).

References:
    A uniform density of half width w has the standard deviation w / sqrt(3).
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.curves import curve_at_uS
from rampjax.config.records import curve_of

COLUMNS: Final = (
    "row",
    "column",
    "role",
    "step",
    "conductance_uS",
    "tolerance_uS",
    "pulse_ns",
    "polarity",
)
IDENTITY: Final = ("function", "bits", "levels", "device", "calibration")  # by which a program names its design
SCHEMA_VERSION: Final = 1


def program_columns(record: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the program of a design as the columns of a table, by name; conductances to 0.1 nS.

    Args:
        record: a design as its file has it (`config.design_file.design_record`).
    """
    rows: list[tuple[Any, ...]] = []
    devices = list(_devices(record))
    for column in range(1, parse_calibration(record["calibration"]).n_redundant + 1):
        for row, (role, step, aim_uS, t_ns, polarity) in enumerate(devices, 1):
            g_uS = _nearest_target_uS(record, aim_uS)
            # A nanosiemens is far below what any device can be programmed to.
            tolerance_uS = round(_tolerance_uS(record, g_uS), 3)
            rows.append((row, column, role, step, round(g_uS, 4), tolerance_uS, t_ns, polarity))
    return {name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)}


def program_csv(record: Mapping[str, Any]) -> str:
    """Returns the program of a design as CSV: a header, one line per device, LF at line ends.

    Args:
        record: a design as its file has it (`config.design_file.design_record`).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, column, role, step, g_uS, tolerance_uS, t_ns, polarity in zip(
        *program_columns(record).values(), strict=True
    ):
        figures = (f"{g_uS:.4f}", f"{tolerance_uS:.3f}", repr(t_ns), f"{polarity:+d}")
        writer.writerow((row, column, role, step, *figures))
    return text.getvalue()


def program_document(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the program of a design as bare JSON values: which design it is of, then a list for each column.

    Args:
        record: a design as its file has it (`config.design_file.design_record`).
    """
    identity = {key: record[key] for key in IDENTITY}
    return {"schema_version": SCHEMA_VERSION, **identity, **program_columns(record)}


def program_json(record: Mapping[str, Any]) -> str:
    """Returns `program_document` as text, one strict JSON object.

    Args:
        record: a design as its file has it (`config.design_file.design_record`).
    """
    return json.dumps(program_document(record), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _devices(record: Mapping[str, Any]) -> Iterator[tuple[str, int, float, float, int]]:
    """Yields role, step, conductance in µS, pulse in ns and polarity of each device of a column, in order."""
    sign = -1 if record["start_V"] < 0 else 1
    for _ in range(record["n_bias"]):
        yield "bias", 0, float(record["g_bias_uS"]), float(record["t_bias_ns"]), sign
    steps = zip(record["n_devices"], record["g_target_uS"], record["t_pulse_ns"], strict=True)
    for step, (count, g_uS, t_ns) in enumerate(steps, 1):
        for _ in range(count):
            yield "step", step, float(g_uS), float(t_ns), 1


def _nearest_target_uS(record: Mapping[str, Any], aim_uS: float) -> float:
    """The nearest of the targets that the device tells apart."""
    n_levels = record.get("n_levels")
    if not n_levels:
        return aim_uS
    apart_uS = (record["g_max_uS"] - record["g_min_uS"]) / (n_levels - 1)
    return float(record["g_min_uS"] + round((aim_uS - record["g_min_uS"]) / apart_uS) * apart_uS)


def _tolerance_uS(record: Mapping[str, Any], g_uS: float) -> float:
    window_uS = record.get("write_tolerance_uS")
    if record["programming_mode"] == "write_verify" and window_uS is not None:
        return float(window_uS)
    assumed_uS = math.sqrt(3) * float(curve_at_uS(curve_of(record["sigma_prog_uS"]), g_uS))
    return assumed_uS if window_uS is None else min(assumed_uS, float(window_uS))
