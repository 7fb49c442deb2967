"""One point of a study: everything that is needed to simulate it, checked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rampjax.checks import InputError
from rampjax.circuit.blocks import Circuit, check_circuit
from rampjax.config.circuit_sections import set_circuit
from rampjax.config.device_config import DeviceConfig, check_loop
from rampjax.config.devices import DEFAULT_DEVICE, is_device_file, load_device
from rampjax.config.inert import check_effects
from rampjax.config.samples_file import is_samples_file, read_samples
from rampjax.config.sections import DesignConfig
from rampjax.config.settings import POINT_KEYS, parse_overrides, settings_of
from rampjax.config.table_file import is_table_file, read_table
from rampjax.config.toml_file import place, validate
from rampjax.target.functions import Function, as_function
from rampjax.target.inputs import InputDistribution, parse_inputs, sample_inputs

if TYPE_CHECKING:
    from rampjax.circuit.cells import MeasuredCells

Label = str | float | int


@dataclass(frozen=True)
class Point:
    """One combination of function, resolution, calibration, circuit and device; `labels` is what its study varies."""

    function: str  # a name, an expression in x, or a table's path, as the user spelled it
    bits: int
    levels: str
    x_range: tuple[float, float] | None  # None: the function's own
    calibration: str  # canonical spelling
    circuit: Circuit
    device: DeviceConfig
    labels: Mapping[str, Label] = field(default_factory=dict)
    device_overrides: Mapping[str, float] = field(default_factory=dict)  # device fields that replace the preset's
    table_path: Path | None = None  # where the function is a table
    column_bits: int | None = None  # None: a column of `bits`
    inputs: str = "output"  # distribution of x, or a file of samples, as the user spelled it
    inputs_path: Path | None = None  # where they are samples
    cells: "MeasuredCells | None" = None  # of a device of measured cells, once they are read

    def table_sha256(self) -> str | None:
        """Returns the SHA-256 of the table's file, None where the function is no table."""
        return _sha256(self.table_path)

    def inputs_sha256(self) -> str | None:
        """Returns the SHA-256 of the file of samples, None where the inputs are no samples."""
        return _sha256(self.inputs_path)

    def make_function(self) -> Function:
        """Returns the function itself, read from its table where it is one."""
        return load_function(self.function, self.table_path)

    def make_inputs(self) -> InputDistribution | None:
        """Returns the distribution of the inputs, read from its file where it is one of samples."""
        return _inputs(self.inputs, self.inputs_path)


def _sha256(path: Path | None) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else None


def check_point(point: Point) -> None:
    """Raises InputError where the figures of a point contradict each other."""
    check_circuit(point.circuit)
    column_bits = point.column_bits
    if point.circuit.programming.mode == "write_verify":
        if point.device.write is None:
            raise InputError(
                f"`programming.mode` must be plain on {point.device.name}, which has no figures of write-verify (the "
                f"table [write] of a device), but is write_verify."
            )
        check_loop(point.device)
    if column_bits is None:
        return
    if column_bits < point.bits:
        raise InputError(f"`design.column_bits` must be at least `design.bits` ({point.bits}), but is {column_bits}.")
    if point.levels != "midrise":
        raise InputError(f"`design.levels` must be midrise beside `design.column_bits`, but is {point.levels}.")


def load_function(text: str, table_path: Path | None) -> Function:
    """Returns the function of a name, an expression, or a table."""
    return read_table(table_path, text) if table_path else as_function(text)


def resolve_table(text: str, folder: Path) -> Path | None:
    """Returns the path of a table, relative to `folder`; None where `text` is a name or an expression."""
    return folder / text if is_table_file(text) else None


def load_inputs(text: str, folder: Path = Path()) -> InputDistribution | None:
    """Returns a distribution of the inputs, None where every output is equally likely.

    Args:
        text: `output`, `uniform`, `uniform:LO:HI`, `normal:MEAN:STD`, or the path of a file of samples.
        folder: where a relative path begins.

    Raises:
        InputError: neither of these; for samples it names the file, and the line where there is one.
    """
    return _inputs(text, resolve_inputs(text, folder))


def _inputs(text: str, path: Path | None) -> InputDistribution | None:
    return sample_inputs(read_samples(path), text) if path else parse_inputs(text)


def resolve_inputs(text: str, folder: Path) -> Path | None:
    """Returns the path of a file of samples, relative to `folder`; None where `text` is a distribution."""
    return folder / text if is_samples_file(text) else None


def resolve_device(text: str, folder: Path) -> str:
    """Returns the path of a device file, relative to `folder`; the name of a preset as it is."""
    return str(folder / text) if is_device_file(text) else text


def check_function(text: str, table_path: Path | None, where: str) -> None:
    """Raises InputError unless `text` is a known function, an expression that parses, or a table that reads."""
    try:
        load_function(text, table_path)
    except InputError as error:
        raise InputError(place(where) + str(error)) from None


def check_inputs(text: str, path: Path | None, where: str) -> None:
    """Raises InputError unless `text` is a distribution of inputs, or a file of samples that reads."""
    try:
        _inputs(text, path)
    except InputError as error:
        raise InputError(place(where) + str(error)) from None


def point_from_options(
    function: str = "sigmoid",
    bits: int = 5,
    levels: str = "midrise",
    range: str | Sequence[float] | None = None,
    calibration: str = "none",
    device: str = DEFAULT_DEVICE,
    overrides: Sequence[str] = (),
    *,
    is_table: bool = False,
    inputs: str = "output",
) -> Point:
    """Builds the point of `rampjax design` and `rampjax yield`, by the same checks as a study's.

    Args:
        function: a name, an expression in x, or a path that ends in `.csv`.
        bits: bits of the output code, 2 to 16.
        levels: `midrise`, `endpoint`, `zero`, `optimal` or `bs_kmq`.
        range: `LO:HI`, two numbers, or None for the function's own.
        calibration: `none`, or `one_point`, `one_point_bias`, `two_point`, `ramp_aware`, `redundant:N` joined by `+`.
        device: a preset, or a path that ends in `.toml`.
        overrides: `KEY=VALUE`, of `device.`, `design.` or a section of the circuit; these win over the other
            arguments.
        is_table: `function` is the path of a table, whatever it ends in.
        inputs: `output`, `uniform`, `uniform:LO:HI`, `normal:MEAN:STD` or a path that ends in `.csv`, `.txt` or `.npy`.

    Raises:
        InputError: the first argument or override that is wrong.
    """
    settings = parse_overrides(overrides, POINT_KEYS)
    options: dict[str, Any] = {"function": function, "bits": bits, "levels": levels, "calibration": calibration}
    options |= {"range": range, "inputs": inputs}
    design = validate(DesignConfig, {**options, **settings_of("design", settings)}, "")
    device_overrides = settings_of("device", settings)
    named_here = "design.function" not in settings
    table_path = Path(function) if is_table and named_here else resolve_table(design.function, Path())
    check_function(design.function, table_path, "")
    inputs_path = resolve_inputs(design.inputs, Path())
    check_inputs(design.inputs, inputs_path, "")
    point = Point(
        function=design.function,
        bits=design.bits,
        levels=design.levels,
        x_range=design.x_range,
        calibration=design.calibration,
        circuit=set_circuit(Circuit(), settings),
        device=load_device(device, device_overrides),
        device_overrides=device_overrides,
        table_path=table_path,
        column_bits=design.column_bits,
        inputs=design.inputs,
        inputs_path=inputs_path,
    )
    check_point(point)
    check_effects([point])
    return point
