"""Device files: what a user's own file may hold, and every preset mutated field by field."""

import copy
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from rampjax.checks import InputError
from rampjax.circuit.blocks import SCHEME_FIGURES
from rampjax.circuit.curves import Points as Shifts
from rampjax.circuit.curves import PowerLaw
from rampjax.circuit.curves import Table as Points
from rampjax.circuit.quantiles import AgedQuantiles, QuantileTable
from rampjax.config.build import build_device
from rampjax.config.device_config import DeviceConfig, WriteConfig
from rampjax.config.devices import FIELDS, device_names, load_device
from rampjax.config.records import flat_figure

Write = Callable[..., Path]
Table = dict[str, Any]


def preset_table(name: str) -> Table:
    text = (resources.files("rampjax.config") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def as_toml(data: Table, above: str = "") -> str:
    def literal(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return "[" + ", ".join(literal(item) for item in value) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)

    lines = [f"{key} = {literal(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for key, value in data.items():
        if isinstance(value, dict):
            lines += [f"[{above}{key}]", as_toml(value, f"{above}{key}.")]
    return "\n".join(lines)


def figure(**held: object) -> Table:
    return {**held, "certainty": "user", "source": "made up for a test"}


def write_table(scheme: str) -> Table:
    """A table [write] with every figure that a scheme may have."""
    other = {name for names in SCHEME_FIGURES.values() for name in names} - set(SCHEME_FIGURES[scheme])
    whole = {"max_pulses": 20, "n_early": 10, "bound_uS": 160.0}
    held = {key: figure(value=whole.get(key, 0.5)) for key in WriteConfig.model_fields if key not in other}
    return {**held, "scheme": figure(value=scheme)}


# What no preset may have: every optional field of a device.
OPTIONAL = {
    "error_quantiles": figure(quantiles=[-2.287, -1.143, -0.572, -0.229, 0.0, 0.229, 0.572, 1.143, 2.287]),
    "failed_prob": figure(polynomial=[0.0, 0.03], g_unit_uS=150.0, valid_uS=[0.0, 150.0]),
    "failed_bias_uS": figure(value=-3.0),
    "failed_sigma_uS": figure(constant=20.0),
    "g_ceiling_uS": figure(value=200.0),
    "n_levels": figure(value=64),
    "t_read_ns": figure(value=10.0),
    "tau_read_ns": figure(value=0.0),
    "nonlinearity_per_V2": figure(value=0.1),
    "tc_rel_per_K": figure(value=-0.001),
    "sigma_tc_rel_per_K": figure(value=0.001),
    "relax_mean_uS": figure(constant=0.0, per_ln=-0.1),
    "relax_sigma_uS": figure(constant=0.0, per_ln=0.0),
    "relax_t0_s": figure(value=0.01),
    "relax_quantiles": figure(quantiles=[-2.287, -1.143, -0.572, -0.229, 0.0, 0.229, 0.572, 1.143, 2.287]),
    "sigma_slow_uS": figure(polynomial=[0.0, 0.001], g_unit_uS=1.0, valid_uS=[0.0, 150.0]),
    "slow_t_lo_s": figure(value=0.5),
    "slow_t_hi_s": figure(value=1e6),
    "drift_nu": figure(slope=-0.01, intercept=0.02, low=0.0, high=0.1),
    "sigma_drift_nu": figure(value=0.01),
    "drift_t0_s": figure(value=20.0),
    "rtn_prob": figure(value=0.1),
    "rtn_amplitude_rel": figure(value=0.05),
    "rtn_tau_s": figure(value=10.0),
    "write": write_table("pulses"),
}
NEEDED_BY = {
    "t_read_ns": ("tau_read_ns",),
    "failed_sigma_uS": ("failed_prob",),
    "slow_t_lo_s": ("sigma_slow_uS",),
    "slow_t_hi_s": ("sigma_slow_uS",),
}  # what cannot stand without a field
AGED = figure(ages_s=[1.0, 100.0], polynomials=[[2.67], [2.67, 0.01]], g_unit_uS=1.0, valid_uS=[0.0, 150.0])


SHIFTED = figure(polynomial=[-0.5, 1.0], g_unit_uS=150.0, valid_uS=[0.0, 150.0])

LAW = figure(constant_polynomial=[2.0, -0.3], per_ln_polynomial=[0.1, 0.2], g_unit_uS=150.0, valid_uS=[0.0, 150.0])
DRIFT_SPREAD = figure(slope=-0.0125, intercept=-0.0059, low=0.008, high=0.045)
FORMS = {
    "sigma_prog_uS": figure(power_law={"coefficient_uS": 2.67, "exponent": 0.5, "g_unit_uS": 150.0}),
    "bias_prog_uS": figure(table={"g_uS": [5.0, 50.0], "value_uS": [-1.5, 2.0]}, valid_uS=[0.0, 150.0]),
    "failed_prob": figure(table={"g_uS": [39.5, 40.0], "value": [0.25, 0.0]}),
    "failed_bias_uS": figure(table={"g_uS": [0.0, 150.0], "value_uS": [4.0, -4.0]}),
    "failed_sigma_uS": figure(constant=9.0),
    "sigma_read_uS": figure(table={"g_uS": [0.0, 50.0, 150.0], "sigma_uS": [0.5, 1.0, 3.5]}, valid_uS=[0.0, 150.0]),
}


def shapes(**change: object) -> Table:
    """Quantiles at two conductances: the first shape, and the uniform one."""
    row = list(OPTIONAL["error_quantiles"]["quantiles"])
    even = [round(12**0.5 * (k / 8 - 0.5), 4) for k in range(9)]
    return {**figure(g_uS=[10.0, 120.0], quantiles=[row, even]), **change}


def aged_shapes(by_conductance: bool, **change: object) -> Table:
    """Quantiles at two ages: those of `shapes`, and the same in the other order."""
    rows = shapes()["quantiles"]
    held = {"g_uS": shapes()["g_uS"], "quantiles": [rows, rows[::-1]]} if by_conductance else {"quantiles": rows}
    return {**figure(ages_s=[0.01, 1e5], **held), **change}


def full_table() -> Table:
    return {**preset_table("taox_paper"), **copy.deepcopy(OPTIONAL)}


def table_of(name: str) -> Table:
    if name == "full":
        return full_table()
    if name == "shifted":
        return {**preset_table("taox_paper"), "bias_prog_uS": copy.deepcopy(SHIFTED)}
    if name == "shapes":
        return {**preset_table("taox_paper"), "error_quantiles": shapes(), "relax_quantiles": shapes()}
    if name.endswith(" of ages"):
        return {**preset_table("taox_paper"), "relax_quantiles": aged_shapes(name.startswith("rows"))}
    if name == "relaxing":
        laws = {key: copy.deepcopy(LAW) for key in ("relax_mean_uS", "relax_sigma_uS")}
        return {**preset_table("taox_paper"), **laws}
    if name == "drifting":
        return {**preset_table("taox_paper"), "sigma_drift_nu": copy.deepcopy(DRIFT_SPREAD)}
    if name == "forms":  # curves that are no polynomials
        return {**preset_table("taox_paper"), **copy.deepcopy(FORMS)}
    if name == "aged":  # the other way of ageing, and the other scheme of write-verify
        other = {"aged_sigma_uS": copy.deepcopy(AGED), "write": write_table("compliance")}
        return {**preset_table("taox_paper"), **other}
    return preset_table(name)


def figures_of(data: Table, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every table in a file."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield (*path, key)
            yield from figures_of(value, (*path, key))


LAWS = [name for name in device_names() if "cells" not in table_of(name)]
FILES = [*LAWS, "full", "aged", "shifted", "forms", "drifting", "relaxing", "shapes", "shapes of ages", "rows of ages"]
EVERY_FIGURE = [(name, path) for name in FILES for path in figures_of(table_of(name))]
OPTIONAL_OF_WRITE = ("spread_uS", "readout_mean_uS", "readout_sigma_uS")
REQUIRED = {field for field, info in DeviceConfig.model_fields.items() if info.is_required()}
# Where a number below 0 is meant.
SIGNED = {
    *("bias_prog_uS.value", "failed_bias_uS.value", "nonlinearity_per_V2.value", "tc_rel_per_K.value"),
    *("relax_mean_uS.constant", "relax_mean_uS.per_ln", "write.readout_mean_uS.value"),
    *(f"drift_nu.{key}" for key in ("slope", "intercept", "low", "high")),
    *(f"sigma_drift_nu.{key}" for key in ("slope", "intercept")),
}


def held_by(data: Table, path: tuple[str, ...]) -> Table:
    for key in path:
        data = data[key]
    return data


def wrong_values(where: str, value: object) -> Iterator[object]:
    """Values that a key must not have, told from the one that it has."""
    nan, inf = float("nan"), float("inf")
    if isinstance(value, bool | int | float):
        yield from ("a lot", True, nan, inf, -inf, [1.0], 1e30)
        yield from () if where in SIGNED else (-1.0,)
        yield from (1.5,) if isinstance(value, int) else ()
    elif isinstance(value, list) and where.endswith("valid_uS"):
        yield from (3.0, [], [0.0], [0.0, "b"], [0.0, nan], [-1.0, 1e3])
    elif isinstance(value, list):
        yield from (3.0, "a", [], [[]], ["a"] * len(value), [nan] * len(value), [1.0] * 9, [True] * len(value))
    else:
        yield from (3, True, "", " ", ["seen"])
        yield from () if where.endswith("source") else ("sure",)


@pytest.mark.parametrize("name", FILES)
def test_the_file_itself_loads(name: str, write: Write) -> None:
    assert load_device(write(as_toml(table_of(name)), "mine.toml")).name == "mine"


@pytest.mark.parametrize(
    ("name", "path"), EVERY_FIGURE, ids=lambda part: part if isinstance(part, str) else ".".join(part)
)
def test_every_mutation_of_every_figure_is_refused_with_file_and_key(
    name: str, path: tuple[str, ...], write: Write
) -> None:
    good, label = table_of(name), ".".join(path)

    def refused(change: Callable[[Table], object], key: str, *parts: str) -> None:
        data = copy.deepcopy(good)
        change(data)
        with pytest.raises(InputError) as caught:
            load_device(write(as_toml(data), "mine.toml"))
        message = str(caught.value)
        assert "mine.toml: `" + key in message
        assert "\n" not in message
        assert message[-1] in ".?"
        assert all(part in message for part in parts), message

    def put(key: str, value: object) -> Callable[[Table], object]:
        return lambda data: held_by(data, path).update({key: value})

    held = held_by(good, path)
    for key, value in held.items():
        where = f"{label}.{key}"
        if not isinstance(value, dict):
            for wrong in wrong_values(where, value):
                refused(put(key, wrong), label, "must ")
    refused(lambda data: held_by(data, path[:-1]).update({path[-1]: 3.0}), label, "must be a table, but is 3.0")
    if "source" in held:
        refused(lambda data: held_by(data, path).pop("source"), f"{label}.source", "is missing")
        refused(lambda data: held_by(data, path).pop("certainty"), f"{label}.certainty", "is missing")
        refused(put("certainty", "sure"), f"{label}.certainty", "must be one of `seen`")
        refused(put("source", " "), f"{label}.source", "must not be empty")
        refused(put("sourse", "x"), f"{label}.sourse", "is not a known key. Did you mean", f"`{label}.source`")
    if path[1:] and path[0] != "write":
        refused(lambda data: held_by(data, path[:-1]).pop(path[-1]), path[0], "must have exactly one of ")
    elif path[0] in REQUIRED or (path[1:] and path[1] not in OPTIONAL_OF_WRITE):
        refused(lambda data: held_by(data, path[:-1]).pop(path[-1]), label, "is missing, expected ")


@pytest.mark.parametrize("field", sorted(OPTIONAL))
def test_an_optional_figure_may_be_absent(field: str, write: Write) -> None:
    data = full_table()
    for key in (field, *NEEDED_BY.get(field, ())):
        del data[key]
    assert getattr(load_device(write(as_toml(data), "mine.toml")), field) is None


def test_every_field_of_a_device_is_in_a_mutated_file() -> None:
    fields = {"_".join(path) for name, path in EVERY_FIGURE if name in ("full", "aged")}
    assert fields - {"write"} == set(FIELDS)


def own_file(change: Table, write: Write) -> DeviceConfig:
    return load_device(write(as_toml({**preset_table("taox_paper"), **change}), "mine.toml"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ages_s": [1.0]}, "must have as many `polynomials` as `ages_s`|must have at least two `ages_s`"),
        ({"ages_s": [1.0], "polynomials": [[2.67]]}, "`aged_sigma_uS` must have at least two `ages_s`"),
        ({"ages_s": [1.0, 2.0, 3.0]}, "`aged_sigma_uS` must have as many `polynomials` as `ages_s`"),
        ({"ages_s": [2.0, 1.0]}, "`aged_sigma_uS` must have its `ages_s` ascending"),
        ({"ages_s": [1.0, 1.0]}, "`aged_sigma_uS` must have its `ages_s` ascending"),
        ({"ages_s": [0.0, 1.0]}, r"`aged_sigma_uS.ages_s\[0\]` must be positive"),
        ({"polynomials": [[2.67], []]}, "must have 1 to 5 coefficients in `polynomials`"),
        (
            {"polynomials": [[2.6], [2.67]]},
            r"must begin with the curve of `sigma_prog_uS` \(2.67\), but begins with 2.6",
        ),
        ({"polynomials": [[2.67], [1.0, -0.01]]}, "`aged_sigma_uS at 100 s` must be at least 0 for every target"),
        ({"valid_uS": [0.0, 100.0]}, "`aged_sigma_uS at 1 s` is valid from 0 to 100 µS"),
    ],
)
def test_wrong_curves_of_ages_are_refused(change: Table, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=message):
        own_file({"aged_sigma_uS": {**AGED, **change}}, write)


def test_two_ways_of_ageing_are_refused(write: Write) -> None:
    with pytest.raises(InputError, match=r"mine\.toml: `aged_sigma_uS` and `relax_sigma_uS` both say"):
        own_file({"aged_sigma_uS": AGED, "relax_sigma_uS": OPTIONAL["relax_sigma_uS"]}, write)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("mean", {"constant": 1.0}, "`relax_mean_uS` must have exactly one of `constant` and `constant_polynomial`"),
        ("mean", {"per_ln_polynomial": None}, "must have exactly one of `per_ln` and `per_ln_polynomial`"),
        ("mean", {"per_ln_polynomial": [0.1] * 6}, "must have 1 to 5 coefficients in `per_ln_polynomial`"),
        ("mean", {"valid_uS": [10.0, 150.0]}, "`relax_mean_uS` is valid from 10 to 150 µS, but the targets"),
        (
            "sigma",
            {"constant_polynomial": [0.1, -0.3]},
            "must be at least 0 for every target .* -0.2 µS at 150 µS and 1 s",
        ),
        ("sigma", {"per_ln_polynomial": [0.1, -0.3]}, "must not fall with age .* by -0.2 µS per ln.* at 150 µS"),
    ],
)
def test_wrong_laws_of_relaxation_are_refused(key: str, change: Table, message: str, write: Write) -> None:
    law = {part: value for part, value in {**LAW, **change}.items() if value is not None}
    with pytest.raises(InputError, match=rf"mine\.toml: .*{message}"):
        own_file({f"relax_{key}_uS": law}, write)
    unit = figure(constant=0.1, per_ln=0.1, g_unit_uS=2.0)
    with pytest.raises(InputError, match="must have `g_unit_uS` only beside a polynomial"):
        own_file({"relax_mean_uS": unit}, write)


def test_a_spread_need_not_be_positive_before_its_law_begins(write: Write) -> None:
    """S = 0.5 + 0.2 ln t falls to -0.42 µS at 0.01 s, but not where it begins at 0.1 s; late laws may at 1 s."""
    law = figure(constant=0.5, per_ln=0.2)
    with pytest.raises(InputError, match=r"`relax_sigma_uS` must be at least 0 .* but is -0.421 µS at 0 µS and 0.01 s"):
        own_file({"relax_sigma_uS": law, "relax_t0_s": figure(value=0.01)}, write)
    own_file({"relax_sigma_uS": law, "relax_t0_s": figure(value=0.1)}, write)
    late = figure(constant=-0.4, per_ln=0.2)
    own_file({"relax_sigma_uS": late, "relax_t0_s": figure(value=10.0)}, write)


@pytest.mark.parametrize(
    ("law", "text"),
    [
        ({"constant": 0.4, "per_ln": -0.1}, "0.4 - 0.1 ln(t / 1 s)"),
        ({"constant": 0.0, "per_ln": -0.1}, "-0.1 ln(t / 1 s)"),
        ({"constant": -0.4, "per_ln": 0.0}, "-0.4"),
        ({"constant_polynomial": [0.1, 0.02], "per_ln": -0.03}, "(0.1 + 0.02 g) - 0.03 ln(t / 1 s)"),
        (
            {"constant": 0.5, "per_ln_polynomial": [0.1, -0.2], "g_unit_uS": 150.0},
            "0.5 + (0.1 - 0.2 x) ln(t / 1 s), x = g / 150 µS",
        ),
        ({"constant": 0.0, "per_ln_polynomial": [0.0, -0.2]}, "-(0.2 g) ln(t / 1 s)"),
    ],
)
def test_a_law_of_relaxation_is_printed_as_it_is(law: Table, text: str, write: Write) -> None:
    device = own_file({"relax_mean_uS": figure(**law)}, write)
    assert device.relax_mean_uS is not None
    assert device.relax_mean_uS.text == text


def test_a_law_in_another_unit_is_the_same_law(write: Write) -> None:
    device = own_file({"relax_mean_uS": LAW}, write)
    assert device.relax_mean_uS is not None
    at_1s, per_ln = device.relax_mean_uS.numbers
    assert at_1s == pytest.approx((2.0, -0.002, 0.0, 0.0, 0.0))
    assert per_ln == pytest.approx((0.1, 0.2 / 150.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("scheme", "change", "message"),
    [
        ("pulses", {"g_reset_uS": figure(value=1.0)}, "`write.g_reset_uS` has no effect in the scheme `pulses`"),
        ("compliance", {"bound_uS": figure(value=200.0)}, "`write.bound_uS` has no effect in the scheme `compliance`"),
        (
            "pulses",
            {"bound_uS": figure(value=150.0)},
            r"`write.bound_uS` must be above `g_max_uS` \(150 µS\), but is 150",
        ),
        ("pulses", {"scheme": figure(value="pulse")}, "`write.scheme.value` must be one of `pulses`, `compliance`"),
        ("pulses", {"scheme": figure(value="compliance")}, "`write.set_uS` has no effect in the scheme `compliance`"),
    ],
)
def test_wrong_loops_are_refused(scheme: str, change: Table, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=rf"mine\.toml: {message}"):
        own_file({"write": {**write_table(scheme), **change}}, write)


def test_the_ends_of_a_drift_exponent_are_in_order(write: Write) -> None:
    with pytest.raises(InputError, match=r"mine\.toml: `drift_nu` must have its `low` at most its `high`"):
        own_file({"drift_nu": figure(slope=0.0, intercept=0.1, low=0.2, high=0.1)}, write)


@pytest.mark.parametrize("change", [{"value": 0.01}, {"low": None}, {"low": 0.05}])
def test_a_spread_of_the_drift_has_one_form(change: Table, write: Write) -> None:
    held = {key: value for key, value in {**DRIFT_SPREAD, **change}.items() if value is not None}
    with pytest.raises(InputError, match=r"`sigma_drift_nu` must have (either `value` or all of|its `low` at most)"):
        own_file({"sigma_drift_nu": held}, write)
    spread = own_file({"sigma_drift_nu": DRIFT_SPREAD}, write).sigma_drift_nu
    assert spread is not None
    assert spread.numbers == (-0.0125, -0.0059, 0.008, 0.045)
    assert spread.text == "-0.0125 ln(g / g_max) - 0.0059, from 0.008 to 0.045"


def test_a_table_of_a_shift_is_what_the_physics_takes_and_is_printed(write: Write) -> None:
    device = load_device(write(as_toml(table_of("forms")), "mine.toml"))
    assert device.failed_prob is not None
    assert device.bias_prog_uS.numbers == Shifts((5.0, 50.0), (-1.5, 2.0))
    assert device.failed_prob.text == "linear between 0.25 at 39.5, 0 at 40 µS"
    assert build_device(device).failed_prob == Shifts((39.5, 40.0), (0.25, 0.0))


def test_shapes_by_the_conductance_are_what_the_physics_takes_and_are_printed(write: Write) -> None:
    device = load_device(write(as_toml(table_of("shapes")), "mine.toml"))
    held = shapes()
    expected = QuantileTable(tuple(held["g_uS"]), tuple(map(tuple, held["quantiles"])))
    assert build_device(device).error_quantiles == build_device(device).relax_quantiles == expected
    assert device.relax_quantiles is not None
    assert device.relax_quantiles.text == (
        "at 10 µS 9 quantiles from -2.29 to 2.29; at 120 µS 9 quantiles from -1.73 to 1.73"
    )


def test_shapes_by_the_age_are_what_the_physics_takes_and_are_printed(write: Write) -> None:
    row, even = (tuple(each) for each in shapes()["quantiles"])
    one = load_device(write(as_toml(table_of("shapes of ages")), "mine.toml"))
    assert build_device(one).relax_quantiles == AgedQuantiles((0.01, 1e5), (row, even))
    assert one.relax_quantiles is not None
    assert one.relax_quantiles.text == (
        "at 0.01 s: 9 quantiles from -2.29 to 2.29; at 100000 s: 9 quantiles from -1.73 to 1.73"
    )
    several = load_device(write(as_toml(table_of("rows of ages")), "mine.toml"))
    tables = tuple(QuantileTable((10.0, 120.0), rows) for rows in ((row, even), (even, row)))
    assert build_device(several).relax_quantiles == AgedQuantiles((0.01, 1e5), tables)
    assert several.relax_quantiles is not None
    assert several.relax_quantiles.text.startswith(
        "at 0.01 s: at 10 µS 9 quantiles from -2.29 to 2.29, at 120 µS 9 quantiles from -1.73 to 1.73; at 100000 s: at "
    )


def test_a_share_of_failed_programming_is_one_at_every_target(write: Write) -> None:
    failing = {"failed_sigma_uS": figure(constant=9.0), "failed_prob": figure(polynomial=[0.4, -0.01])}
    with pytest.raises(InputError, match=r"`failed_prob` must be between 0 and 1 for every target, but is -1.1 at 150"):
        own_file(failing, write)
    partly = {**failing, "failed_prob": figure(polynomial=[0.1], valid_uS=[0.0, 100.0])}
    with pytest.raises(InputError, match="`failed_prob` is valid from 0 to 100"):
        own_file(partly, write)


def test_a_users_own_file_loads(write: Write) -> None:
    path = write(as_toml(preset_table("neurram_2022")), "mine.toml")
    device = load_device(path, {"sigma_read_uS": 0.5})
    assert device.name == "mine"
    assert device.sigma_prog_uS == load_device("neurram_2022").sigma_prog_uS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"constant": 1.0, "polynomial": [1.0]}, "`sigma_prog_uS` must have exactly one of"),
        ({}, "`sigma_prog_uS` must have exactly one of"),
        ({"constant": 1.0, "g_unit_uS": 40.0}, "`sigma_prog_uS` must have `g_unit_uS` only beside"),
        ({"polynomial": []}, "must have 1 to 5 coefficients"),
        ({"polynomial": [1.0] * 6}, "must have 1 to 5 coefficients"),
        ({"polynomial": [1.0, "a"]}, r"`sigma_prog_uS.polynomial\[1\]` must be a number"),
        ({"polynomial": 1.0}, "`sigma_prog_uS.polynomial` must be a list"),
        ({"polynomial": [1.0], "g_unit_uS": 0}, "`sigma_prog_uS.g_unit_uS` must be positive"),
        ({"polynomial": [1.0], "valid_uS": [1.0]}, r"must have `valid_uS` as \[lowest, highest\]"),
        ({"polynomial": [1.0], "valid_uS": [0.0, 100.0]}, "is valid from 0 to 100 µS"),
        ({"polynomial": [1.0, -0.01]}, "must be at least 0 for every target.* but is -0.5 µS at 150 µS"),
        (
            {"power_law": {"coefficient_uS": 1.0, "exponent": 0.0}},
            "`sigma_prog_uS.power_law.exponent` must be positive",
        ),
        ({"power_law": {"exponent": 1.0}}, "`sigma_prog_uS.power_law.coefficient_uS` is missing"),
        ({"constant": 1.0, "power_law": {}}, "one of `constant`, `polynomial`, `power_law` and `table`"),
        ({"table": {"g_uS": [1.0], "sigma_uS": [1.0]}}, "`sigma_prog_uS.table` must have 2 to 33 points"),
        ({"table": {"g_uS": [1.0, 1.0], "sigma_uS": [1.0, 2.0]}}, "must have its `g_uS` ascending"),
        ({"table": {"g_uS": [1.0, 2.0, 3.0], "sigma_uS": [1.0, 2.0]}}, "must have as many `sigma_uS` as `g_uS`"),
        (
            {"table": {"g_uS": [1.0, 2.0], "sigma_uS": [1.0, -2.0]}},
            r"`sigma_prog_uS.table.sigma_uS\[1\]` must be at least",
        ),
        ({"table": {"g_uS": [1.0, 2.0], "sigma_uS": [1.0, 2.0]}, "valid_uS": [1.0, 2.0]}, "is valid from 1 to 2 µS"),
        # (g - 75)**2 - 1 dips below zero inside the range only
        ({"polynomial": [5624.0, -150.0, 1.0]}, "but is -1 µS at 75 µS"),
    ],
)
def test_wrong_curves_are_refused(change: dict[str, Any], message: str, write: Write) -> None:
    data = preset_table("taox_paper")
    data["sigma_prog_uS"] = {"certainty": "seen", "source": "a paper", **change}
    with pytest.raises(InputError, match=message):
        load_device(write(as_toml(data), "mine.toml"))


