"""A study that compares chips with ngspice instead of measuring many: what it is told."""

from typing import Annotated, Final

from pydantic import Field

from rampjax.config.toml_file import Frozen, Integer, Positive, between

MOST_INPUTS: Final = 1_024
MOST_CHIPS: Final = 10_000
TOLERANCE_LSB: Final = 0.01
TOLERANCE_CLOCKS: Final = 0.05


class SpiceConfig(Frozen):
    """How chips are compared with ngspice."""

    inputs: Annotated[Integer, between(1, MOST_INPUTS)] = Field(
        default=32, description="inputs that each chip converts, each with a comparator of its own"
    )
    tolerance_lsb: Positive = Field(
        default=TOLERANCE_LSB, description="how far a level may be off, in local LSB: the smaller step beside it"
    )
    tolerance_clocks: Positive = Field(default=TOLERANCE_CLOCKS, description="how far a decision may be off, in clocks")
