import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.polynomial import polynomial

from rampjax.checks import InputError
from rampjax.circuit.curves import curve_at_uS
from rampjax.circuit.device_faults import REPLACED_BY_CELLS
from rampjax.config.device_values import CERTAINTIES, Certainty
from rampjax.config.devices import CURVES, FIELDS, check_device_value, device_names, load_device
from rampjax.config.points import point_from_options
from rampjax.config.records import flat_figure
from rampjax.report.device_text import device_lines, device_record, preset_lines

PRESETS = [
    "hku_hpe_taox_2026",
    "hku_taox_readc_2025",
    "hpe_taox_defects_2017",
    "ibm_cmo_hfox",
    "ibm_pcm",
    "ihp_hfo2_milo",
    "levy_techc",
    "levy_techc_cells",
    "levy_techc_empirical",
    "neurram_2022",
    "taox_paper",
    "umass_hfox_2018",
]
SLOW = {"sigma_slow_uS": 0.1, "slow_t_lo_s": 1e-3, "slow_t_hi_s": 1e5}
PUBLISHED = ("seen", "derived", "reported", "measured", "fitted", "assumed")


def test_the_presets_are_there() -> None:
    assert device_names() == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_field_of_a_preset_has_a_source_and_says_how_sure_it_is(name: str) -> None:
    device = load_device(name)
    assert device.name == name
    assert device.title
    for field in FIELDS:
        figure = device.figure(field)
        if figure is not None:
            assert len(figure.source) > 10
            assert figure.certainty in PUBLISHED
            assert figure.text


@pytest.mark.parametrize("name", PRESETS)
def test_sigma_is_not_negative_over_the_targets(name: str) -> None:
    device = load_device(name)
    g_uS = np.linspace(device.g_min_uS.value, device.g_max_uS.value, 1001)
    for field in (*CURVES, "failed_sigma_uS", "sigma_slow_uS"):
        figure = getattr(device, field)
        assert figure is None or (curve_at_uS(figure.numbers, g_uS) >= 0.0).all()


def test_published_figures() -> None:
    taox, hku = load_device("taox_paper"), load_device("hku_hpe_taox_2026")
    assert taox.sigma_prog_uS.coefficients_uS().tolist() == [2.67, 0, 0, 0, 0]
    assert taox.sigma_read_uS.coefficients_uS().tolist() == [3.5, 0, 0, 0, 0]
    assert (taox.g_min_uS.value, taox.g_max_uS.value, taox.v_read_V.value) == (0.0, 150.0, 0.2)
    assert (hku.bias_prog_uS.value, hku.sigma_prog_uS.constant, hku.sigma_read_uS.constant) == (0.108, 3.894, 0.0)
    milo = load_device("ihp_hfo2_milo")
    assert (milo.g_min_uS.value, milo.g_max_uS.value) == (50.0, 225.0)
    np.testing.assert_allclose(milo.sigma_prog_uS.coefficients_uS(), [4.782, -0.009107, 0, 0, 0])


def test_published_read_noise() -> None:
    """A constant of 0.4 µS per pair; 1/f noise and none of each read alone; 1/f up to 1 s, where relaxation begins."""
    assert load_device("neurram_2022").sigma_read_uS.constant == pytest.approx(0.01 * 40 / 2**0.5, rel=0.02)
    pcm, g_uS = load_device("ibm_pcm"), np.array([0.3, 1.0, 8.0, 25.0])
    assert (pcm.sigma_read_uS.constant, pcm.slow_t_lo_s.value) == (0.0, pytest.approx(2 * pcm.t_read_ns.value * 1e-9))
    np.testing.assert_allclose(curve_at_uS(pcm.sigma_slow_uS.numbers, g_uS), g_uS * 0.0088 * (g_uS / 25) ** -0.65)
    assert pcm.sigma_drift_nu.numbers == (-0.0125, -0.0059, 0.008, 0.045)
    cmo, g_uS = load_device("ibm_cmo_hfox"), np.linspace(9.0, 88.19, 300)
    published = 0.0277316 * np.log10(g_uS) * np.sqrt(np.log((1 + 1e-6) / 2e-6))
    np.testing.assert_allclose(curve_at_uS(cmo.sigma_read_uS.numbers, g_uS), published, rtol=0.01)
    assert (cmo.t_read_ns.value, cmo.sigma_slow_uS) == (1000.0, None)
    assert any("0.28 (assumed)" in line for line in preset_lines())
    assert any("2.73 (seen), and failures (derived)" in line for line in preset_lines())
    assert any("slow read noise (derived)" in line for line in preset_lines())