def test_curves_of_every_form_are_told_and_bounded(write: Write) -> None:
    device = own_file(copy.deepcopy(FORMS), write)
    law, table = device.sigma_prog_uS, device.sigma_read_uS
    assert (law.numbers, law.text) == (PowerLaw(2.67, 0.5, 150.0), "2.67 (g / 150 µS)^0.5")
    assert table.numbers == Points((0.0, 50.0, 150.0), (0.5, 1.0, 3.5))
    assert table.text == "linear between 0.5 at 0, 1 at 50, 3.5 at 150 µS"
    assert (law.minimum_uS(0.0, 150.0), law.maximum_uS(0.0, 150.0)) == ((0.0, 0.0), (150.0, 2.67))
    assert table.maximum_uS(20.0, 60.0) == (60.0, 1.25)
    assert table.minimum_uS(20.0, 60.0) == (20.0, pytest.approx(0.7))
    record = flat_figure("sigma_prog_uS", law.numbers) | flat_figure("sigma_read_uS", table.numbers)
    assert record == {
        "sigma_prog_uS": ["power_law", 2.67, 0.5, 150.0],
        "sigma_read_uS": ["table", 0.0, 0.5, 50.0, 1.0, 150.0, 3.5],
    }
    with pytest.raises(InputError, match="has no coefficients"):
        law.coefficients_uS()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('name = "x"\n', "`name` is not a known key"),
        ('sigma_prog_us = "x"\n', "`sigma_prog_us` is not a known key. Did you mean `sigma_prog_uS`"),
        ("title = 3\n#", "`title` must be text in quotes, but is 3"),
        ("title =\n#", r"is not valid TOML: invalid value \(at line 1"),
    ],
)
def test_wrong_top_level_of_a_device_file(extra: str, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=message):
        load_device(write(extra + as_toml(preset_table("taox_paper")), "mine.toml"))


