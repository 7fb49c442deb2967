"""What a study that compares chips with ngspice cannot have, for it would have no effect."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rampjax.checks import InputError, check_between
from rampjax.circuit.blocks import BLOCKS, PER_READ, info, knobs
from rampjax.config.points import Point
from rampjax.config.spice_section import MOST_CHIPS

if TYPE_CHECKING:
    from rampjax.config.study_file import StudyConfig

_NOISE: Final = "a netlist is of one conversion without temporal noise"
_ARRAY: Final = "a netlist is of one ramp column and its inputs"


def check_spice(study: "StudyConfig") -> None:
    """Raises InputError for a missing number of chips, and for settings that no comparison with ngspice shows."""
    given = study.model_fields_set
    if "samples" not in given:
        raise InputError("`samples` is missing, expected how many chips of each point are compared with ngspice.")
    check_between("samples", study.samples, 1, MOST_CHIPS)
    if "measure" in given:
        raise InputError("`measure` has no effect beside `spice`: levels, decisions and codes are compared.")
    if "report" in given:
        raise InputError("`report` has no effect beside `spice`, which has figures of its own.")
    for key, reason in _without_effect(study.points()):
        raise InputError(f"`{key}` has no effect beside `spice`: {reason}.")


def _without_effect(points: Sequence[Point]) -> Iterator[tuple[str, str]]:
    """Yields the settings that no netlist can show, each with the reason."""
    for section, block in BLOCKS.items():
        for key, item in knobs(block).items():
            reason = _ARRAY if section == "array" else _NOISE if info(item).clock == PER_READ else ""
            held = [point.circuit if section == "circuit" else getattr(point.circuit, section) for point in points]
            if reason and any(getattr(values, key) != item.default for values in held):
                yield f"{section}.{key}", reason
    noisy = any(point.device_overrides.get("sigma_read_uS") for point in points)
    if noisy and not any(point.circuit.n_reads for point in points):
        yield "device.sigma_read_uS", f"{_NOISE}, and no measurement has any without `circuit.n_reads`"