def test_unit_of_a_polynomial_is_absorbed() -> None:
    curve = load_device("neurram_2022").sigma_prog_uS
    for g_uS in (0.0, 7.0, 40.0):
        published = polynomial.polyval(g_uS / 40.0, [0.348, 16.030, -43.853, 45.393, -16.815])
        assert polynomial.polyval(g_uS, curve.coefficients_uS()) == pytest.approx(published, rel=1e-12)
    assert curve.text == "0.348 + 16.03 x - 43.853 x^2 + 45.393 x^3 - 16.815 x^4, x = g / 40 µS"


def test_clocks_and_units_are_plain() -> None:
    assert FIELDS["sigma_prog_uS"].clock == "static, set once per programming event"
    assert FIELDS["stuck_off_prob"].clock == "static, once per device"
    assert FIELDS["sigma_read_uS"].clock == "temporal, new at every read (cycle-to-cycle)"
    assert "not percent" in FIELDS["sigma_prog_uS"].unit


def test_overrides_replace_a_field_whatever_its_form() -> None:
    device = load_device("neurram_2022", {"sigma_prog_uS": 4, "g_ceiling_uS": 50.0, "bias_prog_uS": -0.1})
    assert device.sigma_prog_uS.coefficients_uS().tolist() == [4.0, 0, 0, 0, 0]
    assert device.sigma_prog_uS.certainty == "user"
    assert device.g_ceiling_uS is not None
    assert device.g_ceiling_uS.value == 50.0
    assert device.bias_prog_uS.value == -0.1
    assert load_device("neurram_2022").sigma_prog_uS.constant is None  # the preset itself is untouched


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("taox", {}, "`taox` is not a known device.*see `rampjax devices`.*Did you mean `taox_paper`"),
        ("taox_paper", {"sigma_prog": 1.0}, "`sigma_prog` is not a known key. Did you mean `sigma_prog_uS`"),
        ("taox_paper", {"sigma_prog_uS": -1}, "`sigma_prog_uS` must be at least 0, but is -1"),
        ("taox_paper", {"sigma_prog_uS": "4"}, '`sigma_prog_uS` must be a number, but is "4"'),
        ("taox_paper", {"sigma_prog_uS": True}, "`sigma_prog_uS` must be a number, but is true"),
        ("taox_paper", {"v_read_V": float("nan")}, "`v_read_V` must be a finite number, but is nan"),
        ("taox_paper", {"v_read_V": 10**400}, "`v_read_V` must be a"),
        ("taox_paper", {"v_read_V": 0}, "`v_read_V` must be positive, but is 0"),
        ("taox_paper", {"stuck_on_prob": 1.5}, "`stuck_on_prob` must be between 0 and 1, but is 1.5"),
        ("taox_paper", {"stuck_on_prob": 0.6, "stuck_off_prob": 0.6}, "must add up to at most 1"),
        ("taox_paper", {"g_min_uS": 150}, "`g_min_uS` must be below `g_max_uS`, but they are 150 and 150"),
        ("taox_paper", {"g_ceiling_uS": 100}, "`g_ceiling_uS` must be at least `g_max_uS`"),
        ("taox_paper", {"g_stuck_off_uS": 700}, "`g_stuck_off_uS` must not be above `g_stuck_on_uS`"),
        ("taox_paper", {"tau_read_ns": 0}, "`tau_read_ns` needs `t_read_ns`, the duration of the read"),
        ("taox_paper", {"tau_read_ns": -1, "t_read_ns": 1}, "`tau_read_ns` must be at least 0, but is -1"),
        ("taox_paper", {"sigma_slow_uS": 1}, "`sigma_slow_uS` needs `slow_t_lo_s` and `slow_t_hi_s`"),
        (
            "taox_paper",
            {"sigma_slow_uS": 1, "slow_t_lo_s": 10, "slow_t_hi_s": 1},
            r"`slow_t_lo_s` must be positive and below `slow_t_hi_s` \(1 s\), but is 10",
        ),
        ("ibm_cmo_hfox", SLOW, "`sigma_slow_uS` must be 0 beside `relax_sigma_uS`, a fitted .* already contains"),
        ("neurram_2022", SLOW, "`sigma_slow_uS` must be 0 beside `aged_sigma_uS`, a fitted .* already contains"),
        ("taox_paper", {"failed_prob": 0.1}, "`failed_prob` needs `failed_sigma_uS`"),
        ("taox_paper", {"failed_prob": 1.1}, "`failed_prob` must be between 0 and 1, but is 1.1"),
        ("taox_paper", {"t_read_ns": 0}, "`t_read_ns` must be positive, but is 0"),
        ("ihp_hfo2_milo", {"g_max_uS": 300}, "`sigma_prog_uS` is valid from 50 to 225 µS, but the targets"),
        ("ihp_hfo2_milo", {"g_min_uS": 10}, "`sigma_prog_uS` is valid from 50 to 225 µS, but the targets"),
    ],
)
def test_wrong_overrides_are_refused(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_device(name, overrides)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("relax_mean_uS", (-0.5, 0.0)),
        ("relax_sigma_uS", (0.5, 0.0)),
        ("sigma_drift_nu", 0.5),
        ("rtn_prob", 0.5),
        ("tc_rel_per_K", -0.5),
    ],
)
def test_what_a_preset_leaves_out_can_be_set(field: str, expected: float | tuple[float, float]) -> None:
    value = expected[0] if isinstance(expected, tuple) else expected
    figure = load_device("taox_paper", {field: value}).figure(field)
    assert figure is not None
    assert figure.numbers == expected
    assert figure.certainty == "user"


