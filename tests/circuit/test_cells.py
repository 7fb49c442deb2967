"""Measured cells in place of laws: which cell an aim takes, what it then is, and yields against a twin."""

import dataclasses

import cells_twin
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cells_twin import AGES_S, CellsTwin, made_cells
from scipy import stats
from shared_kernels import simulate

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit.blocks import Circuit, Operation
from rampjax.circuit.cells import MeasuredCells, Picked, aged_cells_uS, cell_params, choose_cells, pick_cells
from rampjax.circuit.device import Device
from rampjax.circuit.programming import ProgrammingParams, draw_programming, program
from rampjax.metrics import yield_interval

TARGET, READS = made_cells()
CELLS = MeasuredCells(TARGET, np.tile(AGES_S, (len(TARGET), 1)), READS, "made.csv")
DEVICE = Device("cells", 2.0, 40.0, 0.2, (0.0,), cells=CELLS)
N = 4096


def test_between_ages_a_cell_is_linear_in_the_logarithm():
    np.testing.assert_allclose(CELLS.errors_uS(0.0), READS[:, 0] - TARGET)
    np.testing.assert_allclose(CELLS.errors_uS(1.0), READS[:, 2] - TARGET)
    between = (0.75 * READS[:, 2] + 0.25 * READS[:, 3]) - TARGET
    np.testing.assert_allclose(CELLS.errors_uS(10.0**1.25), between)