def test_a_missing_device_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: no such file"):
        load_device(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias_prog_uS": figure()}, "`bias_prog_uS` must have exactly one of `value`, `polynomial` and `table`"),
        ({"bias_prog_uS": figure(value=1.0, polynomial=[1.0])}, "exactly one of `value`, `polynomial` and `table`"),
        ({"bias_prog_uS": figure(table={"g_uS": [1.0, 2.0], "value": [0.1, 0.1]})}, "`bias_prog_uS.table.value"),
        (
            {"bias_prog_uS": figure(table={"g_uS": [1.0, 2.0], "value_uS": [0.1]})},
            "`bias_prog_uS.table` must have as many `value_uS` as `g_uS`",
        ),
        (
            {"failed_prob": figure(table={"g_uS": [2.0, 1.0], "value": [0.1, 0.1]})},
            "`failed_prob.table` must have its `g_uS` ascending",
        ),
        ({"error_quantiles": shapes(g_uS=[1.0])}, "`error_quantiles` must have 2 to 33 conductances in `g_uS`"),
        ({"relax_quantiles": shapes(g_uS=[2.0, 1.0])}, "`relax_quantiles` must have its `g_uS` ascending"),
        (
            {"relax_quantiles": shapes(g_uS=[1.0, 2.0, 3.0])},
            "`relax_quantiles` must have as many rows of `quantiles` as `g_uS`",
        ),
        (
            {"relax_quantiles": shapes(quantiles=[[-1.0] * 4 + [0.0] + [1.0] * 4, [-1.0] * 9])},
            "`relax_quantiles` must have `quantiles` of mean 0 .*, in its row at 10 µS",
        ),
        ({"error_quantiles": shapes(quantiles=[0.0] * 9)}, r"`error_quantiles.quantiles\[0\]` must be a list"),
        (
            {"error_quantiles": figure(quantiles=[[0.0] * 9, [0.0] * 9])},
            r"`error_quantiles.quantiles\[0\]` must be a number",
        ),
        ({"error_quantiles": aged_shapes(False)}, r"`error_quantiles.ages_s` must be absent, since only a shift since"),
        ({"relax_quantiles": aged_shapes(False, ages_s=[1.0])}, "`relax_quantiles` must have 2 to 33 ages in `ages_s`"),
        ({"relax_quantiles": aged_shapes(True, ages_s=[2.0, 1.0])}, "`relax_quantiles` must have its `ages_s` ascend"),
        (
            {"relax_quantiles": aged_shapes(True, ages_s=[0.0, 1.0])},
            r"`relax_quantiles.ages_s\[0\]` must be positive",
        ),
        (
            {"relax_quantiles": aged_shapes(False, ages_s=[1.0, 2.0, 3.0])},
            "`relax_quantiles` must have as many entries of `quantiles` as `ages_s`",
        ),
        (
            {"relax_quantiles": aged_shapes(True, g_uS=[2.0, 1.0])},
            "`relax_quantiles` must have its `g_uS` ascending, at 0.01 s",
        ),
        (
            {"relax_quantiles": aged_shapes(False, g_uS=[1.0, 2.0])},
            r"`relax_quantiles.quantiles\[0\]\[0\]` must be a list",
        ),
        (
            {"relax_quantiles": aged_shapes(False, quantiles=[[0.0] * 9, [0.0] * 9])},
            "`relax_quantiles` must have `quantiles` of mean 0 .*, at 0.01 s",
        ),
        ({"failed_prob": figure(table={"g_uS": [1.0, 2.0], "value": [0.1, 1.1]})}, "must be between 0 and 1"),
        (
            {"failed_prob": figure(table={"g_uS": [1.0, 2.0], "value": [0.1, 0.0]})},
            "`failed_prob` needs `failed_sigma_uS`",
        ),
        ({"bias_prog_uS": figure(value=1.0, g_unit_uS=2.0)}, "must have `g_unit_uS` only beside `polynomial`"),
        ({"bias_prog_uS": figure(polynomial=[1.0] * 6)}, "must have 1 to 5 coefficients"),
        ({"bias_prog_uS": figure(polynomial=[1.0], valid_uS=[0.0, 40.0])}, "`bias_prog_uS` is valid from 0 to 40 µS"),
        ({"error_quantiles": figure(quantiles=[-1.0, 1.0])}, "must have 9 to 1025 `quantiles`"),
        ({"error_quantiles": figure(quantiles=[float(i) for i in range(9)])}, "they have 4 and 2.31"),
        ({"error_quantiles": figure(quantiles=[1.0, *[0.0] * 8])}, "must have its `quantiles` ascending"),
    ],
)
def test_a_shift_and_a_distribution_that_are_wrong(change: Table, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=message):
        own_file(change, write)


def test_a_shift_that_depends_on_the_conductance(write: Write) -> None:
    device = own_file({"bias_prog_uS": SHIFTED}, write)
    assert device.bias_prog_uS.numbers == pytest.approx((-0.5, 1.0 / 150.0, 0.0, 0.0, 0.0))
    assert device.bias_prog_uS.text == "-0.5 + 1 x, x = g / 150 µS"
    whole = load_device(write(as_toml({**preset_table("taox_paper"), "bias_prog_uS": SHIFTED}), "b.toml"))
    assert whole.bias_prog_uS == device.bias_prog_uS
    constant = load_device(write(as_toml(table_of("shifted")), "c.toml"), {"bias_prog_uS": 0.25})
    assert constant.bias_prog_uS.numbers == 0.25
