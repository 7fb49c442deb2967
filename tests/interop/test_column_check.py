"""A measured column: its thresholds are those of the chip, and what is programmed anew makes it what was predicted."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit.blocks import Circuit, Comparator, Mac, Operation, Ramp
from rampjax.circuit.design import Design
from rampjax.config.design_file import design_record
from rampjax.interop.column.check import check_column
from rampjax.interop.column.devices import BenchDevices, read_devices
from rampjax.interop.column.program import program_csv
from rampjax.interop.column.reprogramming import plan_reprogramming
from rampjax.interop.column.shifts import Ladder, fewest_devices, shifts_of
from rampjax.interop.column.typical import Typical
from rampjax.interop.column.windows import threshold_windows
from rampjax.montecarlo.chip import sample_chip

SYSTEMATIC = Circuit(
    pulse_grid=4,
    n_bias=6,
    ramp=Ramp(opamp_gain=300.0, q_inj_fC=0.1, t_loss_ns=0.01, v_os_V=1e-3, tau_settle_ns=0.12, r_wire_MOhm=1e-5),
    comparator=Comparator(kind="continuous", t_delay_ns=0.5, tau_latch_ns=0.05, tau_preamp_ns=0.1),
    operation=Operation(temperature_K=330.0, v_read_change_rel=0.1),
)


def write(path: Path, g_uS: np.ndarray, design: Design | None = None) -> Path:
    """A measured table: rows alone, or the program of a design with what was measured in a last column."""
    values = [repr(float(g)) for g in np.ravel(g_uS)]
    if design is None:
        lines = ["row,measured_uS", *(f"{row},{g}" for row, g in enumerate(values, 1))]
    else:
        program = program_csv(design_record(design)).splitlines()
        lines = [f"{program[0]},measured_uS", *(f"{line},{g}" for line, g in zip(program[1:], values, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def devices_of(g_uS: np.ndarray) -> BenchDevices:
    g = np.atleast_2d(g_uS)
    return BenchDevices(tuple(range(1, len(g) + 1)), g, np.full(g.shape, np.nan), np.ones(g.shape, int), ())


@pytest.mark.parametrize(
    ("function", "bits", "calibration", "circuit"),
    [
        ("sigmoid", 5, "none", Circuit()),
        ("gelu", 6, "ramp_aware+one_point", Circuit(pulse_grid=16)),
        ("tanh", 5, "two_point", Circuit(n_bias=6)),
        ("exp(-x)", 5, "one_point_bias", Circuit(bias_clocks=8)),
        ("sigmoid", 6, "one_point", dataclasses.replace(SYSTEMATIC, mac=Mac(v_clip_V=0.45))),
    ],
)
def test_the_thresholds_of_a_measured_chip_are_its_own(tmp_path, function, bits, calibration, circuit):
    """Where conductances alone differ from chip to chip, they tell all; the table goes through a file."""
    design = rj.design(function, bits, calibration=calibration, circuit=circuit)
    chip = sample_chip(design, 3, 11)
    devices = read_devices(write(tmp_path / "m.csv", chip.g_uS, design), design, design_record(design))
    assert devices.notes == ()
    found = Typical(design).realise(devices.g_uS)
    local_lsb = np.abs(np.gradient(design.target.thresholds))
    np.testing.assert_allclose((found.thresholds[0] - chip.thresholds) / local_lsb, 0.0, atol=1e-4)
    np.testing.assert_allclose(found.sigma_x[0], chip.sigma_x, rtol=1e-5)


def test_inl_by_hand():
    """Thresholds from plain sums of charges, and the INL of the function there."""
    design = rj.design("sigmoid", 5)
    chip = sample_chip(design, 3, 2)
    record = check_column(design, design_record(design), devices_of(chip.g_uS))
    off_V = np.cumsum((chip.g_uS - design.g_target_uS) * 0.2 * design.t_pulse_ns / design.c_int_fF)
    x = design.target.thresholds + np.concatenate([[0.0], off_V]) / design.scale_V
    inl = 32 * (1 / (1 + np.exp(-x)) - np.arange(1, 32) / 32)
    np.testing.assert_allclose(record["inl_lsb"], inl, atol=2e-5)
    np.testing.assert_allclose(record["dnl_lsb"], np.diff(inl), atol=4e-5)
    assert record["max_inl_lsb"] == pytest.approx(np.abs(inl).max(), abs=2e-5)
    assert record["worst_threshold"] == np.argmax(np.abs(inl)) + 1
    assert record["rmse_lsb"] == pytest.approx(np.sqrt(1 / 12 + np.sum(inl**2) / 32), rel=1e-4)
    np.testing.assert_allclose(record["y"], 1 / (1 + np.exp(-x)), atol=1e-6)


@pytest.mark.parametrize("limit_lsb", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("function", ["sigmoid", "exp(-x)", "sin(x)", "gelu"])
def test_windows_end_where_the_inl_is_the_limit(function, limit_lsb):
    target = rj.design(function, 5).target
    low, high = threshold_windows(target, limit_lsb)
    assert (low <= target.thresholds).all()
    assert (target.thresholds <= high).all()
    for ends in (low, high):
        inside = np.isfinite(ends) & (np.abs(ends - target.thresholds) > 0)
        y = target.function.evaluate(ends[inside])
        inl = np.abs(y - target.boundaries[inside]) / target.lsb
        assert (inl <= limit_lsb + 1e-6).all()
        at_extremum = np.isclose(ends[inside][:, None], target.branch_x, atol=1e-6).any(axis=1)
        np.testing.assert_allclose(inl[~at_extremum], limit_lsb, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "calibration", "circuit"),
    [
        ("sigmoid", "none", Circuit()),
        ("sigmoid", "ramp_aware", Circuit()),
        ("sigmoid", "one_point", Circuit()),
        ("tanh", "two_point", Circuit()),
        ("sin(x)", "none", Circuit(n_bias=6, bias_clocks=4)),
        ("sigmoid", "none", SYSTEMATIC),
    ],
)
def test_programming_the_named_devices_exactly_gives_what_was_predicted(function, calibration, circuit):
    """With its own thresholds, by the sampler's circuit, and within the spec."""
    design = rj.design(function, 5, calibration=calibration, circuit=circuit)
    typical = Typical(design)
    g_uS = sample_chip(design, 5, 4).g_uS * np.linspace(0.985, 1.02, typical.n_devices)
    spec = 0.6 * typical.measure(g_uS).max_inl_lsb
    record = check_column(design, design_record(design), devices_of(g_uS), spec_lsb=spec)
    rows = np.array(record["reprogram_row"])
    assert 0 < len(rows) < typical.n_devices
    assert record["reprogram_from_uS"] == pytest.approx(g_uS[rows - 1])
    again = g_uS.copy()
    again[rows - 1] = record["reprogram_to_uS"]
    assert (again >= design.device.g_min_uS).all()
    then = check_column(design, design_record(design), devices_of(again), spec_lsb=spec)
    assert then["max_inl_lsb"] == pytest.approx(record["reprogrammed_max_inl_lsb"], abs=1e-4)
    np.testing.assert_allclose(then["inl_lsb"], record["reprogrammed_inl_lsb"], atol=1e-4)
    assert then["within_spec"]
    assert then["reprogram_row"] == []


