import contextlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rampjax.checks import InputError
from rampjax.circuit.blocks import BLOCKS, Circuit
from rampjax.config.points import Point
from rampjax.config.settings import POINT_KEYS, VARY_KEYS
from rampjax.config.study_file import FIGURES, MEASURES, load_study, parse_override, point_from_options

Write = Callable[..., Path]


def test_the_points_are_the_product_in_order(write: Write, study_text: str) -> None:
    study = load_study(write(study_text))
    points = study.points()
    assert (study.name, study.samples, study.seed) == ("study", 40_000, 1)
    assert len(points) == 2 * 3 * 3 * 3
    assert [dict(point.labels) for point in points[:4]] == [
        {"function": "sigmoid", "bits": 4, "calibration": calibration, "device.sigma_prog_uS": sigma_uS}
        for calibration, sigma_uS in [("none", 1.0), ("none", 2.67), ("none", 4.0), ("one_point", 1.0)]
    ]
    last = points[-1]
    assert (last.function, last.bits, last.calibration, last.device.sigma_prog_uS.constant) == (
        "tanh",
        6,
        "ramp_aware",
        4.0,
    )
    assert last.device_overrides == {"sigma_prog_uS": 4.0}
    assert last.make_function().name == "tanh"


def test_defaults_make_one_point(write: Write) -> None:
    study = load_study(write("samples = 10"))
    (point,) = study.points()
    assert (point.function, point.bits, point.levels, point.calibration) == ("sigmoid", 5, "midrise", "none")
    assert point.x_range is None
    assert point.labels == {}
    assert point.device.name == "taox_paper"
    assert point.circuit == Circuit()
    assert (point.column_bits, point.device_overrides) == (None, {})
    assert study.title == "study"
    assert study.report.figures == FIGURES
    assert set(study.measure.names) <= set(MEASURES)


def test_every_vary_key_works(write: Write) -> None:
    text = """
    [vary]
    function = ["sigmoid", "x**2 + x"]
    levels = ["endpoint", "zero"]
    range = ["-4:4", [-3, 3.5]]
    device = ["taox_paper", "hku_hpe_taox_2026"]
    n_reads = [0, 4]
    calibration = ["redundant:4+ramp_aware"]
    "comparator.sigma_offset_V" = [0, 1e-3]
    "device.stuck_off_prob" = [0.01]
    """
    points = load_study(write(text)).points()
    assert len(points) == 64
    last = points[-1]
    assert dict(last.labels) == {
        "function": "x**2 + x",
        "levels": "zero",
        "range": "-3:3.5",
        "device": "hku_hpe_taox_2026",
        "n_reads": 4,
        "calibration": "ramp_aware+redundant:4",
        "comparator.sigma_offset_V": 1e-3,
        "device.stuck_off_prob": 0.01,
    }
    assert last.x_range == (-3.0, 3.5)
    assert (last.circuit.n_reads, last.circuit.comparator.sigma_offset_V) == (4, 1e-3)
    assert last.device.stuck_off_prob.value == 0.01
    assert last.device.sigma_prog_uS.constant == 3.894


def test_device_section_overrides_hold_for_every_device(write: Write) -> None:
    study = load_study(write('[device]\nsigma_prog_uS = 2\n[vary]\ndevice = ["taox_paper", "neurram_2022"]'))
    assert [point.device.sigma_prog_uS.constant for point in study.points()] == [2.0, 2.0]


def test_tables_and_device_files_are_relative_to_the_study(write: Write) -> None:
    write("x,y\n0,0\n1,2\n3,3\n", "curve.csv")
    preset = Path(__file__).parents[2] / "rampjax/config/presets/taox_paper.toml"
    write(preset.read_bytes(), "mine.toml")
    study = load_study(write('[design]\nfunction = "curve.csv"\n[device]\npreset = "mine.toml"'))
    (point,) = study.points()
    assert point.function == "curve.csv"
    assert point.make_function().name == "curve.csv"
    assert point.device.name == "mine"
    before = study.canonical()
    write("x,y\n0,0\n1,2\n3,4\n", "curve.csv")
    assert before["tables"] != study.canonical()["tables"]


