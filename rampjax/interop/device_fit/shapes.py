"""How a fitted curve may depend on the conductance: polynomials, a power law, and lines between points.

A shape says what a curve is made of, its terms are numbers. Conductances are placed on u, from -1 to 1 over the
measured targets. Lines between points can be held to one direction: their terms then are the first value and the steps.
A positive polynomial is one in Bernstein's form, whose terms are not below 0; so it is not either, anywhere.

References:
    Regression under an order: Barlow, Bartholomew, Bremner and Brunk (1972), Statistical Inference under Order
    Restrictions. Here on few knots, so that curves stay apart from the noise of single targets.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Kind = Literal["polynomial", "positive polynomial", "power law", "monotone", "points"]
_LEAST_EXPONENT, _MOST_EXPONENT = 1e-3, 8.0
PLACES: Final = np.linspace(-1, 1, 401)


@dataclass(frozen=True)
class Shape:
    """A kind of curve."""

    kind: Kind = "polynomial"
    degree: int = 0  # of a polynomial
    knots_u: tuple[float, ...] = ()  # of lines between points
    direction: int = 1  # of a monotone curve: 1 rises, -1 falls
    zero_u: float = -1.0  # of a power law: where the conductance is 0

    @property
    def n_terms(self) -> int:
        return self.degree + 1 if self.is_polynomial else {"power law": 2}.get(self.kind, len(self.knots_u))

    @property
    def is_polynomial(self) -> bool:
        return self.kind in ("polynomial", "positive polynomial")

    @property
    def name(self) -> str:
        """What the form is called where it is printed."""
        if self.is_polynomial:
            return {0: "constant", 1: "affine"}.get(self.degree, f"polynomial of degree {self.degree}")
        return {"power law": "power law", "monotone": "monotone lines", "points": "lines between points"}[self.kind]

    def start(self, value: float) -> Floats:
        """Terms of a curve that is about constant."""
        terms = np.zeros(self.n_terms)
        if self.kind in ("points", "positive polynomial"):
            return terms + value
        terms[0] = value
        if self.kind == "power law":
            terms[1] = 0.5
        elif self.kind == "monotone" and value:
            terms[1:] = 0.02 * abs(value)
        return terms

    def bounds(self, positive: bool) -> tuple[Floats, Floats]:
        """Limits of the terms; `positive`: of a curve that is not below 0."""
        low, high = np.full(self.n_terms, -np.inf), np.full(self.n_terms, np.inf)
        if self.kind == "power law":
            return np.array([0.0, _LEAST_EXPONENT]), np.array([np.inf, _MOST_EXPONENT])
        if self.kind == "monotone":
            low[1:] = 0.0
        if positive and (self.kind != "polynomial" or self.degree == 0):
            low[0] = 0.0
            if self.kind in ("points", "positive polynomial"):
                low[:] = 0.0
        return low, high

    def at(self, terms: Floats, u: Floats) -> Floats:
        """The value at places u."""
        return np.asarray(self.value_and_slope(terms, u)[0])

    def value_and_slope(self, terms: Floats, u: Floats) -> tuple[Floats, Floats]:
        """The value at places u, and its derivative by each term."""
        if self.kind == "power law":
            # Of g over the largest target: u + 1 + gap is 2 there.
            share = np.maximum((u - self.zero_u) / (1.0 - self.zero_u), 1e-12)
            power = share ** terms[1]
            return terms[0] * power, np.stack([power, terms[0] * power * np.log(share)], axis=1)
        basis = self.basis(u)
        return basis @ terms, basis

    def basis(self, u: Floats) -> Floats:
        """The derivative of the value by each term, of a curve that is linear in its terms."""
        if self.kind == "polynomial":
            return np.asarray(u[:, None] ** np.arange(self.degree + 1))
        if self.kind == "positive polynomial":
            power = np.arange(self.degree + 1)
            share = np.clip((u[:, None] + 1) / 2, 0.0, 1.0)
            return np.asarray(special.comb(self.degree, power) * share**power * (1 - share) ** (self.degree - power))
        knots = np.array(self.knots_u)
        place = np.clip(np.searchsorted(knots, u, side="right") - 1, 0, len(knots) - 2)
        share = np.clip((u - knots[place]) / (knots[place + 1] - knots[place]), 0.0, 1.0)
        hats = np.zeros((len(u), len(knots)))
        rows = np.arange(len(u))
        hats[rows, place] = 1.0 - share
        hats[rows, place + 1] = share
        if self.kind == "points":
            return hats
        # Seen from the end at which it is smallest, each term adds a step to all values beyond.
        ordered = hats if self.direction > 0 else hats[:, ::-1]
        return np.asarray(np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1])

    def in_powers_of_u(self, terms: Floats) -> Floats:
        """Coefficients of ascending powers of u of a polynomial."""
        if self.kind == "polynomial":
            return terms
        rising, falling = Polynomial([0.5, 0.5]), Polynomial([0.5, -0.5])
        parts = [
            special.comb(self.degree, power) * term * rising**power * falling ** (self.degree - power)
            for power, term in enumerate(terms)
        ]
        whole = np.zeros(self.degree + 1)
        for part in parts:
            whole[: len(part.coef)] += part.coef
        return whole

    def values_at_knots(self, terms: Floats) -> Floats:
        """What lines between points have at their knots."""
        return self.at(terms, np.array(self.knots_u))

    def is_positive(self, terms: Floats) -> bool:
        """Whether the curve is not negative at any measured target."""
        return bool(self.at(terms, PLACES).min() >= 0.0)


def polynomial(degree: int) -> Shape:
    """A polynomial of u."""
    return Shape("polynomial", degree)


def positive_polynomial(degree: int) -> Shape:
    """A polynomial of u that is not below 0."""
    return Shape("positive polynomial", degree) if degree else Shape()


@dataclass(frozen=True)
class Span:
    """The range of the measured targets, and how a conductance is placed on it."""

    low_uS: float
    high_uS: float

    @property
    def unit_uS(self) -> float:
        """What powers of g are taken of; a device that is measured at 0 µS alone has no other unit."""
        return self.high_uS if self.high_uS > 0 else 1.0

    def u(self, g_uS: Floats) -> Floats:
        if self.high_uS <= self.low_uS:
            return np.zeros(len(g_uS))
        return np.asarray(2 * (g_uS - self.low_uS) / (self.high_uS - self.low_uS) - 1)

    def g_uS(self, u: Floats) -> Floats:
        g_uS = (self.low_uS + self.high_uS) / 2 + u * (self.high_uS - self.low_uS) / 2
        # To the last bit: ends are the limits of the device.
        return np.where(u == -1.0, self.low_uS, np.where(u == 1.0, self.high_uS, g_uS))

    def in_powers(self, terms: Floats) -> Floats:
        """Coefficients of powers of g / unit_uS of a polynomial of u."""
        middle, half = (self.low_uS + self.high_uS) / 2, (self.high_uS - self.low_uS) / 2
        if half == 0:
            return np.asarray(terms[:1])
        found = Polynomial(terms)(Polynomial([-middle / half, self.unit_uS / half]))
        padded = np.zeros(len(terms))
        padded[: len(found.coef)] = found.coef
        return padded

    @property
    def zero_u(self) -> float:
        """Where the conductance is 0."""
        return float(self.u(np.zeros(1))[0]) if self.high_uS > self.low_uS else -1.0