def test_no_fewer_devices_would_do():
    """Single devices and pairs of a 3-bit column, each with the best aims on a grid, against plans of one more."""
    design = rj.design("sigmoid", 3, device=rj.load_device("taox_paper", sigma_prog_uS=0.0, g_max_uS=300.0))
    typical = Typical(design)
    spec, grid = 0.1, np.linspace(-40, 40, 41)

    def best(g_uS: np.ndarray, devices: tuple[int, ...]) -> float:
        trials = np.array(list(itertools.product(grid, repeat=len(devices))))
        columns = np.repeat(g_uS[None], len(trials), axis=0)
        columns[:, list(devices)] += trials
        columns = columns[(columns[:, list(devices)] <= 300.0).all(axis=1)]
        off_x = np.cumsum((columns - design.g_target_uS) * typical.x_per_uS, axis=1)
        x = design.target.thresholds + np.pad(off_x, ((0, 0), (1, 0)))
        return float(np.abs(8 / (1 + np.exp(-x)) - np.arange(1, 8)).max(axis=1).min(initial=np.inf))

    rng, counts = np.random.default_rng(4), []
    for _ in range(12):
        g_uS = design.g_target_uS + 25.0 * rng.standard_normal(6)
        plan = plan_reprogramming(typical, g_uS, spec)
        counts.append(len(plan.devices))
        assert plan.max_inl_lsb <= spec
        fewer = itertools.combinations(range(6), min(len(plan.devices) - 1, 2))
        assert min(best(g_uS, devices) for devices in fewer) > spec
    assert {2, 3} <= set(counts)


