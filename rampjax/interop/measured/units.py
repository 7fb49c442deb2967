"""The units of measured tables, and how they are given beside a file. A unit is never guessed."""

import re
from collections.abc import Sequence
from typing import Final

from rampjax.checks import InputError

# unit: (quantity, factor, divisor), so that a decimal fraction is rounded once.
UNITS: Final[dict[str, tuple[str, float, float]]] = {
    "S": ("conductance", 1e6, 1.0),
    "mS": ("conductance", 1e3, 1.0),
    "uS": ("conductance", 1.0, 1.0),
    "µS": ("conductance", 1.0, 1.0),
    "μS": ("conductance", 1.0, 1.0),
    "nS": ("conductance", 1.0, 1e3),
    "h": ("time", 3600.0, 1.0),
    "min": ("time", 60.0, 1.0),
    "s": ("time", 1.0, 1.0),
    "ms": ("time", 1.0, 1e3),
    "us": ("time", 1.0, 1e6),
    "µs": ("time", 1.0, 1e6),
    "μs": ("time", 1.0, 1e6),
    "ns": ("time", 1.0, 1e9),
    "V": ("voltage", 1.0, 1.0),
    "mV": ("voltage", 1.0, 1e3),
}
BASE_UNITS: Final = {"conductance": "µS", "time": "s", "voltage": "V"}
LISTED: Final = {"conductance": "S, mS, uS, nS", "time": "h, min, s, ms, us, ns", "voltage": "V, mV"}
EXAMPLE: Final = {"conductance": "uS", "time": "s", "voltage": "V"}


def parse_units(texts: Sequence[str]) -> dict[str, str]:
    """Returns the units by column of texts such as `target=uS`.

    Args:
        texts: of `--units NAME=UNIT`.

    Raises:
        InputError: not of this form, a unit that is not known, or a column named twice.
    """
    units: dict[str, str] = {}
    for text in texts:
        name, equals, unit = (part.strip() for part in text.partition("="))
        if not (name and equals and unit):
            raise InputError(f"--units must be NAME=UNIT, such as target=uS, but is {in_quotes(text)}.")
        if column_key(name) in units:
            raise InputError(f"--units names the column `{name}` twice, expected one unit for each.")
        if unit not in UNITS:
            raise InputError(f"--units: {_unknown_unit(unit)}")
        units[column_key(name)] = unit
    return units


def check_unit(where: str, unit: str, quantity: str) -> None:
    """Raises InputError unless the unit is one of the quantity; `where` begins the sentence."""
    known = UNITS.get(unit)
    if known is None:
        raise InputError(f"{where}: {_unknown_unit(unit, quantity)}")
    if known[0] != quantity:
        raise InputError(
            f"{where} is in {unit}, a unit of {known[0]}, expected one of {quantity} ({LISTED[quantity]})."
        )


def _unknown_unit(unit: str, quantity: str | None = None) -> str:
    known = LISTED[quantity] if quantity else "; ".join(LISTED.values())
    return f"{in_quotes(unit)} is not a known unit, expected one of {known}."


def column_key(name: str) -> str:
    """A column's name without case, and with one kind of space."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower()).strip("_")


def in_quotes(text: str) -> str:
    """A cell as a message repeats it: short, on one line, in quotes."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return f'"{short}"' if short.isprintable() else '"' + short.encode("unicode_escape").decode("ascii") + '"'
