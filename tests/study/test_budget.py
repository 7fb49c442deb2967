"""The error budget: every figure in one source, one kernel for nearly all cases, and the right answer in each."""

import dataclasses
import json
import sys

import numpy as np
import pandas as pd
import pytest

import rampjax as rj
from rampjax import cli
from rampjax.checks import InputError
from rampjax.circuit.assemble import column_structure
from rampjax.circuit.blocks import BLOCKS, SETTING, Circuit, Comparator, Mac, Operation, Programming, Ramp, info, knobs
from rampjax.circuit.curves import Points, PowerLaw, Table
from rampjax.circuit.device import Device
from rampjax.config.device_fields import FIELDS, LIMIT, WRITE
from rampjax.config.points import point_from_options
from rampjax.report.budget import ALL, BUDGET_MEASURES, COLUMNS, read_budget
from rampjax.report.page import render_report
from rampjax.study.budget import count_cases, list_cases, run_budget, shared_structure, simulate_case
from rampjax.study.error_sources import CONDITIONS, SOURCES, off_value, sources_on, switch
from rampjax.study.runner import simulate
from rampjax.study.single import run_yield
from rampjax.study.tables import Measurement

MEASURED = Measurement(BUDGET_MEASURES, "max_inl_lsb", (0.5,))
BUSY = rj.design(
    "sigmoid",
    3,
    calibration="one_point",
    circuit=Circuit(
        n_reads=4,
        ramp=Ramp(opamp_gain=200.0, q_inj_fC=0.5, sigma_q_inj_fC=0.2, tau_settle_ns=0.2, sigma_jitter_ns=0.01),
        mac=Mac(sigma_gain_rel=0.01, ktc_noise=True),
        comparator=Comparator(sigma_offset_V=0.003, kind="continuous", t_delay_ns=0.5, tau_latch_ns=0.2),
        operation=Operation(v_read_change_rel=0.1, speed_corner_rel=1.2),
    ),
)
QUIET = [f"device.{name}=0.0" for name in ("sigma_prog_uS", "sigma_read_uS", "bias_prog_uS")]


def measured(design):
    """A design by itself, with the least structure that it needs."""
    return table(simulate(design, MEASURED, n_samples=64, seed=3, save_samples=True))


def shared(design, case):
    """A case of a design as the budget simulates it."""
    return table(simulate_case(design, case, MEASURED, 64, 3, save_samples=True))


def table(result):
    return pd.DataFrame(result.measures.astype(float), columns=list(MEASURED.all_names))


def test_every_figure_that_varies_belongs_to_one_source():
    circuit = [
        f"{section}.{key}"
        for section, block in BLOCKS.items()
        for key, item in knobs(block).items()
        if info(item).clock != SETTING
    ]
    device = [
        f"device.{'write' if key.startswith(WRITE) else key}"
        for key, said in FIELDS.items()
        if said.clock not in (LIMIT, SETTING)
    ]
    owned = [key for keys in SOURCES.values() for key in keys]
    assert len(owned) == len(set(owned))
    assert {*circuit, *device} - set(owned) == set(CONDITIONS)
    # A setting, of which off is plain, without an error; and what stands in place of figures.
    assert set(owned) - {*circuit, *device} == {"programming.mode", "device.cells"}


def test_figures_of_a_device_are_all_known():
    names = {field.name for field in dataclasses.fields(Device)} - {"name", "write", "cells"}
    assert names == {key for key in FIELDS if not key.startswith(WRITE)}


def test_off_adds_no_error():
    assert off_value("ramp.opamp_gain") is None
    assert off_value("operation.temperature_K") == 300.0
    assert off_value("device.sigma_prog_uS") == (0.0,)
    still = shared(BUSY, ())
    np.testing.assert_allclose(still["max_inl_lsb"], 0.0, atol=1e-5)
    np.testing.assert_allclose(still["total_rmse_lsb"], 12**-0.5, rtol=1e-5)