def test_a_read_that_a_cell_lacks_is_bridged_or_leaves_it_out():
    ages = np.array(
        [[0.0, 1.0, 10.0, 100.0], [0.0, 1.0, 100.0, np.nan], [0.0, 1.0, 10.0, np.nan], [1.0, 1.02, 99, 103]]
    )
    reads = np.array([[5.0, 6.0, 9.0, 10.0], [5.0, 6.0, 10.0, np.nan], [5.0, 6.0, 9.0, np.nan], [5.0, 6.0, 7.0, 8.0]])
    cells = MeasuredCells(np.full(4, 5.0), ages, reads, "four")
    np.testing.assert_allclose(cells.errors_uS(10.0), [4.0, 3.0, 4.0, 1.0 + np.log(10 / 1.02) / np.log(99 / 1.02)])
    # At the end of what was read an age may be missed by 5 %, no more; the first read of a cell is its age 0.
    np.testing.assert_allclose(cells.errors_uS(104.0), [5.0, 5.0, np.nan, 3.0])
    np.testing.assert_allclose(cells.errors_uS(0.97), [1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(cells.errors_uS(0.5), np.full(4, np.nan))
    np.testing.assert_allclose(cells.errors_uS(0.0), np.zeros(4))


@pytest.mark.parametrize("aim", [2.0, 7.2, 22.9, 40.0])
def test_every_cell_of_the_nearest_target_is_as_likely_as_the_others(aim):
    params = cell_params(CELLS, 2.0, 40.0, 0.0, 1e5)
    z = jax.random.normal(jax.random.key(1), (40_000,))
    cell = np.asarray(pick_cells(z, jnp.full(40_000, aim, jnp.float32), params))
    nearest = TARGET[np.abs(TARGET - aim).argmin()] == TARGET
    counts = np.bincount(cell, minlength=len(TARGET))
    taken = np.asarray(params.now_uS)[counts > 0]
    np.testing.assert_allclose(np.sort(taken), np.sort(CELLS.errors_uS(1e5)[nearest]), atol=1e-5)
    assert stats.chisquare(counts[counts > 0]).pvalue > 1e-3
    # The same numbers draw from a law what is like it: cells of a target stand in the order of their errors.
    assert (np.diff(np.asarray(params.now_uS)[cell][np.argsort(z)]) >= 0).all()


def test_a_window_takes_the_cells_around_an_aim():
    rng = np.random.default_rng(3)
    target = rng.uniform(0.0, 50.0, 3000)
    cells = MeasuredCells(target, np.zeros((3000, 1)), target[:, None] + 1.0, "spread", window_uS=1.5)
    chosen = choose_cells(cells, 2.0, 40.0, 0.0, 0.0)
    for place, aim in ((0, 2.0), (-1, 40.0)):
        assert chosen.n_near[place] == (np.abs(target - aim) <= 1.5).sum()
    narrow = dataclasses.replace(cells, window_uS=0.1)
    with pytest.raises(InputError, match=r"^Measured cells must be at least 20 near every aim .* `cells.window_uS`\.$"):
        choose_cells(narrow, 2.0, 40.0, 0.0, 0.0)


def test_a_device_stays_the_cell_that_it_took():
    params, device = cell_params(CELLS, 2.0, 40.0, 1.0, 1e5), DEVICE.params()
    draw = draw_programming(jax.random.key(4), jax.random.key(5), (500,), None, device)
    aim = jnp.linspace(2.0, 40.0, 500)
    g_uS, picked = program(draw, aim, None, device, ProgrammingParams(None, jnp.float32(0.0), params), None)
    assert isinstance(picked, Picked)
    then_uS, now_uS = aged_cells_uS(picked, params, device.g_ceiling_uS)
    ages = np.stack([CELLS.errors_uS(age_s) for age_s in (0.0, 1.0, 1e5)])
    made = np.stack([np.asarray(each) for each in (g_uS, then_uS, now_uS)])
    for k, at_uS in enumerate(np.asarray(aim, float)):
        of_cells = np.maximum(at_uS + ages, 0.0)
        near = np.abs(TARGET - at_uS) <= 1.01
        assert (np.abs(of_cells - made[:, k : k + 1]).max(axis=0)[near] < 1e-4).any()


@pytest.mark.parametrize(
    ("calibration", "age_s", "interval_s", "twin"),
    [
        ("none", 1e5, None, {}),
        ("ramp_aware", 1e5, None, {"ramp_aware": True}),
        ("redundant:3+one_point", 1e5, 9e4, {"redundant": 3, "one_point": True}),
    ],
)
def test_yields_are_those_of_an_independent_twin(calibration, age_s, interval_s, twin):
    circuit = Circuit(operation=Operation(age_s=age_s, recalibrate_s=interval_s))
    design = rj.design("sigmoid", 3, device=DEVICE, calibration=calibration, circuit=circuit)
    inl = simulate(design, seed=2, n=N).measures[:, -1]  # names are sorted backwards
    then_s = 0.0 if interval_s is None else age_s - interval_s
    other = CellsTwin(3, TARGET, READS, calibrated_s=then_s, now_s=age_s, seed=7)
    expected = other.max_inl(other.column(8_000, **twin))
    assert stats.ks_2samp(inl, expected).pvalue > 1e-3
    # The test can fail: cells that a law of the same moments stands for give another yield.
    if calibration == "none" and age_s:
        other.errors = [np.mean(e) + np.std(e) * other.rng.standard_normal(e.size) for e in other.errors]
        assert stats.ks_2samp(inl, other.max_inl(other.column(8_000))).pvalue < 1e-3


def test_yields_of_technology_c_are_those_of_an_independent_twin():
    folder = cells_twin.techc_folder()
    if folder is None:
        pytest.skip(f"{cells_twin.TECHC} is not there; RAMPJAX_DATA names its folder")
    rows = np.loadtxt(folder / cells_twin.TECHC, delimiter="\t")
    rows[:, 3] *= 1e6
    first, last = rows[rows[:, 6] == 0.0], rows[rows[:, 6] == 1e5]
    first, last = (part[np.argsort(part[:, 0])] for part in (first, last))
    target = np.select(
        [first[:, 5] == k for k in range(32)], [np.median(first[first[:, 5] == k, 3]) for k in range(32)]
    )
    regular = first[:, 5] < 32
    reads = np.stack([first[:, 3], last[:, 3], last[:, 3]], axis=1)[regular]
    device = rj.load_device("levy_techc_cells", data=folder)
    design = rj.design("sigmoid", 4, device=device, circuit=Circuit(operation=Operation(age_s=1e5)))
    inl = simulate(design, seed=2, n=N).measures[:, -1]
    other = CellsTwin(4, target[regular], reads, (0.0, 9.9e4, 1e5), (0.785, 39.27), now_s=1e5, seed=3)
    expected = other.max_inl(other.column(8_000))
    assert stats.ks_2samp(inl, expected).pvalue > 1e-3
    low, high = yield_interval(int((inl <= 2).sum()), N, 0.999)
    assert low < np.mean(expected <= 2) < high


@pytest.mark.parametrize(
    ("device", "operation", "sentence"),
    [
        ({"sigma_prog_uS": (1.0,)}, {}, r"`device.sigma_prog_uS` must be absent beside `device.cells`"),
        ({"relax_mean_uS": (0.1, 0.0)}, {}, r"`device.relax_mean_uS` must be absent"),
        ({}, {"age_s": 1e6}, r"`operation.age_s` must be 0 or between 0.1 and 1e\+05 s on cells"),
        ({}, {"age_s": 1e5, "recalibrate_s": 1e5 - 0.01}, r"`age at the last calibration` must be 0 or between"),
        ({"g_max_uS": 60.0, "cells": dataclasses.replace(CELLS, window_uS=1.0)}, {}, "but 0 are near 41.01 µS"),
        ({"g_max_uS": 42.0}, {}, "`g_max_uS` = 42 µS is too far from their targets, from 2 to 40 µS"),
        ({"g_min_uS": 0.5}, {}, "`g_min_uS` = 0.5 µS is too far from their targets, from 2 to 40 µS"),
    ],
)
def test_what_contradicts_the_cells_is_refused(device, operation, sentence):
    circuit = Circuit(operation=Operation(**operation))
    with pytest.raises(InputError, match=sentence):
        rj.design("sigmoid", 3, device=dataclasses.replace(DEVICE, **device), circuit=circuit)


def test_the_solver_asks_for_laws():
    with pytest.raises(InputError, match="The solver needs a device with laws, but cells has measured cells"):
        rj.solve("sigmoid", 3, device=DEVICE)
