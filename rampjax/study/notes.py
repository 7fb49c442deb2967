"""What was simulated, in sentences: which variations were on, by unit and clock, and what was left ideal."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from rampjax.circuit.blocks import BLOCKS, SETTING, Circuit, Info, info, knobs
from rampjax.circuit.curves import is_zero
from rampjax.circuit.design import Design
from rampjax.circuit.device_faults import REPLACED_BY_CELLS
from rampjax.circuit.negative_reads import worst_negative_read
from rampjax.config.device_config import Figure
from rampjax.config.device_fields import FIELDS, LIMIT, WRITE, ZERO_ACTS
from rampjax.config.device_values import Curve
from rampjax.config.inert import inert_keys
from rampjax.config.points import Point
from rampjax.config.sections import range_text
from rampjax.config.solve_section import SolveConfig
from rampjax.config.study_file import StudyConfig, StudyPoint
from rampjax.study.cells import cells_notes

_WHOLE_CIRCUIT: Final = "circuit"  # its own figures are settings of the design, no non-ideality
METHODS: Final = {
    "closed_form": "in closed form, every pulse is the shortest of the grid that the largest conductance allows",
    "published": "as published, every pulse is a full clock",
    "solved": "solved, conductances and what else is free are chosen by the solver",
}
_WAYS: Final = {
    "steps": "each step is read by itself and the reads are summed",
    "levels": "the whole ramp is read anew at each level",
}
_LIMITS_THAT_ERR: Final = ("n_levels",)  # rounding to the nearest target is an error, if always the same
_MEASURING: Final = ("n_reads", "read_by")  # of which the measurement's own note speaks
# Their absence is nothing ideal.
_NO_ERROR: Final = (
    *("operation.recalibrate_s", "device.error_quantiles", "device.relax_quantiles", "device.tau_read_ns"),
    *("device.failed_prob", "device.failed_bias_uS", "device.failed_sigma_uS"),
)


def assumptions(points: Sequence[Point]) -> tuple[str, ...]:
    """Returns one sentence for each variation that is on at any point, and one that names what is left out."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.device.name, []).append(point)
    on = {name: _figures_on(group) for name, group in groups.items()}
    notes = [note for name, figures in on.items() for note in _device_notes(name, figures)]
    notes += cells_notes(points)
    circuits = list(dict.fromkeys(point.circuit for point in points))
    notes += _circuit_notes(circuits)
    notes += _input_notes(points)
    replaced = REPLACED_BY_CELLS if all(point.device.cells is not None for point in points) else ()
    notes.append(_ideal_note(circuits, {*replaced, *(key for figures in on.values() for key in figures)}))
    if len(points) > 1:
        notes.append(
            "Points that differ in figures alone draw the same random numbers, so differences between them are known "
            "better than their separate intervals suggest."
        )
    return tuple(notes)


def measurement_note(points: Sequence[Point]) -> str:
    """Says how well the calibrations measure the ramp, which every headline must."""
    ways = sorted({(point.circuit.n_reads, point.circuit.read_by if point.circuit.n_reads else "") for point in points})
    if [count for count, _ in ways] == [0]:
        return "Calibrations measure the ramp free of noise (n_reads = 0)."
    used = [way for way in _WAYS if any(way == read_by for _, read_by in ways)]
    free = ["0 (noise-free)"] if ways[0][0] == 0 else []
    read = [", ".join(f"{count}" for count, read_by in ways if read_by == way) + f", by {way}" for way in used]
    counts = ", ".join([*free, "; ".join(read)])
    said = "; ".join(f"by {way}, {_WAYS[way]}" for way in used)
    return f"Calibrations measure the ramp with n_reads = {counts}: so many reads are averaged ({said})."


def negative_read_note(design: Design) -> str:
    """Says where a normal read noise takes the reads of a step below 0 µS; nothing where it hardly does."""
    found = worst_negative_read(design)
    if found is None:
        return ""
    step = f"The smallest step, {found.g_uS:.3g} µS," if found.smallest else f"A step of {found.g_uS:.3g} µS"
    return (
        f"{step} would read below 0 µS on {100 * found.share:.2g} % of reads (σ_read {found.sigma_uS:.3g} µS): the "
        "noise is taken as normal all the same."
    )