def test_the_fewest_of_small_ladders_are_those_of_every_subset():
    """Ranges that bind, devices that share a place, and places without any."""
    rng = np.random.default_rng(6)
    counts = []
    for _ in range(150):
        at, reach = np.sort(rng.integers(0, 7, 6)), rng.uniform(-2, 2, (6, 2))
        reach.sort(axis=1)
        ladder = Ladder((0.0, 0.0), [{n: tuple(reach[n]) for n in np.flatnonzero(at == k).tolist()} for k in range(7)])
        middle, half = rng.uniform(-1.5, 1.5, 7), rng.uniform(0.2, 1.5, 7)
        low, high = middle - half, middle + half

        def feasible(chosen: tuple[int, ...], ladder: Ladder = ladder, low=low, high=high) -> bool:
            a = b = 0.0
            for k, devices in enumerate(ladder.reach):
                for n in set(devices) & set(chosen):
                    a, b = a + devices[n][0], b + devices[n][1]
                a, b = max(a, low[k]), min(b, high[k])
                if a > b:
                    return False
            return True

        subsets = [each for n in range(7) for each in itertools.combinations(range(6), n)]
        least = next((len(each) for each in subsets if feasible(each)), None)
        found = fewest_devices(ladder, low, high, 6)
        assert (None if found is None else len(found)) == least
        counts.append(least)
        if found is not None:
            assert feasible(found)
            shift = shifts_of(ladder, low, high, found)
            assert shift is not None
            assert (low <= shift).all()
            assert (shift <= high).all()
            for k, change in enumerate(np.diff(shift, prepend=0.0)):
                ends = [ladder.reach[k][n] for n in found if n in ladder.reach[k]]
                assert sum(a for a, _ in ends) - 1e-9 <= change <= sum(b for _, b in ends) + 1e-9
            assert len(found) == 0 or fewest_devices(ladder, low, high, len(found) - 1) is None
    assert {None, 0, 1, 2, 3} <= set(counts)


def test_devices_before_one_that_is_stuck_make_up_for_it_as_well_as_any_pair_can():
    """All pairs of a 4-bit column with a stuck device; the limit is lowered until no pair is better."""
    design = rj.design("sigmoid", 4, device=rj.load_device("taox_paper", sigma_prog_uS=0.0))
    typical = Typical(design)
    g_uS = sample_chip(rj.design("sigmoid", 4), 3, 1).g_uS
    g_uS[5] += 60.0  # the ramp is too high from here on, and what is behind has little to give back
    stuck = 5

    def worst(columns: np.ndarray) -> np.ndarray:
        off_x = np.cumsum((columns - design.g_target_uS) * typical.x_per_uS, axis=1)
        x = design.target.thresholds + np.pad(off_x, ((0, 0), (1, 0)))
        return np.abs(16 / (1 + np.exp(-x)) - np.arange(1, 16)).max(axis=1)

    grid, best = np.linspace(0.0, 150.0, 121), np.inf
    for pair in itertools.combinations([n for n in range(14) if n != stuck], 2):
        trials = np.array(list(itertools.product(grid, repeat=2)))
        columns = np.repeat(g_uS[None], len(trials), axis=0)
        columns[:, list(pair)] = trials
        best = min(best, float(worst(columns).min()))
    plan = plan_reprogramming(typical, g_uS, 1.02 * best, [stuck])
    assert len(plan.devices) <= 2
    assert min(plan.devices) < stuck
    assert plan.max_inl_lsb <= best + 2e-3
    assert plan.max_inl_lsb == pytest.approx(float(worst(plan.g_uS[None])[0]), abs=1e-4)