def test_canonical_is_strict_json_and_says_what_results_depend_on(write: Write, study_text: str) -> None:
    path = write(study_text)
    canonical = load_study(path).canonical()
    assert json.loads(json.dumps(canonical, allow_nan=False)) == canonical
    assert canonical == load_study(path).canonical()
    assert canonical["devices"][0]["sigma_prog_uS"] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert canonical["circuit"]["ramp"]["q_inj_fC"] == 0.0
    infinite = load_study(path, ["design.range=-inf:inf"]).canonical()
    assert infinite["design"]["range"] == "-inf:inf"
    json.dumps(infinite, allow_nan=False)
    for override in (
        "seed=2",
        "samples=1",
        "circuit.t_clk_ns=2",
        "measure.confidence=0.9",
        "device.v_read_V=0.1",
        "mac.v_clip_V=1",
    ):
        assert load_study(path, [override]).canonical() != canonical


def test_what_is_set_is_no_longer_varied(write: Write, study_text: str) -> None:
    path = write(study_text)
    study = load_study(path, ["design.bits=8", "device.sigma_prog_uS=4.0", "design.range=-4:4", "seed=7"])
    assert study.seed == 7
    assert {(p.bits, p.device.sigma_prog_uS.constant, p.x_range) for p in study.points()} == {(8, 4.0, (-4.0, 4.0))}
    assert len(study.points()) == 2 * 3
    assert load_study(path, ["device.preset=neurram_2022"]).points()[0].device.name == "neurram_2022"


