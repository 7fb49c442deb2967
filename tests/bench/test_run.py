import json
import subprocess
import sys

import pytest

from rampjax.bench.run import run_bench
from rampjax.bench.text import bench_text
from rampjax.checks import InputError
from rampjax.cli import main


@pytest.fixture(scope="module")
def record():
    return run_bench(3, 0.01, scale=0.01, rounds=1)


def test_record_is_flat_and_strict(record):
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    for key, value in record.items():
        items = value if isinstance(value, list) else [value]
        assert items, key
        assert all(type(item) in (int, float, str) for item in items), key


def test_contenders_compute_the_same(record):
    assert record["contenders_agree"] == 1
    assert record["n_codes_that_differ"] == 0
    assert record["checked"] == ["floor", "static none", "static ramp_aware", "noise once", "noise every step"]
    assert all(0 < apart < 4.5 for apart in record["widest_disagreement_standard_errors"])


def test_names_and_rates_go_together(record):
    for part, unit in (("floor", "mchip"), ("static", "mchip"), ("conversion", "mconversion")):
        columns = [
            record[f"{part}_{end}"] for end in ("names", f"{unit}_per_s", f"median_{unit}_per_s", "first_call_s")
        ]
        assert len({len(column) for column in columns}) == 1
        assert min(columns[1]) > 0
    assert len(record["conversion_noise"]) == len(record["conversion_names"])
    assert record["normals_per_chip"] == 6


def test_ratio_is_against_the_fastest_floor(record):
    fastest = max(record["floor_mchip_per_s"])
    assert record["floor_names"][record["floor_mchip_per_s"].index(fastest)] == record["fastest_floor"]
    ours = record["static_mchip_per_s"][record["static_names"].index("rampjax, none")]
    assert record["static_vs_floor"] == pytest.approx(ours / fastest, rel=2e-3)
    assert isinstance(record["static_vs_floor"], float)


def test_text_shows_every_contender(record):
    text = bench_text(record)
    for name in [*record["floor_names"], *record["static_names"], *record["conversion_names"]]:
        assert name in text
    assert record["jax_version"] in text
    assert "compute the same" in text
    assert "NOT" in bench_text({**record, "contenders_agree": 0})


@pytest.mark.parametrize(
    ("bits", "seconds", "message"),
    [
        (1, 1.0, "`bits` must be between 2 and 10, but is 1."),
        (11, 1.0, "`bits` must be between 2 and 10, but is 11."),
        (5, 0.0, "`seconds` must be a positive number, but is 0."),
        (5, float("nan"), "`seconds` must be a positive number, but is nan."),
        (5, float("inf"), "`seconds` must be a positive number, but is inf."),
    ],
)
def test_bad_input(bits, seconds, message):
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        run_bench(bits, seconds)


def test_command_refuses_in_one_sentence():
    command = "from rampjax.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "bench", "--bits", "12"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "rampjax: `bits` must be between 2 and 10, but is 12.\n"


def test_command_prints_one_json_object(record, monkeypatch, capsys):
    monkeypatch.setattr("rampjax.bench.run.run_bench", lambda bits, seconds, advance: {**record, "bits": bits})
    monkeypatch.setattr(sys, "argv", ["rampjax", "bench", "--json", "--bits", "4", "--seconds", "2.5"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert json.loads(capsys.readouterr().out) == {**record, "bits": 4}