def test_the_mean_of_a_plan_is_that_of_programming_in_order():
    """Each device at its aim less what those before have missed, with the preset's own error, by plain NumPy."""
    design = rj.design("sigmoid", 5)
    typical = Typical(design)
    g_uS = sample_chip(design, 3, 0).g_uS
    plan = plan_reprogramming(typical, g_uS, 0.22)
    assert len(plan.devices) > 1
    rng = np.random.default_rng(1)
    worst = []
    for _ in range(4000):
        now, missed_V = g_uS.copy(), 0.0
        for device in plan.devices:
            aim = np.clip(plan.g_uS[device] - missed_V / typical.x_per_uS[device], 0.0, 150.0)
            now[device] = max(aim + 2.67 * rng.standard_normal(), 0.0)
            missed_V += (now[device] - plan.g_uS[device]) * typical.x_per_uS[device]
        x = design.target.thresholds + np.concatenate([[0.0], np.cumsum((now - design.g_target_uS) * typical.x_per_uS)])
        worst.append(np.abs(32 / (1 + np.exp(-x)) - np.arange(1, 32)).max())
    assert plan.mean_max_inl_lsb == pytest.approx(np.mean(worst), abs=5 * np.std(worst) / np.sqrt(256))
    assert plan.share_within == pytest.approx(np.mean(np.array(worst) <= 0.22), abs=0.13)


def test_bias_devices_are_set_as_predicted():
    design = rj.design("sigmoid", 5, calibration="one_point_bias")
    g_uS = sample_chip(design, 2, 5).g_uS
    g_uS[:5] -= 2.0
    record = check_column(design, design_record(design), devices_of(g_uS))
    assert record["start_kind"] == ["middle", "minimax"]
    after = []
    for bias_uS, worst in zip(record["start_bias_uS"], record["start_max_inl_lsb"], strict=True):
        then = g_uS.copy()
        then[:5] = bias_uS
        after.append(check_column(design, design_record(design), devices_of(then)))
        assert after[-1]["max_inl_lsb"] == pytest.approx(worst, abs=1e-4)
    assert after[0]["inl_lsb"][15] == pytest.approx(0.0, abs=1e-4)
    # The least worst error is one that is as large on both sides.
    assert max(after[1]["inl_lsb"]) == pytest.approx(-min(after[1]["inl_lsb"]), rel=1e-3)
    assert after[1]["max_inl_lsb"] <= min(after[0]["max_inl_lsb"], record["max_inl_lsb"])


def test_without_bias_devices_a_start_voltage():
    design = rj.design("sigmoid", 5)
    g_uS = sample_chip(design, 3, 2).g_uS
    record = check_column(design, design_record(design), devices_of(g_uS))
    x = np.array(record["x"]) + record["start_shift_V"][0] / design.scale_V
    assert x[15] == pytest.approx(0.0, abs=1e-6)
    assert record["start_bias_uS"] == [None, None]
    # Around the middle of a sigmoid an output step is 1/8 of x.
    assert record["start_shift_lsb"][0] == pytest.approx(8 * record["start_shift_V"][0] / design.scale_V, rel=1e-3)
    corrected = rj.design("sigmoid", 5, calibration="one_point")
    assert check_column(corrected, design_record(corrected), devices_of(g_uS))["start_kind"] == []


