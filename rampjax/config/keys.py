"""The keys of settings as text: for `--help`, and for the README's table of variations. Pure Python, quick to load."""

from collections.abc import Iterator
from typing import Final, Literal, get_args, get_origin, get_type_hints

from rampjax.circuit import blocks
from rampjax.config import device_fields
from rampjax.config.device_fields import FIELDS

# The clocks in the few words that a line of help has room for.
_SHORT_CLOCKS: Final = {
    blocks.SETTING: "setting",
    blocks.SYSTEMATIC: "all chips alike",
    blocks.PER_CHIP: "per chip",
    blocks.PER_COLUMN: "per column",
    blocks.PER_READ: "each conversion",
    blocks.SLOW: "slow",
    device_fields.LIMIT: "limit",
    device_fields.PER_PROGRAMMING: "per programming",
    device_fields.PER_DEVICE: "per device",
    device_fields.PER_READ: "each read",
    device_fields.PER_PULSE: "each write pulse",
    device_fields.SLOW_PER_DEVICE: "slow, per device",
    "per programming event": "per programming",
}
_LEAST, _WIDEST = 24, 58  # characters of what a key means: a shorter beginning says too little


def key_lines() -> Iterator[str]:
    """Yields one line per key of `--set`, grouped by section: key, unit, clock, meaning."""
    yield "Clocks: static (all chips alike, per chip, per column, per device: device-to-device, per programming, write"
    yield "pulse), temporal (each read: cycle-to-cycle, each conversion), slow (with the age of the chip)."
    yield "device: what replaces the preset's own figures, a curve by a constant"
    for key, said in FIELDS.items():
        if said.settable:
            yield _line(f"device.{key}", said.unit, said.clock, said.help)
    for section, block in blocks.BLOCKS.items():
        yield f"{section}: {(block.__doc__ or '').partition(';')[0].rstrip('.').lower()}"
        hints = get_type_hints(block)
        for key, item in blocks.knobs(block).items():
            info, words = blocks.info(item), get_args(hints[key])
            what = " or ".join(words) if get_origin(hints[key]) is Literal else info.help
            yield _line(f"{section}.{key}", info.unit, info.clock, what)


def variation_rows() -> Iterator[tuple[str, str, str, str]]:
    """Yields (key, what, clock, unit) of every figure of a device, and of all in the circuit that is no setting."""
    for key, said in FIELDS.items():
        name = f"device.{key}" if said.settable else f"{key} (device file)"
        yield name, said.help, said.clock, said.unit
    for section, block in blocks.BLOCKS.items():
        for key, item in blocks.knobs(block).items():
            info = blocks.info(item)
            if info.clock != blocks.SETTING:
                yield f"{section}.{key}", info.help, info.clock, info.unit


def variation_table() -> list[str]:
    """The lines of the README's table of variations, in Markdown."""
    rows = [f"| `{key}` | {_sentence(what)} | {clock} | {unit or '–'} |" for key, what, clock, unit in variation_rows()]
    return ["| key | what | clock | unit |", "|---|---|---|---|", *rows]


def _line(key: str, unit: str, clock: str, what: str) -> str:
    short = unit.removeprefix("probability from ").partition(",")[0].partition(";")[0].partition(" ")
    unit = "".join(short) if len("".join(short)) <= 8 else short[0]
    return f"  {key:<30} {unit or '-':<8} {_SHORT_CLOCKS[clock]:<16} {_clause(what)}"


def _clause(what: str) -> str:
    """Returns the beginning of a sentence that fits a line: whole, or to a semicolon, a colon, a bracket, a comma."""
    what = what.rstrip(".")
    for mark in ("", ";", ":", " (", ","):
        clause = what.partition(mark)[0] if mark else what
        if (_LEAST if mark else 0) <= len(clause) <= _WIDEST:
            return clause
    return clause[: clause.rindex(" ", 0, _WIDEST)] + " ..."


def _sentence(what: str) -> str:
    return what.rstrip(".").replace("|", "\\|")