def negative_reads_note(points: Sequence[Point], designs: Mapping[int, Design]) -> str:
    """Says the same of a study: of how many of its points, and of the worst of them; nothing where of none."""
    found = {number: worst_negative_read(design) for number, design in designs.items()}
    shares = {number: read.share for number, read in found.items() if read is not None}
    if not shares:
        return ""
    worst = min(shares, key=lambda number: (-shares[number], number))
    note = negative_read_note(designs[worst])
    if len(points) == 1:
        return note
    at = ", ".join(f"{key} = {value}" for key, value in points[worst].labels.items())
    return (
        f"{note} So it is at {at}, the worst of {len(shares)} of {len(points)} points with more than 1 % of such reads."
    )


def study_notes(study: StudyConfig) -> tuple[str, ...]:
    """Says what each case of a study sets, and what the methods of its designs are."""
    notes = []
    for name, case in study.cases.items():
        settings = [f"{key} = {_setting_text(value)}" for key, value in case.items()]
        notes.append(f"Case {name}: {', '.join(settings) or 'nothing is set beside what all points share'}.")
    methods = {point.method for point in study.points()}
    if len(methods) > 1:
        said = [METHODS[method] for method in sorted(methods)]
        notes.append(f"Designs: {'; '.join(said)}.")
    return tuple(notes)


