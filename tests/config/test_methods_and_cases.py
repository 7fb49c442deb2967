"""Studies that solve: methods of design, settings of the solver, and named cases."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from rampjax.checks import InputError
from rampjax.config.devices import load_device
from rampjax.config.solve_section import METHODS, Objective, SolveConfig, Unknown
from rampjax.config.study_file import load_study
from rampjax.solver.settings import FREE, OBJECTIVES, SolveSettings, check_settings

Write = Callable[..., Path]

STUDY = """
[design]
calibration = "ramp_aware"
[circuit]
pulse_grid = 16
[cases.ideal]
[cases.realistic]
"ramp.q_inj_fC" = 0.02
"circuit.n_reads" = 16
"device.sigma_prog_uS" = 3
[vary]
bits = [3, 4]
case = ["ideal", "realistic"]
method = ["published", "closed_form", "solved"]
"""


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        load_study(path, overrides)
    assert str(caught.value).count("\n") == 0
    return str(caught.value)


def test_a_case_changes_its_settings_together(write: Write) -> None:
    points = load_study(write(STUDY)).points()
    assert len(points) == 2 * 2 * 3
    for point in points:
        realistic = point.labels["case"] == "realistic"
        assert point.circuit.ramp.q_inj_fC == (0.02 if realistic else 0.0)
        assert point.circuit.n_reads == (16 if realistic else 0)
        assert point.device.sigma_prog_uS.constant == (3.0 if realistic else 2.67)
        assert point.case_keys == ({"ramp.q_inj_fC", "circuit.n_reads", "device.sigma_prog_uS"} if realistic else set())
        assert point.method == point.labels["method"]
        assert list(point.labels) == ["bits", "case", "method"]


def test_the_published_layout_has_full_clocks(write: Write) -> None:
    for point in load_study(write(STUDY)).points():
        assert point.circuit.pulse_grid == (1 if point.method == "published" else 16)


def test_the_method_may_stand_in_the_design_or_be_set(write: Write) -> None:
    path = write('[design]\nmethod = "solved"\n[solve]\nstarts = 2')
    study = load_study(path)
    assert [point.method for point in study.points()] == ["solved"]
    assert study.solve_config() == SolveConfig(starts=2)
    assert load_study(path, ["solve.starts=3"]).solve_config() == SolveConfig(starts=3)
    assert [point.method for point in load_study(write(""" samples = 1 """), ["design.method=solved"]).points()] == [
        "solved"
    ]


def test_without_solved_points_there_is_nothing_to_solve(write: Write) -> None:
    study = load_study(write("samples = 1"))
    assert study.solve_config() is None
    assert study.canonical()["solve"] is None


def test_what_is_solved_belongs_to_what_the_results_rest_on(write: Write) -> None:
    study = load_study(write(STUDY))
    canonical = study.canonical()
    assert canonical["solve"] == SolveConfig().model_dump(mode="json")
    assert canonical["cases"]["ideal"] == {}
    assert canonical["cases"]["realistic"]["circuit.n_reads"] == 16
    other = load_study(write(STUDY), ["solve.chips=32"]).canonical()
    assert other != canonical


def test_the_section_has_the_fields_and_limits_of_the_settings() -> None:
    assert set(SolveConfig.model_fields) == {item.name for item in dataclasses.fields(SolveSettings)}
    assert SolveConfig().settings() == SolveSettings()
    assert set(get_args(Unknown)) == set(FREE)
    assert get_args(Objective) == OBJECTIVES
    assert set(METHODS) == {"closed_form", "published", "solved"}


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("max_clocks", (1, 64), (0, 65)),
        ("starts", (1, 256), (0, 257)),
        ("iterations", (10, 100_000), (9, 100_001)),
        ("chips", (8, 65_536), (7, 65_537)),
        ("fresh_chips", (256, 10_000_000), (255, 10_000_001)),
        ("max_devices", (1, 2**20), (0, 2**20 + 1)),
        ("quantile", (0.5, 0.999), (0.499, 1.0)),
        ("noise_weight", (0.0, 10.0), (-0.1,)),
        ("spec_lsb", (0.01,), (0.0, -1.0)),
        ("max_time_ns", (1.0,), (0.0, -1.0)),
    ],
)
def test_limits_are_those_of_the_solver(
    write: Write, key: str, inside: tuple[Any, ...], outside: tuple[Any, ...]
) -> None:
    objective = {"quantile": "quantile", "spec_lsb": "yield"}.get(key, "max_inl")
    text = f'[design]\nmethod = "solved"\n[solve]\nobjective = "{objective}"\n{key} = '
    for value in inside:
        assert getattr(load_study(write(f"{text}{value}")).solve_config(), key) == value
        check_settings(SolveSettings(objective=objective, **{key: value}))
    for value in outside:
        assert f"`solve.{key}` must be" in refusal(write(f"{text}{value}"))
        with pytest.raises(InputError):
            check_settings(SolveSettings(objective=objective, **{key: value}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ideal", "realistic"]', '"ideal", "realist"]', "unknown case `realist`; known are `ideal`, `realistic`"),
        ('["ideal", "realistic"]', '["ideal"]', "`cases.realistic` has no effect, expected it in the list `vary.case`"),
        ('case = ["ideal", "realistic"]', "", "`cases.ideal` has no effect"),
        ('["ideal", "realistic"]', "[1]", "`vary.case` must be text in quotes"),
        ('"ramp.q_inj_fC" = 0.02', '"ramp.q_inj" = 0.02', "`cases.realistic`: `ramp.q_inj` is not a known key"),
        ('"ramp.q_inj_fC" = 0.02', "ramp.q_inj_fC = 0.02", "A key with a dot stands in quotes."),
        ('"ramp.q_inj_fC" = 0.02', '"ramp.q_inj_fC" = "a"', '`cases.realistic."ramp.q_inj_fC"` must be a number'),
        ('"ramp.q_inj_fC" = 0.02', '"samples" = 2', "`cases.realistic`: `samples` is not a known key"),
        ('"ramp.q_inj_fC" = 0.02', '"solve.chip" = 9', "`cases.realistic`: `solve.chip` is not a known key"),
        ('"ramp.q_inj_fC" = 0.02', '"solve.chips" = 7', '`cases.realistic."solve.chips"` must be between 8'),
        (
            '"ramp.q_inj_fC" = 0.02',
            '"solve.quantile" = 0.9',
            "`solve.quantile` of `cases.realistic` has no effect while `solve.objective` is max_inl",
        ),
        (
            '"ramp.q_inj_fC" = 0.02',
            '"solve.max_clocks" = 2\n"solve.free" = ["scale"]',
            "`solve.max_clocks` of `cases.realistic` has no effect unless `solve.free` has pulse_width",
        ),
        (
            '"ramp.q_inj_fC" = 0.02\n"circuit.n_reads" = 16\n"device.sigma_prog_uS" = 3\n[vary]\nbits = [3, 4]\n'
            'case = ["ideal", "realistic"]\nmethod = ["published", "closed_form", "solved"]',
            '"design.method" = "closed_form"\n"solve.chips" = 9\n[cases.other]\n"design.method" = "solved"\n[vary]\n'
            'case = ["ideal", "realistic", "other"]',
            "`solve.chips` of `cases.realistic` has no effect where none of its points is solved",
        ),
        (
            '"ramp.q_inj_fC" = 0.02',
            '"design.bits" = 5',
            "`design.bits` of `cases.realistic` is also varied, by `vary.bits`",
        ),
        ('"ramp.q_inj_fC" = 0.02', '"design.function" = "sgmoid"', '`cases.realistic."design.function"`'),
        ("[cases.ideal]", "[cases]\nideal = 3", "`cases.ideal` must be a table of settings"),
        ('"solved"]', '"solvd"]', "`vary.method` must be one of `closed_form`, `published`, `solved`"),
        (', "solved"]', "]\n[solve]\nstarts = 2", "`solve` has no effect where no point is solved"),
        ('"closed_form", "solved"]', "]", "`circuit.pulse_grid` has no effect where every design is published"),
        ("[vary]", '[solve]\nfree = ["scale"]\nmax_clocks = 2\n[vary]', "`solve.max_clocks` has no effect unless"),
        (
            "[vary]",
            "[solve]\nquantile = 0.9\n[vary]",
            "`solve.quantile` has no effect while `solve.objective` is max_inl",
        ),
        ("[vary]", "[solve]\nspec_lsb = 0.9\n[vary]", "`solve.spec_lsb` has no effect while"),
        ("[vary]", '[solve]\nfree = ["scale", "scale"]\n[vary]', "`solve.free` must not name anything twice"),
        ("[vary]", '[solve]\nfree = ["scales"]\n[vary]', "`solve.free[0]` must be one of"),
        ("[vary]", "[solve]\nstart = 3\n[vary]", "`solve.start` is not a known key. Did you mean `solve.starts`"),
    ],
)
def test_mistakes_are_refused_in_a_sentence(write: Write, old: str, new: str, message: str) -> None:
    assert STUDY.count(old) == 1
    sentence = refusal(write(STUDY.replace(old, new)))
    assert "study.toml: " in sentence
    assert message in sentence


def test_what_every_case_sets_is_set_once(write: Write) -> None:
    text = '[ramp]\nq_inj_fC = 0.1\n[cases.a]\n"ramp.q_inj_fC" = 0.2\n[vary]\ncase = ["a"]'
    assert "`ramp.q_inj_fC` is also set by every one of the cases" in refusal(write(text))
    text = text.replace("[vary]", "[cases.b]\n[vary]").replace('["a"]', '["a", "b"]')
    assert [point.circuit.ramp.q_inj_fC for point in load_study(write(text)).points()] == [0.2, 0.1]


TOLD = """
[design]
calibration = "ramp_aware"
[circuit]
pulse_grid = 16
[solve]
starts = 2
quantile = 0.9
[cases.static]
"solve.objective" = "quantile"
[cases.total]
"solve.objective" = "total"
[cases.devices]
"solve.objective" = "total"
"solve.free" = ["pulse_width", "scale", "devices"]
"solve.max_devices" = 40
[vary]
case = ["static", "total", "devices"]
method = ["closed_form", "solved"]
"""


def test_a_case_may_tell_the_solver_something_else(write: Write) -> None:
    study = load_study(write(TOLD))
    told = {str(point.labels["case"]): point.solve for point in study.points() if point.method == "solved"}
    assert told == {
        "static": SolveConfig(starts=2, quantile=0.9, objective="quantile"),
        "total": SolveConfig(starts=2, quantile=0.9, objective="total"),
        "devices": SolveConfig(
            starts=2, quantile=0.9, objective="total", free=("pulse_width", "scale", "devices"), max_devices=40
        ),
    }
    assert all(point.solve is None for point in study.points() if point.method == "closed_form")
    cases = study.canonical()["cases"]
    assert cases["devices"]["solve.free"] == ["pulse_width", "scale", "devices"]
    other = load_study(write(TOLD.replace('max_devices" = 40', 'max_devices" = 41')))
    assert other.canonical()["cases"] != cases


def test_what_no_case_needs_is_refused_in_the_section_too(write: Write) -> None:
    text = TOLD.replace('"solve.objective" = "quantile"', "")
    assert "study.toml: `solve.quantile` has no effect while `solve.objective` is max_inl" in refusal(write(text))


def test_an_option_tells_the_solver_the_same_in_every_case(write: Write) -> None:
    study = load_study(write(TOLD), ["solve.objective=quantile"])
    assert {point.solve.objective for point in study.points() if point.solve} == {"quantile"}


def test_an_option_wins_over_the_cases(write: Write) -> None:
    points = load_study(write(STUDY), ["ramp.q_inj_fC=0.3"]).points()
    assert {point.circuit.ramp.q_inj_fC for point in points} == {0.3}
    assert {point.circuit.n_reads for point in points} == {0, 16}


def test_a_design_of_the_command_line_has_no_method(write: Write) -> None:
    from rampjax.config.study_file import point_from_options

    with pytest.raises(InputError, match=r"`design\.method` is not a known key"):
        point_from_options(overrides=["design.method=solved"])


def test_inputs_are_a_key_like_others(write: Write) -> None:
    write("\n".join(str(i / 8 - 1) for i in range(17)), "recorded.csv")
    path = write('[vary]\ninputs = ["output", "normal:0:1", "recorded.csv"]')
    study = load_study(path)
    assert [point.inputs for point in study.points()] == ["output", "normal:0:1", "recorded.csv"]
    assert [point.inputs_path is None for point in study.points()] == [True, True, False]
    assert list(study.canonical()["inputs"]) == ["recorded.csv"]
    assert "`vary.inputs`" in refusal(write('[vary]\ninputs = ["normal:0:-1"]'))
    assert "`design.inputs`" in refusal(write('[design]\ninputs = "none.csv"'))


def test_levels_of_conductance_are_a_whole_number() -> None:
    levels = load_device("hpe_taox_defects_2017").n_levels
    assert levels is not None
    assert (levels.value, levels.certainty) == (64, "reported")
    with pytest.raises(InputError, match="`n_levels` must be between 2"):
        load_device("taox_paper", {"n_levels": 1})
    with pytest.raises(InputError, match="`n_levels` must be an integer"):
        load_device("taox_paper", {"n_levels": 2.5})
