"""Design files: what is written is read back to the last bit, and an impossible file is refused by name."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.blocks import Circuit, Comparator, Operation, Programming, Ramp
from rampjax.circuit.curves import Points, PowerLaw, Table
from rampjax.circuit.design import Design, lay_out
from rampjax.circuit.quantiles import AgedQuantiles, QuantileTable
from rampjax.config.design_file import design_record, read_design
from rampjax.config.devices import device_names, load_device


def stretched() -> Design:
    """A design that no closed form gives: several devices per step, long pulses, a ramp aimed beside its levels."""
    design = rj.design("tanh", 3, circuit=Circuit(pulse_grid=4), calibration="ramp_aware")
    layout = dataclasses.replace(
        design.layout,
        v_ramp_V=design.v_ramp_V * 0.95 + 1e-3,
        t_pulse_ns=design.t_pulse_ns * np.array([2, 1, 1, 1, 1, 2]),
        n_devices=np.array([1, 1, 2, 2, 1, 1]),
    )
    return lay_out(design.target, design.column, design.device, design.circuit, design.calibration, layout)


DESIGNS: dict[str, Callable[[], Design]] = {
    "infinite range": lambda: rj.design("sigmoid", 5),
    "expression": lambda: rj.design("x*tanh(softplus(x))", 5, x_range=(-4, 4), levels="zero"),
    "not monotone": lambda: rj.design("gelu", 6, calibration="redundant:4+ramp_aware"),
    "table": lambda: rj.design(([-1, 0.5, 2, 3], [0, 1, 0.25, 0.5]), 4),
    "bias devices": lambda: rj.design("sigmoid", 5, calibration="one_point_bias"),
    "more bits": lambda: rj.design("sigmoid", 3, column_bits=5, circuit=Circuit(pulse_grid=4, n_bias=6)),
    "normal inputs": lambda: rj.design("tanh", 4, inputs="normal:0:1", levels="optimal"),
    "recorded inputs": lambda: rj.design("tanh", 3, inputs=np.random.default_rng(1).normal(size=64)),
    "circuit": lambda: rj.design(
        "tanh",
        4,
        circuit=Circuit(
            t_clk_ns=2.5,
            c_int_fF=700.0,
            pulse_grid=16,
            t_min_ns=0.3,
            n_reads=4,
            ramp=Ramp(opamp_gain=1000.0, q_inj_fC=0.01, ktc_noise=True),
            comparator=Comparator(sigma_offset_V=0.001, kind="strobed", tau_latch_ns=0.05),
            operation=Operation(temperature_K=320.0),
        ),
    ),
    "write-verify": lambda: rj.design("tanh", 3, circuit=Circuit(programming=Programming(mode="write_verify"))),
    "stretched": stretched,
}


def assert_same(one: Design, other: Design) -> None:
    assert column_structure(one) == column_structure(other)
    before, after = (jax.tree.leaves(converter_params(design)) for design in (one, other))
    assert len(before) == len(after)
    for left, right in zip(before, after, strict=True):
        assert left.dtype == right.dtype
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes()


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_read_back_to_the_last_bit(tmp_path: Path, name: str) -> None:
    design = DESIGNS[name]()
    again = rj.load_design(rj.save_design(design, tmp_path / "design.json"))
    assert_same(design, again)
    assert design_record(again) == design_record(design)


@pytest.mark.parametrize("name", [name for name in device_names() if load_device(name).cells is None])
def test_every_device_is_read_back(tmp_path: Path, name: str) -> None:
    design = rj.design("tanh", 3, device=name, x_range=(-1, 1))
    assert rj.load_design(rj.save_design(design, tmp_path / "design.json")).device == design.device


def test_curves_of_every_form_are_read_back(tmp_path: Path) -> None:
    shifts = {
        "bias_prog_uS": Points((5.0, 60.0), (-1.0, 2.0)),
        "failed_prob": Points((39.5, 40.0), (0.25, 0.0)),
        "failed_bias_uS": Points((0.0, 150.0), (4.0, -4.0)),
        "failed_sigma_uS": (9.0, 0.0, 0.0, 0.0, 0.0),
    }
    curves = {"sigma_prog_uS": PowerLaw(2.67, 0.35, 150.0), "sigma_read_uS": Table((1.0, 7.0, 90.0), (0.1, 0.2, 0.15))}
    design = rj.design("tanh", 3, device=dataclasses.replace(rj.load_device("taox_paper"), **curves, **shifts))
    again = rj.load_design(rj.save_design(design, tmp_path / "design.json"))
    assert again.device == design.device
    assert_same(design, again)


LAWS = {
    "relax_mean_uS": ((0.5, -0.01, 0.0, 0.0, 0.0), (0.0, -0.002, 0.0, 0.0, 0.0)),
    "relax_sigma_uS": ((1.0, 0.0, 1e-5, 0.0, 0.0), (0.1, 0.0, 0.0, 0.0, 0.0)),
    "relax_t0_s": 0.01,
}


def test_laws_of_relaxation_that_depend_on_the_conductance_are_read_back(tmp_path: Path) -> None:
    device = dataclasses.replace(rj.load_device("taox_paper"), **LAWS)
    design = rj.design("tanh", 3, device=device, circuit=Circuit(operation=Operation(age_s=0.5)))
    again = rj.load_design(rj.save_design(design, tmp_path / "design.json"))
    assert again.device == design.device
    assert_same(design, again)
    mixed = dataclasses.replace(
        design, device=dataclasses.replace(device, relax_sigma_uS=(1.0, LAWS["relax_sigma_uS"][1]))
    )
    assert_same(mixed, rj.load_design(rj.save_design(mixed, tmp_path / "mixed.json")))


def test_a_file_of_the_schema_before_is_read_with_what_was_so_then(tmp_path: Path, record: dict[str, Any]) -> None:
    older = {key: value for key, value in record.items() if key not in ("relax_t0_s", "relax_quantiles")} | {
        "schema_version": 4
    }
    path = tmp_path / "older.json"
    path.write_text(json.dumps(older))
    assert read_design(path).device.relax_t0_s == 1.0
    path.write_text(json.dumps(older | {"schema_version": 5}))
    with pytest.raises(InputError, match=r"`relax_.* is missing, expected a figure"):
        read_design(path)


ROW = (-2.287, -1.143, -0.572, -0.229, 0.0, 0.229, 0.572, 1.143, 2.287)
EVEN = tuple(12**0.5 * (k / 8 - 0.5) for k in range(9))


TABLE = QuantileTable((10.0, 50.0, 120.0), (ROW, EVEN, ROW))
OTHER = QuantileTable(TABLE.g_uS, (EVEN, EVEN, ROW))
OF_AGES = {
    "for all ages": TABLE,
    "by the age": AgedQuantiles((0.01, 1.0, 1e5), (ROW, EVEN, ROW)),
    "by the age and the conductance": AgedQuantiles((0.01, 1e5), (TABLE, OTHER)),
}


@pytest.mark.parametrize("shapes", OF_AGES.values(), ids=OF_AGES)
def test_shapes_of_errors_are_read_back(tmp_path: Path, shapes: QuantileTable | AgedQuantiles) -> None:
    device = dataclasses.replace(
        rj.load_device("taox_paper"), error_quantiles=ROW, relax_quantiles=shapes, relax_sigma_uS=(0.5, 0.1)
    )
    design = rj.design("tanh", 3, device=device, circuit=Circuit(operation=Operation(age_s=100.0)))
    again = rj.load_design(rj.save_design(design, tmp_path / "design.json"))
    assert again.device == design.device
    assert_same(design, again)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return design_record(rj.design("sigmoid", 3, calibration="ramp_aware", circuit=Circuit(pulse_grid=8, t_min_ns=0.2)))


def edited(key: str, index: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(record: dict[str, Any]) -> None:
        record[key][index] = value

    return edit


def put(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.update(values)


def without(key: str) -> Callable[[dict[str, Any]], None]:
    def edit(record: dict[str, Any]) -> None:
        del record[key]

    return edit


def shorter(key: str) -> Callable[[dict[str, Any]], None]:
    def edit(record: dict[str, Any]) -> None:
        record[key].pop()

    return edit


IMPOSSIBLE: list[tuple[Callable[[dict[str, Any]], None], list[str]]] = [
    # schema and keys
    (put(schema_version=1), ["schema_version", "anew"]),
    (put(schema_version=2), ["schema_version", "anew"]),
    (put(schema_version=6), ["schema_version", "5", "6"]),
    (put(schema_version=True), ["schema_version", "true"]),
    (without("schema_version"), ["schema_version", "missing"]),
    (without("thresholds"), ["thresholds", "missing", "a list of numbers"]),
    (without("ramp_q_inj_fC"), ["ramp_q_inj_fC", "missing"]),
    (without("sigma_prog_uS"), ["sigma_prog_uS", "missing"]),
    (put(g_taget_uS=[1.0]), ["g_taget_uS", "g_target_uS"]),
    # kinds and lengths
    (put(bits="3"), ["bits", "integer", '"3"']),
    (put(bits=True), ["bits", "integer", "true"]),
    (put(bits=3.0), ["bits", "integer"]),
    (put(bits=17), ["bits", "17"]),
    (put(scale_V=None), ["scale_V", "number"]),
    (put(scale_V=-1.0), ["scale_V", "-1"]),
    (put(thresholds=1.0), ["thresholds", "a list of numbers"]),
    (edited("thresholds", 2, "a"), ["thresholds", '"a"']),
    (edited("codes", 2, 2.5), ["codes", "2.5"]),
    (put(function=3), ["function", "text"]),
    (put(overrides=[1]), ["overrides", "texts"]),
    (shorter("thresholds"), ["thresholds", "7", "6"]),
    (shorter("codes"), ["codes", "8", "7"]),
    (shorter("v_ramp_V"), ["v_ramp_V", "7"]),
    (shorter("g_target_uS"), ["g_target_uS", "6", "5"]),
    (shorter("n_devices"), ["n_devices", "6"]),
    # what is not the function's
    (put(function="tanh"), ["the function"]),
    (put(function="sigmod"), ["sigmod", "sigmoid"]),
    (put(function="<lambda>"), ["<lambda>"]),
    (edited("thresholds", 2, -0.5), ["thresholds", "-0.5", "entry 3"]),
    (edited("codes", 2, 3), ["codes", "the function"]),
    (edited("outputs", 2, 0.3), ["outputs", "the function"]),
    (put(lsb=0.126), ["lsb"]),
    (put(rmse_lsb=0.1), ["rmse_lsb"]),
    (put(levels="middle"), ["levels", "middle"]),
    (put(x_lo=-4.0), ["the function"]),
    (put(table_x=[0.0, 1.0], table_y=[1.0]), ["x has shape"]),
    (put(inputs="norml:0:1"), ["inputs", "norml"]),
    (put(inputs="acts.npy", input_samples=[1.0] * 20), ["acts.npy", "differ"]),
    # the ramp, its pulses and conductances
    (edited("g_target_uS", 0, 500.0), ["g_target_uS", "g_max_uS", "500", "step 1"]),
    (edited("g_target_uS", 0, -1.0), ["g_target_uS", "g_min_uS"]),
    (edited("g_target_uS", 0, 100.0), ["g_target_uS", "v_ramp_V", "t_pulse_ns", "100"]),
    (edited("t_pulse_ns", 1, 0.9), ["t_pulse_ns", "multiple", "0.125"]),
    (edited("t_pulse_ns", 1, 0.125), ["t_pulse_ns", "at least 0.2"]),
    (edited("t_pulse_ns", 1, 1000.0), ["t_pulse_ns", "at most"]),
    (edited("t_pulse_ns", 1, 0.25), ["step 2", "g_max_uS"]),
    (edited("v_ramp_V", 1, -0.6), ["v_ramp_V", "rise"]),
    (put(v_window_V=0.4), ["v_ramp_V", "v_window_V"]),
    (edited("v_ramp_V", 0, -0.5000001), ["start_V", "v_ramp_V"]),
    (put(scale_V=0.9), ["scale_V"]),
    (edited("n_devices", 1, 0), ["n_devices", "at least 1"]),
    (edited("n_devices", 1, 1.5), ["n_devices", "1.5"]),
    (edited("n_devices", 1, 2), ["g_target_uS"]),
    (put(devices_total=7), ["devices_total"]),
    (put(start_V=0.0), ["start_V", "v_ramp_V"]),
    (put(ramp_time_ns=1.0), ["ramp_time_ns"]),
    (edited("level_of", 1, 2), ["level_of"]),
    (put(n_bias=-1), ["n_bias", "-1"]),
    (put(n_bias=1), ["bias"]),
    (put(column_bits=2), ["column_bits"]),
    (put(calibration="ramp_awre"), ["calibration", "ramp_awre"]),
    # circuit and device
    (put(t_clk_ns=0.0), ["t_clk_ns", "positive"]),
    (put(pulse_grid=0), ["pulse_grid", "0"]),
    (put(ramp_opamp_gain="high"), ["ramp_opamp_gain", "high"]),
    (put(comparator_kind="fast"), ["comparator_kind", "fast"]),
    (put(sigma_offset_V=0.1), ["sigma_offset_V", "comparator_sigma_offset_V"]),
    (put(programming_mode="write_verify", write_scheme=None), ["write"]),
    (put(g_max_uS="150"), ["g_max_uS", "number"]),
    (put(g_max_uS=-1.0), ["g_max_uS"]),
    (put(g_min_uS=200.0), ["g_min_uS"]),
    (put(sigma_prog_uS=2.67), ["sigma_prog_uS", "list"]),
    (put(sigma_prog_uS=[-1.0, 0.0, 0.0, 0.0, 0.0]), ["sigma_prog_uS", "at least 0"]),
    (put(sigma_prog_uS=[1.0] * 6), ["sigma_prog_uS", "5"]),
    (put(sigma_read_uS=["power_law", 1.0]), ["sigma_read_uS", "3 numbers", "1"]),
    (put(sigma_read_uS=["power_law", 1.0, -0.5, 1.0]), ["sigma_read_uS", "exponent", "positive"]),
    (put(sigma_read_uS=["table", 0.0, 1.0, 2.0]), ["sigma_read_uS", "as many"]),
    (put(sigma_read_uS=["root", 1.0]), ["sigma_read_uS", "list of numbers"]),
    (put(failed_prob=["table", 1.0, 0.1, 2.0]), ["failed_prob", "as many"]),
    (put(bias_prog_uS=["power_law", 1.0, 0.5, 1.0]), ["bias_prog_uS", "exactly one of"]),
    (put(relax_mean_uS=[1.0]), ["relax_mean_uS", "2"]),
    (put(relax_mean_uS=["polynomial", 1.0]), ["relax_mean_uS", "5 numbers", "1"]),
    (put(relax_sigma_uS=["polynomial", *[0.0] * 5, -1.0, *[0.0] * 4]), ["relax_sigma_uS", "must not fall"]),
    (put(relax_t0_s=0.0), ["relax_t0_s", "positive"]),
    (put(relax_quantiles=["table"]), ["relax_quantiles", "a number of conductances", "0 numbers"]),
    (put(relax_quantiles=["table", 2, 1.0, 5.0, *[0.0] * 9]), ["relax_quantiles", "12 numbers"]),
    (put(relax_quantiles=["ages"]), ["relax_quantiles", "a number of ages", "0 numbers"]),
    (put(relax_quantiles=["ages", 2, 1.0, 5.0, 0, *[0.0] * 9]), ["relax_quantiles", "13 numbers"]),
    (put(relax_quantiles=["ages", 2, 1.0, 5.0, 2, 1.0, 5.0, *[0.0] * 9]), ["relax_quantiles", "15 numbers"]),
    (put(relax_quantiles=["ages", 2, 1.0, 5.0, 0.5, *[0.0] * 18]), ["relax_quantiles", "22 numbers"]),
    (put(relax_quantiles=["ages", 2, 1.0, 5.0, 0, *ROW, *[0.0] * 9]), ["relax_quantiles", "0 and 0), at 5 s"]),
    (put(error_quantiles=["ages", 2, 1.0, 5.0, 0, *ROW, *ROW]), ["error_quantiles", "must be absent"]),
    (put(error_quantiles=["table", 2, 1.0, 5.0, *[0.0] * 18]), ["error_quantiles", "standard deviation 1"]),
    (put(aged_sigma_uS=[1.0]), ["aged_sigma_uS", "5"]),
    (put(stuck_off_prob=2.0), ["stuck_off_prob"]),
    (put(write_scheme="pulse"), ["write_scheme", "pulses"]),
]


@pytest.mark.parametrize("number", range(len(IMPOSSIBLE)))
def test_an_impossible_file_is_refused(tmp_path: Path, record: dict[str, Any], number: int) -> None:
    edit, words = IMPOSSIBLE[number]
    wrong = json.loads(json.dumps(record))
    edit(wrong)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(wrong))
    with pytest.raises(InputError) as refused:
        read_design(path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    assert sentence[-1] in ".?"
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["not JSON", "line 1"]),
        (b'{"bits": 3,\n}', ["not JSON", "line 2"]),
        (b"[1, 2]", ["JSON object"]),
        (b"3", ["JSON object", "3"]),
        (b'{"bits": NaN}', ["finite", "NaN"]),
        (b'{"bits": 1e999}', ["finite", "1e999"]),
        (b'{"bits": -Infinity}', ["finite", "Infinity"]),
        (b'{"bits": 3, "bits": 4}', ["bits", "twice"]),
        (b'{"bits": "\xff"}', ["UTF-8"]),
        (b"[" * 100_000, ["nested"]),
        (b'{"bits": ' + b"1" * 5000 + b"}", ["thousands of digits"]),
        (b'{"table_x": []}', ["schema_version"]),
    ],
)
def test_what_is_no_design_is_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_design(path)
    for word in (str(path), *words):
        assert word in str(refused.value)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_design(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_design(tmp_path)


def test_whole_numbers_are_numbers_too(tmp_path: Path, record: dict[str, Any]) -> None:
    path = tmp_path / "design.json"
    path.write_text(
        json.dumps({**record, "g_max_uS": 150, "t_clk_ns": 1, "tc_rel_per_K": 0, "scale_V": record["scale_V"]})
    )
    again = read_design(path)
    assert again.device.g_max_uS == 150.0
    assert design_record(again) == record


def test_a_callable_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="by name"):
        rj.save_design(rj.design(lambda x: x**3, 3), tmp_path / "design.json")
    assert not list(tmp_path.iterdir())

    def tanh(x: Any) -> Any:
        return np.sin(x / 4)

    with pytest.raises(InputError, match="the function"):
        rj.save_design(rj.design(tanh, 3), tmp_path / "design.json")