def test_only_what_acts_is_a_source():
    assert set(sources_on(BUSY)) == {
        *("programming error", "read noise", "measurement noise", "change of the read voltage", "process corner"),
        *("amplifier gain", "charge injection", "settling", "jitter", "kT/C noise", "MAC gain", "comparator offset"),
        "comparator timing",
    }
    calm = dataclasses.replace(BUSY, circuit=Circuit(n_reads=4, ramp=Ramp(g_leak_uS=5.0)), calibration=_none())
    assert sources_on(calm) == ("programming error", "read noise")  # nothing measures, and nothing drives the leak
    relaxing = rj.load_device("ibm_cmo_hfox")
    assert "relaxation" not in sources_on(rj.design("tanh", 3, device=relaxing))
    still = dataclasses.replace(relaxing, sigma_prog_uS=(0.0,), sigma_read_uS=(0.0,))
    for bias, on in ((0.0, ()), (0.1, ("programming error",))):
        shifted = dataclasses.replace(still, bias_prog_uS=Points((1.0, 9.0), (0.0, bias)))
        assert sources_on(rj.design("tanh", 3, device=shifted)) == on
    aged = rj.design("tanh", 3, device=relaxing, circuit=Circuit(operation=Operation(age_s=10.0)))
    assert sources_on(aged) == ("programming error", "relaxation", "read noise")


def test_failed_programming_is_a_part_of_the_programming_error():
    failing = rj.load_device("taox_paper", failed_prob=0.1, failed_sigma_uS=9.0, sigma_prog_uS=0.0, sigma_read_uS=0.0)
    design = rj.design("tanh", 3, device=failing)
    assert sources_on(design) == ("programming error",)
    np.testing.assert_allclose(shared(design, ())["max_inl_lsb"], 0.0, atol=1e-5)
    assert measured(design)["max_inl_lsb"].mean() > 0.01


def _none():
    return rj.design("sigmoid", 3).calibration


@pytest.mark.parametrize(
    "case",
    [{"charge injection"}, set(sources_on(BUSY)) - {"comparator timing", "amplifier gain", "settling"}],
    ids=["one alone", "three left out"],
)
def test_one_kernel_gives_what_each_case_has_alone(case):
    alone, together = measured(switch(BUSY, case)), shared(BUSY, case)
    np.testing.assert_allclose(together, alone, atol=2e-4)
    assert together["max_inl_lsb"].mean() > 0.01


def test_nearly_all_cases_share_one_kernel():
    whole = column_structure(BUSY)
    kernels = {shared_structure(whole, column_structure(switch(BUSY, case))) for case in list_cases(sources_on(BUSY))}
    assert len(kernels) == 2  # with timing, and without
    everything = shared(BUSY, sources_on(BUSY))
    pd.testing.assert_frame_equal(everything, measured(BUSY))


def test_a_loop_is_switched_off_with_its_error():
    written = rj.design(
        "tanh", 3, device="hku_hpe_taox_2026", circuit=Circuit(programming=Programming(mode="write_verify"))
    )
    assert sources_on(written) == ("programming error",)
    pd.testing.assert_frame_equal(shared(written, {"programming error"}), measured(written))
    assert column_structure(switch(written, ())).write_scheme is None


@pytest.mark.parametrize("curve", [None, PowerLaw(3.5, 0.5, 150.0), Table((0.0, 150.0), (1.0, 3.5))])
def test_read_noise_and_measurement_noise_are_told_apart(curve):
    design = BUSY
    if curve is not None:
        design = dataclasses.replace(BUSY, device=dataclasses.replace(BUSY.device, sigma_read_uS=curve))
    both = shared(design, {"read noise", "measurement noise"})
    read, measurement = shared(design, {"read noise"}), shared(design, {"measurement noise"})
    pd.testing.assert_series_equal(measurement["max_inl_lsb"], both["max_inl_lsb"])
    assert measurement["noise_rms_lsb"].max() < 1e-5 < both["noise_rms_lsb"].min()
    np.testing.assert_allclose(read["max_inl_lsb"], 0.0, atol=1e-5)
    np.testing.assert_allclose(read["noise_rms_lsb"], both["noise_rms_lsb"], rtol=0.02)


def test_cases_are_simulated_once():
    assert list_cases(("a",)) == [frozenset("a"), frozenset()]
    assert len(list_cases(("a", "b"))) == 4  # a alone is b left out
    assert len(list_cases(("a", "b", "c"))) == 8
    assert count_cases(point_from_options("tanh", 3)) == 4