def test_slow_noise_stands_beside_a_relaxation_that_is_off() -> None:
    for name, off in (
        ("ibm_cmo_hfox", "relax_sigma_uS"),
        ("neurram_2022", "relax_sigma_uS"),
        ("hku_hpe_taox_2026", ""),
    ):
        device = load_device(name, SLOW | ({off: 0.0} if off else {}))
        assert device.sigma_slow_uS is not None
        assert device.sigma_slow_uS.constant == 0.1
    assert load_device("hku_hpe_taox_2026", SLOW).relax_sigma_uS is not None  # measured, and none was found
    assert load_device("ibm_cmo_hfox", {"sigma_slow_uS": 0.0}).relax_sigma_uS is not None


@pytest.mark.parametrize("field", [field for field, said in FIELDS.items() if not said.settable])
def test_what_is_no_single_number_is_set_in_files_only(field: str) -> None:
    table = field.replace("write_", "write.")
    with pytest.raises(InputError, match=rf"`device.{field}` cannot be set by a number, .* in the table \[{table}\]"):
        check_device_value(field, 1.0, "--set", f"device.{field}")


@pytest.mark.parametrize("field", ["sigma_prog_uS", "relax_sigma_uS"])
def test_a_spread_set_by_the_user_drops_the_curves_of_ages(field: str) -> None:
    assert load_device("neurram_2022").aged_sigma_uS is not None
    assert load_device("neurram_2022", {field: 1.0}).aged_sigma_uS is None
    assert load_device("neurram_2022", {"relax_mean_uS": 1.0}).aged_sigma_uS is not None


def test_a_loop_that_a_device_has_not_cannot_be_changed() -> None:
    with pytest.raises(InputError, match=r"`write_tolerance_uS` cannot be set on a device without the table \[write\]"):
        load_device("ibm_pcm", {"write_tolerance_uS": 1.0})