MUTATIONS = [
    ("samples = 40_000", "samples = 0", "`samples` must be between 1"),
    ("samples = 40_000", "samples = 4e4", "`samples` must be an integer, but is 40000.0"),
    ("samples = 40_000", "sample = 40_000", "`sample` is not a known key. Did you mean `samples`"),
    ("samples = 40_000", 'samples = "many"', '`samples` must be an integer, but is "many"'),
    ("seed = 1", "seed = -1", "`seed` must be between 0 and 9223372036854775807"),
    ("seed = 1", "seed = 9223372036854775808", "`seed` must be between 0"),
    ("seed = 1", "seed = true", "`seed` must be an integer, but is true"),
    ("seed = 1", "seed =", r"is not valid TOML: .*line 3"),
    ("seed = 1", 'name = "x"', "`name` is not a known key"),
    ("seed = 1", 'folder = "x"', "`folder` is not a known key"),
    ("[design]\n", "[desing]\n", "`desing` is not a known key. Did you mean `design`"),
    ('levels = "midrise"', 'levels = "mid"', '`design.levels` must be one of .*, but is "mid". Did you mean `midrise`'),
    ('levels = "midrise"', "level = 1", "`design.level` is not a known key. Did you mean `design.levels`"),
    ('levels = "midrise"', 'range = "4:-4"', "`design.range` must have its low end below its high end"),
    ('levels = "midrise"', "range = [1]", r'`design.range` must be "LO:HI" or \[lo, hi\], but is \[1\]'),
    ('levels = "midrise"', "range = [inf, inf]", "`design.range` must have its low end"),
    ('levels = "midrise"', "bits = 5", "`design.bits` is also varied by `vary.bits`"),
    ('preset = "taox_paper"', "preset = 3", "`device.preset` must be text in quotes"),
    ('preset = "taox_paper"', 'preset = "taox"', "`device.preset`: `taox` is not a known device.*`taox_paper`"),
    ('preset = "taox_paper"', 'preset = "no.toml"', r"no.toml: no such file"),
    ('preset = "taox_paper"', "sigma_prog = 1", "`device.sigma_prog` is not a known key. Did you mean `device.sigma_"),
    ('preset = "taox_paper"', "sigma_prog_uS = 1", "`device.sigma_prog_uS` is also varied"),
    ('preset = "taox_paper"', "g_max_uS = 0", "`device.g_max_uS` must be positive"),
    ('preset = "taox_paper"', "g_min_uS = 160", "`g_min_uS` must be below `g_max_uS`"),
    ("[device]", "[circuit]\nn_read = 1\n[device]", "`circuit.n_read` is not a known key. Did you mean `circuit.n_re"),
    ("[device]", "[circuit]\nn_reads = -1\n[device]", "`circuit.n_reads` must be between 0"),
    ("[device]", "[ramp]\nq_inj = 1\n[device]", "`ramp.q_inj` is not a known key. Did you mean `ramp.q_inj_fC`"),
    ("[device]", "[ramp]\nq_inj_fC = 'a'\n[device]", '`ramp.q_inj_fC` must be a number, but is "a"'),
    ("[device]", "[rump]\nq_inj_fC = 1\n[device]", "`rump` is not a known key. Did you mean `ramp`"),
    (
        "[device]",
        "[array]\nn_ramps = 2\n[device]",
        r"`array.n_ramps` must be at most `array.n_columns` \(1\), but is 2",
    ),
    ('levels = "midrise"', "column_bits = 5", "`design.column_bits` must be at least `design.bits` \\(6\\), but is 5"),
    (
        'levels = "midrise"',
        "column_bits = 8\nlevels = 'zero'",
        "`design.levels` must be midrise beside `design.column_b",
    ),
    (
        "bits = [4, 5, 6]",
        '"device.drift_nu" = [1]',
        r"cannot be set by a number, expected in a device file, in the table",
    ),
    ("[device]", "[circuit]\nc_int_fF = 0\n[device]", "`circuit.c_int_fF` must be positive"),
    ("bits = [4, 5, 6]", "bits = [4, 17]", "`vary.bits` must be between 2 and 16, but is 17"),
    ("bits = [4, 5, 6]", "bits = [4, 5.0]", "`vary.bits` must be an integer, but is 5.0"),
    ("bits = [4, 5, 6]", "bits = [4, 4]", "`vary.bits` must not have a value twice, but 4 is there again"),
    ("bits = [4, 5, 6]", "bits = []", "`vary.bits` must be a list of at least one value"),
    ("bits = [4, 5, 6]", "bits = 4", "`vary.bits` must be a list of at least one value, but is 4"),
    ("bits = [4, 5, 6]", "bit = [4]", "`vary.bit` is not a known key. Did you mean `vary.bits`"),
    ("bits = [4, 5, 6]", '"device.sigma" = [4]', "`vary.device.sigma` is not a known key. Did you mean `vary.device."),
    ("bits = [4, 5, 6]", "device = ['taox_paper', 'x']", "`vary.device` is|`device.preset` is also varied"),
    ("bits = [4, 5, 6]", "n_reads = [1]\n'circuit.n_reads' = [2]", "are the same, expected one of them"),
    ('"one_point", "ramp_aware"]', '"one_pint"]', "`calibration` has the unknown word `one_pint`"),
    ('"one_point", "ramp_aware"]', '"ramp_aware+one_point", "one_point+ramp_aware"]', "must not have a value twice"),
    ('["sigmoid", "tanh"]', '["sigmoid", "tahn"]', "`vary.function`: .*`tahn`.*`tanh`"),
    ('["sigmoid", "tanh"]', '["sigmoid", "no.csv"]', "`vary.function`: .*no.csv: no such file"),
    ('["sigmoid", "tanh"]', "['__import__(\"os\")']", "`vary.function`: "),
    ("[1.0, 2.67, 4.0]", "[1.0, -2.67]", r'`vary."device.sigma_prog_uS"` must be at least 0, but is -2.67'),
    ("[1.0, 2.67, 4.0]", "[1.0, 'a']", r'`vary."device.sigma_prog_uS"` must be a number, but is "a"'),
    ('["max_inl_lsb", "rmse_lsb"]', '["max_inl"]', r"`measure.names\[0\]` must be one of.*Did you mean `max_inl_lsb`"),
    ('["max_inl_lsb", "rmse_lsb"]', "[]", "`measure.names` must have at least one entry"),
    ('["max_inl_lsb", "rmse_lsb"]', '"rmse_lsb"', "`measure.names` must be a list"),
    ('"max_inl_lsb"\n', '"enob"\n', "`measure.yield_of` must be one of"),
    ("[0.25, 0.5, 1.0]", "[0.25, 0]", r"`measure.specs_lsb\[1\]` must be positive, but is 0"),
    ("[0.25, 0.5, 1.0]", "[0.25, 0.25]", "`measure.specs_lsb` must not name anything twice"),
    ("confidence = 0.95", "confidence = 95", "`measure.confidence` must be above 0 and below 1, but is 95"),
    ('"transfer"]', '"transfers"]', r"`report.figures\[2\]` must be one of .*Did you mean `transfer`"),
    ('[report]\nfigures = ["yield_vs_spec", "inl_per_code", "transfer"]', "", ""),
]


