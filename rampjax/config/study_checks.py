"""Checks of a study as a whole: its points, and settings that would have no effect at any of them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rampjax.checks import InputError
from rampjax.config.devices import check_device_name, is_device_file
from rampjax.config.inert import check_effects
from rampjax.config.points import check_function, check_inputs, check_point, resolve_inputs, resolve_table
from rampjax.config.spice_checks import check_spice
from rampjax.config.toml_file import quoted

if TYPE_CHECKING:
    from rampjax.config.study_file import StudyConfig

MAX_POINTS: Final = 10_000


def check_points(study: "StudyConfig", where: str) -> None:
    """Raises InputError unless every function is one, and every combination makes a point."""
    n_points = math.prod(len(values) for values in study.vary.values())
    if n_points > MAX_POINTS:
        raise InputError(f"{where}: `vary` must make at most {MAX_POINTS} points, but makes {n_points}.")
    for function, label in _named(study, "function"):
        check_function(function, resolve_table(function, study.folder), f"{where}: `{label}`")
    for inputs, label in _named(study, "inputs"):
        check_inputs(inputs, resolve_inputs(inputs, study.folder), f"{where}: `{label}`")
    label = "vary.device" if "device" in study.vary else "device.preset"
    presets = study.vary.get("device", [study.device.preset])
    for preset in presets:
        if not is_device_file(preset):
            check_device_name(preset, f"{where}: `{label}`")
    names = [Path(preset).stem if is_device_file(preset) else preset for preset in presets]
    if len(set(names)) < len(names):
        raise InputError(f"{where}: `vary.device` must not have two devices of one name, but has {quoted(names)}.")
    try:
        for point in study.points():
            check_point(point)
        check_effects(study.points())
        _check_solve(study)
        if study.spice is not None:
            check_spice(study)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _named(study: "StudyConfig", field: str) -> Iterator[tuple[str, str]]:
    """Yields every text that a study has for a field of [design], and the key under which it has it."""
    if field in study.vary:
        yield from ((text, f"vary.{field}") for text in study.vary[field])
    else:
        yield getattr(study.design, field), f"design.{field}"
    key = f"design.{field}"
    yield from ((case[key], f'cases.{name}."{key}"') for name, case in study.cases.items() if key in case)


def _check_solve(study: "StudyConfig") -> None:
    """Raises InputError for settings of the method of design that have no effect, or contradict each other."""
    solve = study.solve_config()
    if solve is not None:
        solve.check_effects()
        solve.settings()
    elif study.solve is not None:
        raise InputError("`solve` has no effect where no point is solved, expected `design.method` to be solved.")
    key = "circuit.pulse_grid"
    given = study.circuit.pulse_grid != 1 or key in study.vary or any(key in case for case in study.cases.values())
    if given and all(point.method == "published" for point in study.points()):
        raise InputError(f"`{key}` has no effect where every design is published: its pulses are full clocks.")
