"""The units of measured tables, and how they are given beside a file. A unit is never guessed."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from rampjax.checks import InputError


class Unit(NamedTuple):
    """A value in the base unit is cell * factor / divisor, so that a decimal fraction is rounded once."""

    quantity: str
    factor: float
    divisor: float = 1.0
    inverse: bool = False  # of a resistance: factor / (cell * divisor) is its conductance


_OHMS: Final = {"": (1e6, 1.0), "k": (1e3, 1.0), "M": (1.0, 1.0), "G": (1.0, 1e3)}
UNITS: Final = {
    "S": Unit("conductance", 1e6),
    "mS": Unit("conductance", 1e3),
    "uS": Unit("conductance", 1.0),
    "µS": Unit("conductance", 1.0),
    "μS": Unit("conductance", 1.0),
    "nS": Unit("conductance", 1.0, 1e3),
    "h": Unit("time", 3600.0),
    "min": Unit("time", 60.0),
    "s": Unit("time", 1.0),
    "ms": Unit("time", 1.0, 1e3),
    "us": Unit("time", 1.0, 1e6),
    "µs": Unit("time", 1.0, 1e6),
    "μs": Unit("time", 1.0, 1e6),
    "ns": Unit("time", 1.0, 1e9),
    "V": Unit("voltage", 1.0),
    "mV": Unit("voltage", 1.0, 1e3),
    **{
        f"{prefix}{ohm}": Unit("conductance", factor, divisor, inverse=True)
        for prefix, (factor, divisor) in _OHMS.items()
        for ohm in ("Ohm", "ohm", "Ω", "\u2126")  # the last two look alike: the letter and the sign
    },
}
BASE_UNITS: Final = {"conductance": "µS", "time": "s", "voltage": "V"}
LISTED: Final = {
    "conductance": "S, mS, uS, nS, Ohm, kOhm, MOhm, GOhm",
    "time": "h, min, s, ms, us, ns",
    "voltage": "V, mV",
}
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
    if known.quantity != quantity:
        raise InputError(
            f"{where} is in {unit}, a unit of {known.quantity}, expected one of {quantity} ({LISTED[quantity]})."
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