@pytest.mark.parametrize(("old", "new", "message"), MUTATIONS)
def test_mistakes_are_refused_with_file_and_key(
    old: str, new: str, message: str, write: Write, study_text: str
) -> None:
    assert old in study_text
    path = write(study_text.replace(old, new, 1))
    if not message:
        load_study(path)
        return
    with pytest.raises(InputError, match=message) as caught:
        load_study(path)
    assert "study.toml: " in str(caught.value) or "no.toml: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".") or "?" in str(caught.value)


@pytest.mark.parametrize("section", ["design", "device", *BLOCKS, "vary", "measure", "report"])
def test_a_section_that_is_no_table_is_refused(section: str, write: Write) -> None:
    with pytest.raises(InputError, match=rf"study\.toml: `{section}` must be a table"):
        load_study(write(f"{section} = 3"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected a study"),
        (b"# nothing\n", "is empty, expected a study"),
        (b"a = [1,", "is not valid TOML"),
        (b"title = 'x'\ntitle = 'y'", "is not valid TOML: .*line 2"),
        (b"title = '\xff'", "is not text in UTF-8"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_files_that_are_no_toml(content: bytes, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=message):
        load_study(write(content))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: no such file"):
        load_study(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_study(tmp_path)


def test_too_many_points_are_refused_before_they_are_built(write: Write) -> None:
    many = list(range(1000))
    with pytest.raises(InputError, match="at most 10000 points, but makes 1000000"):
        load_study(write(f'[vary]\nn_reads = {many}\n"device.bias_prog_uS" = {many}'))


def test_two_devices_of_one_name_are_refused(write: Write) -> None:
    with pytest.raises(InputError, match="must not have two devices of one name"):
        load_study(write('[vary]\ndevice = ["taox_paper", "other/taox_paper.toml"]'))


def test_joint_mistakes_are_found_before_anything_runs(write: Write) -> None:
    text = '[device]\ng_max_uS = 300\n[vary]\ndevice = ["taox_paper", "ihp_hfo2_milo"]'
    with pytest.raises(InputError, match=r"study\.toml: device ihp_hfo2_milo: `sigma_prog_uS` is valid from 50 to 225"):
        load_study(write(text))


# --- KEY=VALUE ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("device.sigma_prog_uS=4.0", ("device.sigma_prog_uS", 4.0)),
        ("circuit.n_reads = 4", ("circuit.n_reads", 4)),
        ("design.levels=zero", ("design.levels", "zero")),
        ('design.levels="zero"', ("design.levels", "zero")),
        ("design.function=x**2 == 1", ("design.function", "x**2 == 1")),
        ("design.range=-4:4", ("design.range", "-4:4")),
        ("measure.specs_lsb=[0.5, 1]", ("measure.specs_lsb", [0.5, 1])),
        ("a=1\nb=2", ("a", "1\nb=2")),
        ("circuit.n_reads=1_0", ("circuit.n_reads", "1_0")),
        ("measure.specs_lsb=[0.5, 1_0.0]", ("measure.specs_lsb", "[0.5, 1_0.0]")),
        ('design.function="x*f1_0"', ("design.function", "x*f1_0")),
    ],
)
def test_parse_override(text: str, expected: tuple[str, object]) -> None:
    assert parse_override(text) == expected


@pytest.mark.parametrize("text", ["", "a", "=1", "a=", " = ", "a= "])
def test_parse_override_wants_key_and_value(text: str) -> None:
    with pytest.raises(InputError, match="KEY=VALUE"):
        parse_override(text)


@given(st.text())
@example("a=" + "[" * 100_000)
@example("a=" + "9" * 5000)
@example("a=2020-01-01")
@example("a={b=1}")
def test_parse_override_raises_nothing_but_input_errors(text: str) -> None:
    try:
        key, value = parse_override(text)
    except InputError:
        return
    assert key == text.partition("=")[0].strip()
    assert value is not None


NUMBERS = st.one_of(st.floats(), st.integers(), st.just(10**400))


@given(st.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True), NUMBERS.filter(lambda n: n == n))
def test_parse_override_reads_numbers_back(key: str, value: float) -> None:
    assert parse_override(f"{key}={value!r}") == (key, value)


JUNK = st.one_of(
    st.text(max_size=20), NUMBERS.map(repr), st.sampled_from(["true", "[]", "[1]", "{}", "2020-01-01", "''"])
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(POINT_KEYS), JUNK)
def test_no_override_value_gets_past_the_checks(key: str, value: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(point_from_options(overrides=[f"{key}={value}"]), Point)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from([*VARY_KEYS, "x"]),
    values=st.lists(st.one_of(NUMBERS, st.booleans(), st.text(max_size=5)), max_size=3),
)
def test_no_list_of_values_gets_past_the_checks(key: str, values: list[object], write: Write) -> None:
    literals = [
        str(v).lower() if isinstance(v, bool) else json.dumps(v) if isinstance(v, str) else repr(v) for v in values
    ]
    with contextlib.suppress(InputError):
        assert load_study(write(f'[vary]\n"{key}" = [{", ".join(literals)}]')).points()


# --- options of the command line ---


def test_point_from_options() -> None:
    point = point_from_options(
        "x**3", 6, "zero", "-2:2", "redundant:2+one_point", "neurram_2022", ["device.v_read_V=0.1"]
    )
    assert (point.function, point.bits, point.levels, point.x_range) == ("x**3", 6, "zero", (-2.0, 2.0))
    assert point.calibration == "one_point+redundant:2"
    assert point.device.v_read_V.value == 0.1
    assert point.device_overrides == {"v_read_V": 0.1}
    assert point_from_options(overrides=["design.bits=8", "circuit.n_reads=4"]).bits == 8


def test_point_from_a_table(write: Write) -> None:
    table = write("0,0\n1,1\n", "curve.txt")
    assert point_from_options(str(table), is_table=True).make_function().x_hi == 1.0
    table = write("0,0\n2,1\n", "curve.CSV")
    assert point_from_options(str(table)).make_function().x_hi == 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function": "sigmod"}, "`sigmod`.*Did you mean `sigmoid`"),
        ({"function": "__import__('os').system('id')"}, "__import__"),
        ({"function": " "}, "`function` must not be empty"),
        ({"function": "no.csv"}, r"no\.csv: no such file"),
        ({"bits": 0}, r"^`bits` must be between 2 and 16, but is 0\.$"),
        ({"bits": 17}, r"^`bits` must be between 2 and 16, but is 17\.$"),
        ({"levels": "mid"}, "`levels` must be one of `midrise`, `endpoint`, `zero`"),
        ({"range": "1:1"}, '`range` must have its low end below its high end, but is "1:1"'),
        ({"range": "a:b"}, '`range` must be "LO:HI"'),
        ({"range": "1"}, '`range` must be "LO:HI"'),
        ({"range": (float("nan"), 1.0)}, "`range` must have its low end"),
        ({"calibration": "one_pont"}, "`one_pont`"),
        ({"device": "taox"}, "`taox` is not a known device"),
        ({"overrides": ["device.sigma_prog=4"]}, "--set: `device.sigma_prog` is not a known key. Did you mean"),
        ({"overrides": ["sigma=4"]}, "--set: `sigma` is not a known key"),
        ({"overrides": ["measure.confidence=0.9"]}, "--set: `measure.confidence` is not a known key"),
        ({"overrides": ["design.bits=4", "design.bits=5"]}, "--set: `design.bits` is set twice"),
        (
            {"overrides": ["circuit.sigma_offset_V=1"]},
            "--set: `circuit.sigma_offset_V` is not a known key. Did you mean",
        ),
        ({"overrides": ["design.column_bits=4"]}, "`design.column_bits` must be at least `design.bits`"),
        (
            {"device": "ibm_pcm", "overrides": ["programming.mode=write_verify"]},
            "`programming.mode` must be plain on ibm_pcm, which has no figures of write-verify",
        ),
        ({"overrides": ["circuit.n_reads=1.5"]}, "--set: `circuit.n_reads` must be an integer, but is 1.5"),
        ({"device": "ihp_hfo2_milo", "overrides": ["device.g_max_uS=300"]}, "`sigma_prog_uS` is valid from 50"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        point_from_options(**options)  # type: ignore[arg-type]


def test_an_option_does_not_hide_what_is_wrong_in_the_file(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text('title = "t"\nsamples = "lots"\n')
    with pytest.raises(InputError, match=r"wrong\.toml: `samples` must be an integer"):
        load_study(path, ["samples=500"])


@pytest.mark.parametrize("value", ["1e39", "1e-300"])
def test_figures_beyond_single_precision_are_refused(tmp_path, value):
    path = tmp_path / "study.toml"
    path.write_text(f'title = "t"\n[circuit]\nc_int_fF = {value}\n')
    with pytest.raises(InputError, match="c_int_fF"):
        load_study(path)


def test_what_a_study_rests_on_has_curves_of_every_form(tmp_path: Path) -> None:
    path = tmp_path / "devices.toml"
    path.write_text('title = "?"\n[vary]\ndevice = ["ibm_cmo_hfox", "ibm_pcm"]\n[design]\nbits = 3\n')
    table, power = (numbers for numbers in load_study(path).canonical()["devices"])
    assert table["sigma_read_uS"][0] == "table"
    assert power["sigma_slow_uS"][0] == "power_law"


def test_what_a_study_rests_on_has_shapes_by_the_age(tmp_path: Path) -> None:
    even = [12**0.5 * (k / 8 - 0.5) for k in range(9)]
    preset = (resources.files("rampjax.config") / "presets" / "taox_paper.toml").read_text(encoding="utf-8")
    shapes = f"[relax_quantiles]\nages_s = [1.0, 10.0]\nquantiles = [{even}, {even}]\n"
    (tmp_path / "mine.toml").write_text(f'{preset}\n{shapes}certainty = "user"\nsource = "a test"\n')
    path = tmp_path / "study.toml"
    path.write_text(f'title = "?"\n[vary]\ndevice = ["{tmp_path / "mine.toml"}"]\n[design]\nbits = 3\n')
    (numbers,) = load_study(path).canonical()["devices"]
    assert numbers["relax_quantiles"] == ["ages", 2, 1.0, 10.0, 0, *even, *even]
