"""How the designs of a study are made: by which method, and what the solver is told."""

from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field, Strict

from rampjax.config.sections import DesignConfig
from rampjax.config.toml_file import Frozen, Integer, NonNegative, Positive, between
from rampjax.solver.settings import MAX_CLOCKS, SolveSettings, check_settings

# closed form on the circuit's pulse grid; the published layout, a full clock for every step; the solver's answer
Method = Literal["closed_form", "published", "solved"]
Unknown = Literal["pulse_width", "scale", "levels", "devices", "start", "redundant"]
Objective = Literal["rmse", "total", "max_inl", "quantile", "yield"]

METHODS: Final[tuple[Method, ...]] = get_args(Method)
_DEFAULT: Final = SolveSettings()


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) < len(items):
        raise ValueError("must not name anything twice")
    return items


def _quantile(value: float) -> float:
    if not 0.5 <= value < 1.0:
        raise ValueError("must be at least 0.5 and below 1")
    return value


class StudyDesign(DesignConfig):
    """What the columns of a study compute, and how each is designed."""

    method: Method = Field(
        default="closed_form",
        description="closed_form, published (closed form, every pulse a full clock) or solved",
    )


class SolveConfig(Frozen):
    """What the solver may change and what it minimises; its fields are those of `solver.settings.SolveSettings`."""

    free: Annotated[tuple[Unknown, ...], AfterValidator(_distinct)] = Field(
        default=_DEFAULT.free, description="what the solver may choose beside the conductances", validate_default=True
    )
    max_clocks: Annotated[Integer, between(1, MAX_CLOCKS)] = Field(
        default=_DEFAULT.max_clocks, description="longest pulse, in clocks"
    )
    objective: Objective = Field(default="max_inl", description="what is minimised, or, of `yield`, maximised")
    spec_lsb: Positive = Field(default=_DEFAULT.spec_lsb, description="spec of the yield, in LSB")
    quantile: Annotated[float, Strict(), AfterValidator(_quantile)] = Field(
        default=_DEFAULT.quantile, description="quantile of the objective `quantile`, as a fraction"
    )
    noise_weight: NonNegative = Field(
        default=_DEFAULT.noise_weight,
        description="multiple of the temporal noise that is added to max_inl and quantile",
    )
    max_devices: Annotated[Integer, between(1, 2**20)] | None = Field(
        default=None, description="most devices, start and redundant columns counted"
    )
    max_time_ns: Positive | None = Field(default=None, description="longest time of the whole ramp, in ns")
    starts: Annotated[Integer, between(1, 256)] = Field(default=_DEFAULT.starts, description="starts of the search")
    iterations: Annotated[Integer, between(10, 100_000)] = Field(
        default=_DEFAULT.iterations, description="iterations from each start"
    )
    chips: Annotated[Integer, between(8, 65_536)] = Field(
        default=_DEFAULT.chips, description="chips that each iteration sees"
    )
    fresh_chips: Annotated[Integer, between(256, 10_000_000)] = Field(
        default=_DEFAULT.fresh_chips, description="chips on which the answer is scored"
    )

    def inert_settings(self) -> dict[str, str]:
        """Returns the settings that have no effect beside the others, whether they are set or not, and the reason."""
        needs = {"spec_lsb": ("yield",), "quantile": ("quantile",), "noise_weight": ("max_inl", "quantile")}
        inert = {
            name: f"while `solve.objective` is {self.objective}, expected {' or '.join(objectives)}"
            for name, objectives in needs.items()
            if self.objective not in objectives
        }
        if self.max_clocks > 1 and "pulse_width" not in self.free:
            inert["max_clocks"] = "unless `solve.free` has pulse_width"
        return inert

    def settings(self) -> SolveSettings:
        """Returns the settings as the solver takes them.

        Raises:
            InputError: settings that contradict each other.
        """
        settings = SolveSettings(**{name: getattr(self, name) for name in type(self).model_fields})
        check_settings(settings)
        return settings