def test_of_redundant_columns_the_best_is_selected(tmp_path):
    design = rj.design("sigmoid", 4, calibration="redundant:3")
    single = rj.design("sigmoid", 4)
    g_uS = np.array([sample_chip(single, 1, n).g_uS for n in range(3)])
    record = check_column(design, design_record(design), devices_of(g_uS))
    worst = [Typical(single).measure(each).max_inl_lsb for each in g_uS]
    assert record["columns_max_inl_lsb"] == pytest.approx(worst)
    assert record["column"] == int(np.argmin(worst)) + 1
    path = write(tmp_path / "m.csv", g_uS, design)
    np.testing.assert_allclose(read_devices(path, design, design_record(design)).g_uS, g_uS, rtol=1e-12)


def test_a_stuck_device_is_named_and_worked_around():
    design = rj.design("sigmoid", 5, calibration="ramp_aware")
    typical = Typical(design)
    g_uS = design.g_target_uS.copy()
    g_uS[9] = 0.0
    record = check_column(design, design_record(design), devices_of(g_uS))
    assert record["outside_tolerance_row"] == [10]
    assert "10 may be stuck" in record["notes"][0]
    assert 10 in record["reprogram_row"]
    around = check_column(design, design_record(design), devices_of(g_uS), spec_lsb=1.1, stuck=[10])
    (row,) = around["reprogram_row"]
    assert row != 10
    assert around["reprogram_to_uS"][0] > g_uS[row - 1]
    assert around["reprogrammed_mean_max_inl_lsb"] < 1.1 < typical.measure(g_uS).max_inl_lsb
    with pytest.raises(InputError, match="`stuck` must be a row"):
        check_column(design, design_record(design), devices_of(g_uS), stuck=[31])


def test_ramp_aware_aims_are_those_of_the_programming():
    """What changed since is alone outside its tolerance, and so is what was stuck and the others made up for."""
    design = rj.design("sigmoid", 6, calibration="ramp_aware")
    small = rj.design("sigmoid", 6, calibration="ramp_aware", device=rj.load_device("taox_paper", sigma_prog_uS=1.0))
    g_uS = sample_chip(small, 1, 3).g_uS
    assert check_column(design, design_record(design), devices_of(g_uS))["outside_tolerance_row"] == []
    g_uS[[8, 30]] += [20.0, -11.0]
    assert check_column(design, design_record(design), devices_of(g_uS))["outside_tolerance_row"] == [9, 31]
    broken = rj.load_device("taox_paper", stuck_off_prob=0.05, g_stuck_off_uS=1.0)
    stuck = rj.design("sigmoid", 6, calibration="ramp_aware", device=broken)
    g_uS = sample_chip(stuck, 1, 1).g_uS
    rows = check_column(design, design_record(design), devices_of(g_uS))["outside_tolerance_row"]
    off = np.flatnonzero(g_uS == 1.0) + 1
    assert len(off)
    assert set(off) <= set(rows)
    # Errors are normal: of 62, one in twelve ends beyond sqrt(3) standard deviations.
    assert len(rows) <= len(off) + 11


def test_what_cannot_be_mended_is_said_by_its_numbers():
    design = rj.design("sigmoid", 6)
    g_uS = sample_chip(design, 1, 1).g_uS
    record = check_column(design, design_record(design), devices_of(g_uS), spec_lsb=0.01)
    assert record["reprogrammed_mean_max_inl_lsb"] > 0.01
    assert record["reprogrammed_mean_max_inl_lsb"] <= record["max_inl_lsb"]


def test_few_targets_are_aimed_at():
    device = rj.load_device("taox_paper", n_levels=61)
    design = rj.design("sigmoid", 4, device=device, calibration="ramp_aware")
    g_uS = design.g_target_uS + np.array([6.0, 6.0, -6.0, -6.0] * 4)[:14]
    record = check_column(design, design_record(design), devices_of(g_uS), spec_lsb=0.15)
    assert record["reprogram_row"]
    steps = np.array(record["reprogram_to_uS"]) / device.g_step_uS
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


