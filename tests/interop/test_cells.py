"""Measured cells read from tables."""

import hashlib

import numpy as np
import pytest
from cells_twin import TECHC, cells_table, made_cells, techc_folder

from rampjax.checks import InputError
from rampjax.config.cells_section import CellsConfig
from rampjax.config.devices import load_device
from rampjax.interop.cells import group_cells, read_cells
from rampjax.study.cells import device_cells


def config(data, **more):
    said = {"license": "CC0", "source": "made up"}
    return CellsConfig(file="cells.csv", sha256=hashlib.sha256(data).hexdigest(), **said, **more)


def test_a_table_gives_the_cells_that_it_holds(tmp_path):
    target, reads = made_cells(per_target=2)
    data = cells_table(target, reads).encode()
    (tmp_path / "cells.csv").write_bytes(data)
    cells = read_cells(tmp_path / "cells.csv", config(data, window_uS=0.5))
    assert (cells.n_cells, cells.name, cells.window_uS) == (40, "cells.csv", 0.5)
    order = np.argsort([f"c{cell}" for cell in range(40)])
    np.testing.assert_array_equal(cells.target_uS, target[order])
    np.testing.assert_array_equal(cells.g_uS, reads[order])


def test_reads_come_in_any_order_and_those_of_one_age_are_averaged():
    columns = {
        "device": np.array(["b", "a", "a", "b", "a", "b"], dtype=object),
        "time": np.array([10.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
        "target": np.array([7.0, 5.0, 5.0, 7.0, 5.0, 7.0]),
        "measured": np.array([9.0, 6.0, 5.5, 7.0, 8.0, 8.0]),
    }
    cells = group_cells(columns, "two")
    np.testing.assert_array_equal(cells.target_uS, [5.0, 7.0])
    np.testing.assert_array_equal(cells.age_s, [[0.0, 1.0], [0.0, 10.0]])
    np.testing.assert_array_equal(cells.g_uS, [[5.5, 7.0], [7.5, 9.0]])


def test_each_programming_of_a_cell_is_one_of_its_own():
    columns = {
        "device": np.array(["a", "a", "a"], dtype=object),
        "cycle": np.array([1.0, 1.0, 2.0]),
        "time": np.array([0.0, 5.0, 0.0]),
        "target": np.array([7.0, 7.0, 9.0]),
        "measured": np.array([7.5, 7.0, 9.5]),
    }
    cells = group_cells(columns, "twice")
    np.testing.assert_array_equal(cells.target_uS, [7.0, 9.0])
    np.testing.assert_array_equal(cells.age_s, [[0.0, 5.0], [0.0, np.nan]])
    with pytest.raises(InputError, match=r"^cell a has two targets, 7 and 9 µS, expected one"):
        group_cells({key: values for key, values in columns.items() if key != "cycle"}, "twice")


def test_without_devices_every_read_is_a_cell():
    columns = {"target": np.array([5.0, 5.0]), "measured": np.array([5.5, 6.0])}
    assert group_cells(columns, "two").g_uS.tolist() == [[5.5], [6.0]]
    with pytest.raises(InputError, match="has reads at several ages but no column `device`"):
        group_cells({**columns, "time": np.array([0.0, 1.0])}, "two")


def test_another_file_is_refused(tmp_path):
    data = cells_table(*made_cells(per_target=2)).encode()
    path = tmp_path / "cells.csv"
    path.write_bytes(data + b"c1,2,3,4\n")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=f"is not the file that the device names: its SHA-256 is {found}, expected "):
        read_cells(path, config(data))


@pytest.mark.parametrize(("key", "value"), [("sep", "x"), ("decimal", "dot"), ("columns", "a,,b")])
def test_a_way_of_reading_that_is_none_is_said_with_its_key(tmp_path, key, value):
    data = b"device,target_uS,measured_uS\na,1,1\n"
    (tmp_path / "cells.csv").write_bytes(data)
    with pytest.raises(InputError, match=f"`cells.{key}`"):
        read_cells(tmp_path / "cells.csv", config(data, **{key: value}))


def test_technology_c_is_read_whole():
    folder = techc_folder()
    if folder is None:
        pytest.skip(f"{TECHC} is not there; RAMPJAX_DATA names its folder")
    cells = device_cells(load_device("levy_techc_cells"), folder)
    assert cells.n_cells == 16_292
    assert int(np.isfinite(cells.g_uS).sum()) == 89_115
    assert cells.errors_uS(0.0)[cells.target_uS < 40].std() == pytest.approx(0.35, abs=0.01)
    spread = cells.errors_uS(1e5)[cells.target_uS < 40].std()
    assert spread == pytest.approx(3.63, abs=0.02)
