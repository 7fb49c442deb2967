"""The circuit's sections, generated from its blocks: every knob reachable, within its limits, by file and by option."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rampjax.checks import InputError
from rampjax.circuit.blocks import BLOCKS, Circuit, Info, info, knobs
from rampjax.config.circuit_sections import read_circuit, set_circuit
from rampjax.config.settings import CIRCUIT_KEYS, VARY_KEYS, parse_overrides
from rampjax.config.study_file import load_study, point_from_options

Write = Callable[..., Path]
KNOBS: dict[str, tuple[Any, Info]] = {
    f"{section}.{key}": (get_type_hints(block)[key], info(item))
    for section, block in BLOCKS.items()
    for key, item in knobs(block).items()
}
# What a setting needs beside it, so that it has an effect.
_CONTINUOUS = ["comparator.kind=continuous"]
BESIDE: dict[str, list[str]] = {
    "comparator.t_delay_ns": _CONTINUOUS,
    "comparator.tau_latch_ns": _CONTINUOUS,
    "comparator.tau_preamp_ns": _CONTINUOUS,
    "comparator.v_logic_V": [*_CONTINUOUS, "comparator.tau_latch_ns=0.1"],
    "comparator.delay_removed": [*_CONTINUOUS, "comparator.t_delay_ns=0.1"],
    "comparator.kind": ["comparator.tau_latch_ns=0.1"],
    "comparator.trim_step_V": ["comparator.trim_range_V=0.1", "comparator.sigma_offset_V=0.01"],
    "comparator.trim_range_V": ["comparator.trim_step_V=0.1", "mac.sigma_offset_V=0.01"],
    "mac.gain_trim_step_rel": ["mac.gain_trim_range_rel=0.1", "mac.sigma_gain_rel=0.01"],
    "mac.gain_trim_range_rel": ["mac.gain_trim_step_rel=0.1", "mac.sigma_gain_rel=0.01"],
    "ramp.g_leak_uS": ["ramp.v_os_V=0.001"],
    "operation.references": ["operation.v_read_change_rel=0.1"],
    "array.n_columns": ["comparator.sigma_offset_V=0.01"],
    "array.n_spare": ["mac.sigma_gain_rel=0.01"],
    "operation.recalibrate_s": ["operation.age_s=1000", "design.calibration=one_point"],
    "operation.temperature_K": ["device.tc_rel_per_K=0.001"],
    "operation.speed_corner_rel": ["ramp.t_loss_ns=0.01"],
    "circuit.bias_clocks": ["circuit.n_bias=5"],
    "circuit.t_min_ns": ["circuit.t_clk_ns=2", "circuit.pulse_grid=16"],
    "circuit.read_by": ["circuit.n_reads=4", "design.calibration=one_point"],
    "array.n_ramps": ["array.n_columns=64"],
    "circuit.sigma_measure_V": ["circuit.n_reads=4", "design.calibration=one_point"],
    "ramp.auto_zero": ["ramp.v_os_V=0.001"],
    "comparator.noise_per": ["comparator.sigma_noise_V=0.001"],
    "comparator.undecided": ["comparator.kind=strobed", "comparator.tau_latch_ns=0.1"],
}


def kind_of(hint: Any) -> Any:
    """The type of a knob, without `None`."""
    return next((part for part in get_args(hint) if part is not type(None)), hint) if _is_optional(hint) else hint


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def good_value(key: str) -> Any:
    """A value inside the limits that is not the default."""
    hint, said = KNOBS[key]
    kind = kind_of(hint)
    if get_origin(kind) is Literal:
        return get_args(kind)[-1]
    if kind is bool:
        return not held(Circuit(), key)
    if kind is int:
        return int(said.low or 0) + 2
    return max(said.low or 0.0, 0.0) + 1.25


def wrong_values(key: str) -> Iterator[tuple[str, str]]:
    """(value, what the message expects) for values that a knob must not have."""
    hint, said = KNOBS[key]
    kind = kind_of(hint)
    if get_origin(kind) is Literal:
        yield from ((word, "must be one of") for word in ("other", "3", "true"))
        return
    if kind is bool:
        yield from ((word, "must be true or false") for word in ("1", "yes", "0.5"))
        return
    expected = "an integer" if kind is int else "a number"
    yield from (("a_lot", f"must be {expected}"), ("true", f"must be {expected}"), ("[1]", f"must be {expected}"))
    if kind is int:
        yield ("1.5", "must be an integer")
    else:
        yield from ((word, "must be a finite number") for word in ("nan", "inf", "-inf"))
        yield ("1e30", "must be ")
    if said.positive:
        yield from (("0", "must be positive"), ("-1", "must be positive"))
    if said.low is not None:
        yield (str(said.low - 1), f"must be between {said.low:g}" if said.high is not None else "must be at least")
    if said.high is not None:
        yield (str(said.high + 1), f"must be between {said.low:g}")


def held(circuit: Circuit, key: str) -> Any:
    section, _, field = key.partition(".")
    return getattr(circuit if section == "circuit" else getattr(circuit, section), field)


def literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def test_every_knob_is_a_key() -> None:
    assert set(CIRCUIT_KEYS) == set(KNOBS)
    assert set(KNOBS) <= set(VARY_KEYS)
    assert read_circuit({}, "") == Circuit()


@pytest.mark.parametrize("key", KNOBS)
def test_every_knob_is_reached_by_set_by_section_and_by_vary(key: str, write: Write) -> None:
    value, beside = good_value(key), BESIDE.get(key, [])
    device = "taox_paper" if key == "programming.mode" else "neurram_2022"
    assert value != held(Circuit(), key)
    point = point_from_options(
        bits=3,
        device=device,
        overrides=[*beside, f"{key}={value}".replace("=True", "=true").replace("=False", "=false")],
    )
    assert held(point.circuit, key) == value
    assert type(held(point.circuit, key)) is type(value)
    section, _, field = key.partition(".")
    head = f'[device]\npreset = "{device}"\n'
    study = load_study(write(f"{head}[{section}]\n{field} = {literal(value)}"), beside)
    assert [held(point.circuit, key) for point in study.points()] == [value]
    study = load_study(write(f'{head}[vary]\n"{key}" = [{literal(value)}]'), beside)
    assert [held(point.circuit, key) for point in study.points()] == [value]
    assert dict(study.points()[0].labels) == {key: value}
    assert hash(study.points()[0].circuit) == hash(point.circuit)


@pytest.mark.parametrize("key", KNOBS)
def test_every_knob_keeps_its_limits(key: str, write: Write) -> None:
    section, _, field = key.partition(".")
    for value, expected in wrong_values(key):
        with pytest.raises(InputError) as caught:
            point_from_options(overrides=[f"{key}={value}"])
        assert str(caught.value).startswith(f"--set: `{key}` {expected}"), str(caught.value)
        if value not in ("other", "yes", "a_lot"):
            with pytest.raises(InputError) as caught:
                load_study(write(f"[{section}]\n{field} = {value}"))
            assert f"study.toml: `{key}` {expected}" in str(caught.value)
            with pytest.raises(InputError) as caught:
                load_study(write(f'[vary]\n"{key}" = [{value}]'))
            assert f'study.toml: `vary."{key}"` {expected}' in str(caught.value)
    for end in (KNOBS[key][1].low, KNOBS[key][1].high):
        if end is not None:
            assert parse_overrides([f"{key}={end}"], CIRCUIT_KEYS) == {key: end}


REAL = [key for key, (hint, _) in KNOBS.items() if kind_of(hint) is float]
NUMERIC = [key for key, (hint, _) in KNOBS.items() if kind_of(hint) in (int, float)]


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(NUMERIC), value=st.one_of(st.floats(-1e10, 1e10), st.integers(-10, 2_000_000)))
def test_a_number_is_taken_as_it_is_or_refused(key: str, value: float) -> None:
    hint, said = KNOBS[key]
    try:
        taken = parse_overrides([f"{key}={value!r}"], CIRCUIT_KEYS)[key]
    except InputError:
        return
    assert taken == value
    assert isinstance(taken, kind_of(hint))
    assert said.low is None or taken >= said.low
    assert said.high is None or taken <= said.high
    assert not said.positive or taken > 0
    assert held(set_circuit(Circuit(), {key: taken}), key) == value


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(REAL), st.floats(0.5, 1.0), max_size=4))
def test_settings_of_several_sections_do_not_disturb_each_other(chosen: dict[str, float]) -> None:
    circuit = set_circuit(Circuit(), chosen)
    for key in KNOBS:
        assert held(circuit, key) == chosen.get(key, held(Circuit(), key))