def test_a_figure_of_the_loop_can_be_set_where_there_is_one() -> None:
    device = load_device("hku_taox_readc_2025", {"write_tolerance_uS": 2.0, "write_max_pulses": 40})
    assert device.write is not None
    assert (device.write.tolerance_uS.value, device.write.max_pulses.value, device.write.n_early) == (
        2.0,
        40,
        load_device("hku_taox_readc_2025").figure("write_n_early"),
    )
    with pytest.raises(InputError, match=r"`write_max_pulses` must be an integer, but is 2\.5"):
        load_device("hku_taox_readc_2025", {"write_max_pulses": 2.5})
    with pytest.raises(InputError, match=r"`write\.bound_uS` has no effect in the scheme `compliance`"):
        load_device("hku_taox_readc_2025", {"write_bound_uS": 500.0})


def test_a_range_beyond_the_loop_is_for_plain_programming_only() -> None:
    plain = point_from_options(overrides=["device.g_max_uS=400"])
    assert plain.device.g_max_uS.value == 400.0
    with pytest.raises(InputError, match=r"`write.bound_uS` must be above `g_max_uS` \(400 µS\), but is 300"):
        point_from_options(overrides=["device.g_max_uS=400", "programming.mode=write_verify"])


def test_figures_of_presets_beside_the_first_ones() -> None:
    pcm, cmo, neurram = load_device("ibm_pcm"), load_device("ibm_cmo_hfox"), load_device("neurram_2022")
    assert pcm.drift_nu is not None
    assert pcm.drift_nu.numbers == (-0.0155, 0.0244, 0.049, 0.1)
    assert polynomial.polyval(25.0, pcm.sigma_prog_uS.coefficients_uS()) == pytest.approx(0.263 + 1.965 - 1.173)
    assert cmo.relax_mean_uS is not None
    assert cmo.relax_sigma_uS is not None
    assert (cmo.relax_mean_uS.numbers, cmo.relax_sigma_uS.numbers) == ((0.0, -0.089), (0.412, 0.042))
    assert cmo.relax_sigma_uS.text == "0.412 + 0.042 ln(t / 1 s)"
    assert neurram.aged_sigma_uS is not None
    days = dict(neurram.aged_sigma_uS.numbers)
    assert list(days) == [1.0, 86_400.0, 172_800.0]
    assert polynomial.polyval(40.0, days[172_800.0]) == pytest.approx(0.782 + 20.274 - 43.507 + 37.062 - 11.934)


@pytest.mark.parametrize("name", PRESETS)
def test_the_texts_show_every_figure_of_a_preset(name: str) -> None:
    device, lines, record = load_device(name), "\n".join(device_lines(name)), device_record(name)
    for field in FIELDS:
        figure = device.figure(field)
        if figure is None:
            assert field not in record
            continue
        if device.cells is not None and field in REPLACED_BY_CELLS:
            assert f"\n{field} =" not in lines
            continue
        assert f"\n{field} = {figure.text}" in lines
        assert f"{figure.certainty}: {figure.source}" in lines
        assert record[f"{field}_certainty"] == figure.certainty
        assert flat_figure(field, figure.numbers).items() <= record.items()
        assert not any(isinstance(item, list | tuple) for item in np.atleast_1d(record[field]).tolist())
    json.dumps(record, allow_nan=False)
    (row,) = [
        line for line in preset_lines() if line.startswith(f"{name} ") and "(" in line and device.title not in line
    ]
    assert all(f"({getattr(device, field).certainty})" in row for field in CURVES)


def test_every_word_for_a_certainty_may_stand_in_a_file_and_is_explained_where_it_does(tmp_path: Path) -> None:
    assert set(CERTAINTIES) == set(get_args(Certainty))
    said = next(line for line in preset_lines() if line.startswith("seen: "))
    assert all(f"{word}: {meaning}" in said for word, meaning in CERTAINTIES.items())
    preset = resources.files("rampjax.config").joinpath("presets/taox_paper.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(preset.replace('certainty = "reported"', 'certainty = "fitted"'), encoding="utf-8")
    lines = device_lines(str(path))
    assert any(line.startswith("    fitted: ") for line in lines)
    assert lines[-1].endswith("; fitted: determined by a fit to measured data; assumed: by us.")
    assert "seen: " not in lines[-1]


def test_devices_load_neither_jax_nor_pandas() -> None:
    code = (
        "import sys; from rampjax.config import devices; devices.load_device('taox_paper');"
        "sys.exit(any(name in sys.modules for name in ('jax', 'pandas', 'scipy', 'seaborn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