def test_budget_without_an_error_is_refused(refused):
    with pytest.raises(InputError, match="`--budget` needs at least one source"):
        count_cases(point_from_options("tanh", 3, overrides=QUIET))
    options = [part for text in QUIET for part in ("--set", text)]
    assert "no" in refused("yield", "tanh", "--bits", "3", "--budget", *options)


@pytest.fixture(scope="module")
def budget(tmp_path_factory):
    """The budget of the default device, with its folder."""
    folder = tmp_path_factory.mktemp("budget") / "out"
    point, told = point_from_options("tanh", 3, overrides=["comparator.sigma_offset_V=0.02"]), []
    options = {"spec_lsb": 0.1, "samples": 300, "seed": 2}
    record = run_yield(point, **options, out=folder)
    lists = run_budget(point, **options, yield_of=record["measure"], out=folder, progress=told.append)
    return record, lists, folder, told


def test_budget_is_the_largest_source_first_and_begins_with_all(budget):
    record, lists, _, told = budget
    assert sum(told) == 300 * 8
    assert tuple(lists) == COLUMNS
    assert lists["source"][0] == ALL
    assert sorted(lists["source"][1:]) == ["comparator offset", "programming error", "read noise"]
    assert lists["alone_total_rmse_lsb"][1:] == sorted(lists["alone_total_rmse_lsb"][1:], reverse=True)
    assert lists["alone_max_inl_lsb"][0] == record["mean_max_inl_lsb"]
    assert lists["alone_yield_fraction"][0] == record["yield_fraction"]
    assert lists["left_out_yield_fraction"][0] == 1.0
    for kind in ("static", "total"):
        assert lists[f"alone_{kind}_yield_fraction"][0] == record[f"{kind}_yield_fraction"]
    assert lists["alone_static_yield_fraction"] == lists["alone_yield_fraction"]
    assert lists["left_out_total_rmse_lsb"][0] == pytest.approx(12**-0.5, rel=1e-5)
    read = lists["source"].index("read noise")
    assert lists["alone_max_inl_lsb"][read] < 1e-5
    assert lists["left_out_noise_rms_lsb"][read] == 0.0
    for name in BUDGET_MEASURES:
        for case in ("alone", "left_out"):
            ends = zip(*(lists[f"{case}_{name}{end}"] for end in ("_ci_low", "", "_ci_high")), strict=True)
            assert all(low <= mean <= high for low, mean, high in ends)


def test_page_shows_the_budget_and_is_made_again(budget):
    *_, folder, _ = budget
    page, figure = folder / "report.html", folder / "figures" / "budget.png"
    before = page.read_bytes(), figure.read_bytes()
    text = before[0].decode()
    for part in ("<h2>Error budget</h2>", "comparator offset", "draws the same random numbers", "temporal noise, rms"):
        assert part in text
    assert render_report(folder) == page
    assert (page.read_bytes(), figure.read_bytes()) == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "cannot be read"),
        ("source,x\nall sources,1\n", "must have a column `alone_max_inl_lsb`"),
        (",".join(COLUMNS) + "\nread noise" + ",1" * (len(COLUMNS) - 1) + "\n", "must have a first row `all sources`"),
    ],
)
def test_a_wrong_budget_is_refused(tmp_path, content, sentence):
    (tmp_path / "budget.csv").write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_budget(tmp_path)
    assert read_budget(tmp_path / "nowhere") is None


def test_command_prints_noise_beside_the_worst_inl(monkeypatch, capsys):
    command = ["rampjax", "yield", "tanh", "--bits", "3", "--samples", "64", "--budget"]
    monkeypatch.setattr(sys, "argv", [*command, "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    record = json.loads(capsys.readouterr().out)
    assert set(COLUMNS) < set(record)
    assert all(isinstance(record[name], list) and len(record[name]) == 3 for name in COLUMNS)
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit):
        cli.main()
    lines = capsys.readouterr().out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("source"))
    assert lines[head].split() == ["source", *["INL", "noise", "total", "static", "%", "total", "%"] * 2]
    assert lines[head - 1].split() == ["alone", "left", "out"]
    assert lines[head + 1].startswith("all sources")
