"""A point whose design is given by a file: what `rampjax yield --design` simulates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rampjax.checks import InputError, nearest
from rampjax.circuit.design import lay_out
from rampjax.config.build import DesignPoint, build_device
from rampjax.config.circuit_sections import set_circuit
from rampjax.config.design_checks import DERIVED_CIRCUIT
from rampjax.config.design_device import device_of
from rampjax.config.design_file import DesignFile, read_design_file
from rampjax.config.inert import inert_keys
from rampjax.config.points import check_point
from rampjax.config.settings import CIRCUIT_KEYS, DEVICE_KEYS, POINT_KEYS, parse_override, parse_overrides, settings_of

_READING: Final = ("circuit.n_reads", "circuit.read_by")  # how a finished column is measured
# On these the layout of a column rests: with another one it would be another design.
_LAYOUT: Final = frozenset(
    {
        *(f"device.{key}" for key in ("g_min_uS", "g_max_uS", "v_read_V", "n_levels")),
        *(key for key in CIRCUIT_KEYS if key.startswith("circuit.") and key not in _READING),
    }
)
SETTABLE: Final = tuple(key for key in (*DEVICE_KEYS, *CIRCUIT_KEYS) if key not in _LAYOUT)


@dataclass(frozen=True, eq=False)
class _Changed:
    """Settings that stand beside a design file."""

    settings: Mapping[str, Any]
    texts: Sequence[str]


def point_from_design(path: Path, overrides: Sequence[str] = ()) -> DesignPoint:
    """Returns the point of a design file.

    Args:
        path: the file.
        overrides: `KEY=VALUE` of figures that leave the layout alone: variation, conditions, measurement.

    Raises:
        InputError: see `read_design`; or an override that is wrong, has no effect or would change the layout.
    """
    file, where = read_design_file(path), str(path)
    changed = _parse(overrides)
    said = _check_said(file, where)
    device = device_of(file.record, where, settings_of("device", changed.settings))
    circuit = set_circuit(file.design.circuit, changed.settings)
    design = file.design
    if changed.settings:
        design = lay_out(design.target, design.column, build_device(device), circuit, design.calibration, design.layout)
    target = design.target
    point = DesignPoint(
        function=target.function.name,
        bits=target.bits,
        levels=target.levels,
        x_range=(target.x_lo, target.x_hi),
        calibration=design.calibration.text,
        circuit=circuit,
        device=device,
        device_overrides=settings_of("device", {**said, **changed.settings}),
        inputs=file.record["inputs"],
        column_bits=None if design.column.bits == target.bits else design.column.bits,
        design=design,
        overrides=_joined(file.record["overrides"], changed),
    )
    check_point(point)
    inert = inert_keys(point)
    for key, value in changed.settings.items():
        if key in inert and value != 0:
            raise InputError(f"`{key}` has no effect {inert[key]}.")
    return point


def _parse(overrides: Sequence[str]) -> _Changed:
    for text in overrides:
        key, _ = parse_override(text)
        if key in _LAYOUT or key.startswith("design."):
            raise InputError(
                f"--set `{key}` must not stand beside --design, since it would change the design, expected a figure "
                "that leaves the layout alone, such as device.sigma_prog_uS."
            )
        if key not in SETTABLE:
            raise InputError(f"--set: `{key}` is not a known key.{nearest(key, SETTABLE)}")
    return _Changed(parse_overrides(overrides, SETTABLE), overrides)


def _check_said(file: DesignFile, where: str) -> dict[str, Any]:
    """Returns what the file says replaced figures of the preset.

    Raises:
        InputError: it says so wrongly, or the figures themselves say otherwise.
    """
    try:
        said: dict[str, Any] = parse_overrides(file.record["overrides"], POINT_KEYS)
    except InputError as error:
        raise InputError(f"{where}: `overrides`: {str(error).removeprefix('--set: ')}") from None
    device, circuit = build_device(file.device), file.design.circuit
    for key, value in said.items():
        section, _, field = key.partition(".")
        if section == "design" or field in DERIVED_CIRCUIT:
            continue
        if section == "device":
            same = build_device(device_of(file.record, where, {field: value})) == device
        else:
            same = set_circuit(circuit, {key: value}) == circuit
        if not same:
            raise InputError(f"{where}: `overrides` has {key}={value}, but the figure in the file is another one.")
    return said


def _joined(texts: Sequence[str], changed: _Changed) -> tuple[str, ...]:
    """The overrides of the file with those beside it, which win."""
    kept = [text for text in texts if parse_override(text)[0] not in changed.settings]
    return (*kept, *changed.texts)
