"""From configuration to the physics' own values, and the design file with every figure."""

import dataclasses
import json

import pytest

from rampjax.circuit.blocks import BLOCKS, SCHEME_FIGURES, Circuit, knobs
from rampjax.circuit.device import Device, WriteVerify
from rampjax.config.build import build_design, build_device
from rampjax.config.design_file import design_record
from rampjax.config.device_config import WriteConfig
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.devices import device_names, load_device
from rampjax.config.points import point_from_options


def test_the_fields_of_files_are_those_of_the_physics() -> None:
    own = {field.name for field in dataclasses.fields(Device)} - {"name", "write", "cells"}
    loop = [field.name for field in dataclasses.fields(WriteVerify)]
    assert {key for key in FIELDS if not key.startswith(WRITE)} == own
    assert [key.removeprefix(WRITE) for key in FIELDS if key.startswith(WRITE)] == loop
    assert list(WriteConfig.model_fields) == loop
    assert {name for names in SCHEME_FIGURES.values() for name in names} <= set(loop)


def test_curves_of_several_ages_are_flat_in_a_design_file() -> None:
    record = design_record(build_design(point_from_options("tanh", 3, device="neurram_2022", range="-2:2")))
    assert record["aged_sigma_ages_s"] == [1.0, 86_400.0, 172_800.0]
    assert len(record["aged_sigma_uS"]) == 3 * len(record["sigma_prog_uS"])
    assert record["aged_sigma_uS"][:5] == record["sigma_prog_uS"]


@pytest.mark.parametrize("name", [name for name in device_names() if load_device(name).cells is None])
def test_every_preset_is_built(name: str) -> None:
    config, device = load_device(name), build_device(load_device(name))
    assert (device.name, device.write is None) == (name, config.write is None)
    for key in FIELDS:
        figure = config.figure(key)
        held = device.write if key.startswith(WRITE) else device
        if figure is not None:
            assert getattr(held, key.removeprefix(WRITE)) == figure.numbers
    hash(device)


def test_what_a_file_leaves_out_is_off() -> None:
    given = {key for key in FIELDS if load_device("ihp_hfo2_milo").figure(key) is not None}
    device = build_device(load_device("ihp_hfo2_milo"))
    off = {field.name: field.default for field in dataclasses.fields(Device) if field.name not in given | {"name"}}
    assert {key: getattr(device, key) for key in off} == off


def test_the_design_file_has_every_figure() -> None:
    overrides = ["comparator.sigma_offset_V=0.002", "ramp.q_inj_fC=0.1", "design.column_bits=6", "circuit.n_bias=6"]
    point = point_from_options("tanh", 4, calibration="one_point_bias", overrides=overrides)
    record = design_record(build_design(point), overrides)
    json.dumps(record, allow_nan=False)
    blocks = {f"{name}_{key}" for name, block in BLOCKS.items() if name != "circuit" for key in knobs(block)}
    assert blocks | set(knobs(Circuit)) | set(FIELDS) <= record.keys()
    assert (record["sigma_offset_V"], record["comparator_sigma_offset_V"], record["ramp_q_inj_fC"]) == (
        0.002,
        0.002,
        0.1,
    )
    assert (record["bits"], record["column_bits"], record["n_bias"]) == (4, 6, 6)
    assert (len(record["v_ramp_V"]), len(record["level_of"])) == (63, 15)
    assert record["g_ceiling_uS"] is None
    assert record["mac_v_clip_V"] is None
