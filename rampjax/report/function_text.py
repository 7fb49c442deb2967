"""The functions known by name, as text and as a flat record. Loads neither jax nor pandas."""

from typing import Any

from rampjax.config.records import bare
from rampjax.report.text import table_lines
from rampjax.target.functions import FUNCTIONS


def function_lines() -> list[str]:
    """One line per function: name, its own range, formula."""
    rows = [(f.name, f"{f.x_lo:.4g}", f"{f.x_hi:.4g}", f.formula) for f in FUNCTIONS.values()]
    return table_lines(("function", "from", "to", "formula"), rows, left=(0, 3))


def function_record() -> dict[str, Any]:
    """Names, formulas and ranges as lists; an infinite end is None."""
    known = list(FUNCTIONS.values())
    return {
        "functions": [f.name for f in known],
        "formulas": [f.formula for f in known],
        "x_lo": [bare(f.x_lo) for f in known],
        "x_hi": [bare(f.x_hi) for f in known],
    }
