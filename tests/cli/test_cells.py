"""The option --data of the command line."""

from cells_twin import cells_table, device_toml, made_cells
from commands import strict


def test_a_yield_of_measured_cells(rampjax, tmp_path, monkeypatch):
    monkeypatch.delenv("RAMPJAX_DATA", raising=False)
    table = cells_table(*made_cells())
    (tmp_path / "made.toml").write_text(device_toml(table))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cells.csv").write_text(table)
    common = ("yield", "sigmoid", "--bits", "3", "--device", "made.toml", "--set", "operation.age_s=1e5", "--json")
    refused = rampjax(*common)
    assert refused.status == 2
    assert refused.out == ""
    assert "give its folder by --data DIR or by the environment variable RAMPJAX_DATA" in refused.err
    record = strict(rampjax(*common, "--samples", "300", "--spec", "1", "--data", "data").out)
    assert 0.05 < record["yield_fraction"] < 0.95
    shown = rampjax("devices", "made.toml").out
    assert "cells = a cell of cells.csv with the nearest target" in shown
    assert "license: CC0" in shown
    assert rampjax("yield", "sigmoid", "--data", "data").err.startswith("rampjax: --data has no effect")
