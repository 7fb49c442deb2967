"""Checks of a study as a whole: its points, and settings that would have no effect at any of them."""

import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rampjax.checks import InputError
from rampjax.config.cases import CASE
from rampjax.config.devices import check_device_name, is_device_file
from rampjax.config.inert import check_effects
from rampjax.config.points import check_function, check_inputs, check_point, resolve_inputs, resolve_table
from rampjax.config.spice_checks import check_spice
from rampjax.config.toml_file import quoted

if TYPE_CHECKING:
    from rampjax.config.solve_section import SolveConfig
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
        study.measure.check_specs()
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


def _check_own(told: Sequence["SolveConfig"], own: Collection[str], whose: str) -> None:
    """Raises InputError for one of the settings `own` that has no effect on any of the solves that share it."""
    inert = [solve.inert_settings() for solve in told]
    for name in sorted(own):
        if told and all(name in each for each in inert):
            raise InputError(f"`solve.{name}`{whose} has no effect {inert[0][name]}.")


def _check_solve(study: "StudyConfig") -> None:
    """Raises InputError for settings of the method of design that have no effect, or contradict each other."""
    solves = list(dict.fromkeys((point.labels.get(CASE), point.solve) for point in study.points() if point.solve))
    if study.solve is not None and not solves:
        raise InputError("`solve` has no effect where no point is solved, expected `design.method` to be solved.")
    for name, case in study.cases.items():
        told = [solve for case_name, solve in solves if case_name == name]
        own = {key.partition(".")[2] for key in case if key.startswith("solve.")}
        if own and not told:
            raise InputError(f"`solve.{min(own)}` of `cases.{name}` has no effect where none of its points is solved.")
        _check_own(told, own, f" of `cases.{name}`")
    _check_own([solve for _, solve in solves], study.solve.model_fields_set if study.solve else (), "")
    for _, solve in solves:
        solve.settings()
    key = "circuit.pulse_grid"
    given = study.circuit.pulse_grid != 1 or key in study.vary or any(key in case for case in study.cases.values())
    if given and all(point.method == "published" for point in study.points()):
        raise InputError(f"`{key}` has no effect where every design is published: its pulses are full clocks.")
