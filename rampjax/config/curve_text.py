"""Curves over the conductance as they are printed."""

from collections.abc import Sequence

from rampjax.circuit.curves import N_POWERS


def points_text(g_uS: Sequence[float], values: Sequence[float]) -> str:
    """Returns a table as it is printed, e.g. `linear between 1 at 20, 3 at 150 µS`."""
    return "linear between " + ", ".join(f"{v:g} at {g:g}" for g, v in zip(g_uS, values, strict=True)) + " µS"


def polynomial_text(terms: Sequence[float], g_unit_uS: float) -> str:
    """Returns a polynomial of g as it is printed, e.g. `4.782 - 0.009107 g`."""
    return terms_text(terms, g_unit_uS) + unit_text(g_unit_uS)


def terms_text(terms: Sequence[float], g_unit_uS: float) -> str:
    """Returns a polynomial without what its unit is: of g, or of x = g / g_unit_uS."""
    symbol = "g" if g_unit_uS == 1.0 else "x"
    powers = ["", f" {symbol}", *(f" {symbol}^{i}" for i in range(2, N_POWERS))]
    written = [f"{'-' if c < 0 else '+'} {abs(c):g}{p}" for c, p in zip(terms, powers, strict=False) if c]
    joined = " ".join(written or ["+ 0"])
    return joined[2:] if joined.startswith("+") else "-" + joined[2:]


def unit_text(g_unit_uS: float) -> str:
    """Returns what follows a polynomial of x = g / g_unit_uS; nothing where it is one of g in µS."""
    return "" if g_unit_uS == 1.0 else f", x = g / {g_unit_uS:g} µS"