def test_numbered_reads_are_averaged(tmp_path):
    design = rj.design("sigmoid", 3)
    rows = [f"{row},{read},{40 + row + step}" for row in range(1, 7) for read, step in ((1, -1.0), (2, 0.0), (3, 1.0))]
    (tmp_path / "m.csv").write_text("row,read,measured_uS\n" + "\n".join(reversed(rows)) + "\n")
    found = read_devices(tmp_path / "m.csv", design, design_record(design))
    np.testing.assert_allclose(found.g_uS, [[41, 42, 43, 44, 45, 46]])
    np.testing.assert_allclose(found.error_uS, 1 / np.sqrt(3))
    assert (found.n_reads == 3).all()


GOOD = [f"{row},{40 + row}" for row in range(1, 7)]


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ("row,measured", GOOD, ["has no unit"]),
        ("row,conductance_uS", GOOD, ["measured"]),
        ("row,measured_uS", GOOD[:-2], ["no row 5, 6", "2 missing"]),
        ("row,measured_uS", [*GOOD, "3,50"], ["line 8", "row 3", "twice", "read"]),
        ("row,measured_uS", [*GOOD, "7,50"], ["line 8", "from 1 to 6", "7"]),
        ("row,measured_uS", ["0,50", *GOOD], ["line 2", "row"]),
        ("row,measured_uS", ["1.5,50", *GOOD], ["line 2", "1.5"]),
        ("row,measured_uS", [*GOOD[:-1], "6,-3"], ["line 7", "negative"]),
        ("row,column,measured_uS", [f"{line.split(',')[0]},2,{line.split(',')[1]}" for line in GOOD], ["column"]),
        ("row,conductance_uS,measured_uS", [f"{line},{line.split(',')[1]}" for line in GOOD], ["of this design"]),
    ],
)
def test_a_table_that_is_not_the_columns_is_one_sentence(tmp_path, header, rows, words):
    design = rj.design("sigmoid", 3)
    (tmp_path / "m.csv").write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(InputError) as error:
        read_devices(tmp_path / "m.csv", design, design_record(design))
    for word in ["m.csv", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(("factor", "words"), [(1e3, "far above"), (1e-3, "far below")])
def test_a_unit_is_doubted_but_never_changed(tmp_path, factor, words):
    design = rj.design("sigmoid", 3)
    found = read_devices(write(tmp_path / "m.csv", design.g_target_uS * factor), design, design_record(design))
    np.testing.assert_allclose(found.g_uS[0], design.g_target_uS * factor)
    assert words in found.notes[0]
    assert "is the unit right?" in found.notes[0]


CELLS = st.one_of(
    st.integers(-2, 8).map(str),
    st.floats(-1e3, 1e12).map(str),
    st.sampled_from(["", "nan", "inf", "-1", "1e400", "0x1", "µS", "1,5", '"', "3 ", "\0", "١", "1_0"]),
    st.text(max_size=5),
)
HEADERS = st.sampled_from(
    ["row,measured_uS", "row,measured (mS)", "row,measured", "row;measured_uS", "row,column,measured_nS", "measured_uS"]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=HEADERS, rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=9), keep=st.integers(0, 6))
def test_any_table_is_a_sentence_or_a_result(tmp_path, header, rows, keep):
    design, record = FUZZED
    lines = [header, *GOOD[:keep], *(",".join(row) for row in rows)]
    (tmp_path / "m.csv").write_bytes("\n".join(lines).encode("utf-8", "replace"))
    devices = result_or_sentence(lambda: read_devices(tmp_path / "m.csv", design, record))
    if devices is not None:
        found: dict[str, Any] = check_column(design, record, devices, spec_lsb=1e9)
        assert np.isfinite(found["x"]).all()


def result_or_sentence(read: Callable[[], Any]) -> Any:
    """What is read, or None where it is refused in one sentence that names the file."""
    try:
        return read()
    except InputError as error:
        said = str(error)
    assert "m.csv" in said
    assert "\n" not in said


def _fuzzed() -> tuple[Design, dict[str, Any]]:
    design = rj.design("sigmoid", 3)
    return design, design_record(design)


FUZZED = _fuzzed()