def _setting_text(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return ", ".join(value) or "none" if all(isinstance(item, str) for item in value) else range_text(value)


def _input_notes(points: Sequence[Point]) -> Iterator[str]:
    given = list(dict.fromkeys(point.inputs for point in points))
    if given != ["output"]:
        yield f"Inputs, over which errors are averaged: {', '.join(given)} (output: every output equally likely)."


def solver_notes(points: Sequence[Point], open_points: Collection[int]) -> Iterator[str]:
    """Yields what the solver was told, a sentence for all points that were told the same.

    Args:
        points: all points of the study.
        open_points: the numbers of those whose search did not converge.
    """
    groups: dict[SolveConfig, list[int]] = {}
    for number, point in enumerate(points):
        if isinstance(point, StudyPoint) and point.solve is not None:
            groups.setdefault(point.solve, []).append(number)
    for solve, numbers in groups.items():
        cases = dict.fromkeys(
            str(points[number].labels["case"]) for number in numbers if "case" in points[number].labels
        )
        n_open = sum(number in open_points for number in numbers)
        yield solver_note(solve, len(numbers), n_open, tuple(cases) if len(groups) > 1 else ())


def solver_note(solve: SolveConfig, n_solved: int, n_open: int, cases: Sequence[str] = ()) -> str:
    """Says what the solver could choose, what it minimised, and how many of its searches came to an end."""
    free = ", ".join(name.replace("_", " ") for name in ("conductances", *solve.free))
    clocks = f", pulses of up to {solve.max_clocks} clocks" if solve.max_clocks > 1 else ""
    limits = [] if solve.max_devices is None else [f"at most {solve.max_devices} devices"]
    limits += [] if solve.max_time_ns is None else [f"at most {solve.max_time_ns:g} ns"]
    which = f" ({', '.join(cases)})" if cases else ""
    ended = f"all {n_solved} searches converged" if n_open == 0 else f"{n_open} of {n_solved} searches did not converge"
    return (
        f"Solved designs{which}: free are {free}{clocks}; minimised was {_objective_text(solve)}, on {solve.chips} "
        f"chips at a time from {solve.starts} starts{''.join(f', {limit}' for limit in limits)}; {ended}. The chips of "
        "this study are others than those that the solver saw."
    )


def _objective_text(solve: SolveConfig) -> str:
    """Returns the objective of a solve in words."""
    noise = f" plus {solve.noise_weight:g} times the temporal noise" if solve.noise_weight else ""
    return {
        "rmse": "the expected RMS error",
        "total": "the expected total RMS error",
        "max_inl": f"the expected worst INL{noise}",
        "quantile": f"the {100 * solve.quantile:g} % quantile of the worst INL{noise}",
        "yield": f"the share of chips beyond {solve.spec_lsb:g} LSB",
    }[solve.objective]


def _figures_on(points: Sequence[Point]) -> dict[str, list[Figure]]:
    """Returns the figures of a device that make chips differ from the ideal at one of the points, by key."""
    found: dict[str, list[Figure]] = {}
    for point in points:
        inert = inert_keys(point)
        for key, said in FIELDS.items():
            figure = point.device.figure(key)
            errs = said.clock not in (LIMIT, SETTING) or key in _LIMITS_THAT_ERR
            if (
                errs
                and f"device.{key}" not in inert
                and figure is not None
                and (not is_zero(figure.numbers) or key in ZERO_ACTS)
                and figure not in found.get(key, ())
            ):
                found.setdefault(key, []).append(figure)
    return found


def _device_notes(name: str, on: Mapping[str, Sequence[Figure]]) -> Iterator[str]:
    for key, figures in on.items():
        said = FIELDS[key]
        certainties = ", ".join(dict.fromkeys(figure.certainty for figure in figures))
        form = "sigma(g) = " if any(isinstance(figure, Curve) and figure.constant is None for figure in figures) else ""
        texts = dict.fromkeys(figure.text for figure in figures)
        meaning = "; ".join(part for part in (said.unit, said.clock, certainties) if part)
        yield f"{name}, {key} = {form}{' | '.join(texts)} ({meaning}): {said.help}"


def _circuit_notes(circuits: Sequence[Circuit]) -> Iterator[str]:
    for section in BLOCKS:
        for key, said, default, values in _figures(section, circuits):
            if (section != _WHOLE_CIRCUIT or said.clock == SETTING) and values != [default] and key not in _MEASURING:
                shown = ", ".join(_shown(value, said.unit) for value in values)
                yield f"{section}.{key} = {shown} ({said.clock}): {said.help}."


def _figures(section: str, circuits: Sequence[Circuit]) -> Iterator[tuple[str, Info, Any, list[Any]]]:
    """Yields key, meaning, default and the values that it has, of each figure of a section."""
    blocks = circuits if section == _WHOLE_CIRCUIT else [getattr(circuit, section) for circuit in circuits]
    for key, item in knobs(BLOCKS[section]).items():
        yield key, info(item), item.default, list(dict.fromkeys(getattr(block, key) for block in blocks))


def _shown(value: Any, unit: str) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return f"{value:g} {unit}".strip() if unit != "relative" else f"{value:g} (relative)"


def _ideal_note(circuits: Sequence[Circuit], on: Collection[str]) -> str:
    """Names what adds no error: what of the circuit is at its default, and what of the devices is off or not met."""
    whole, parts = [], []
    for section in BLOCKS:
        varying = [entry for entry in _figures(section, circuits) if entry[1].clock != SETTING]
        ideal = [key for key, _, default, values in varying if values == [default]]
        named = [key for key in ideal if f"{section}.{key}" not in _NO_ERROR]
        if section == _WHOLE_CIRCUIT or not named:
            continue
        if len(ideal) == len(varying):
            whole.append(section)
        else:
            parts.append(f"of {section}: {', '.join(named)}")
    off = [
        key
        for key, said in FIELDS.items()
        if said.clock not in (LIMIT, SETTING)
        and not key.startswith(WRITE)
        and key not in on
        and f"device.{key}" not in _NO_ERROR
    ]
    listed = [f"all of {', '.join(whole)}"] * bool(whole) + parts + [f"of the device: {', '.join(off)}"] * bool(off)
    if not listed:
        return "Nothing is left ideal."
    return f"Left ideal, at zero, absent or without effect here: {'; '.join(listed)}."
