"""Tables: what is written reads back, the same bytes each time, and bad files are named in a sentence."""

import dataclasses
import gzip

import numpy as np
import pandas as pd
import pytest

from rampjax.checks import InputError
from rampjax.report.tables import (
    FILES,
    as_stored,
    check_tables,
    from_csv_text,
    key_columns,
    read_tables,
    to_csv_text,
    write_tables,
    write_whole,
)


def assert_same(left, right):
    for name in FILES:
        pd.testing.assert_frame_equal(getattr(left, name), getattr(right, name))


def test_round_trip_is_exact_after_rounding(study, tmp_path):
    _, tables = study
    paths = write_tables(tmp_path, tables)
    assert sorted(path.name for path in paths) == ["bands.csv.gz", "summary.csv", "yield.csv", "yield_curve.csv"]
    back = read_tables(tmp_path)
    assert_same(back, as_stored(tables))
    assert_same(as_stored(back), back)
    for name in FILES:
        frame, rounded = getattr(tables, name), getattr(back, name)
        numbers = frame.select_dtypes("number").columns
        np.testing.assert_allclose(rounded[numbers], frame[numbers], rtol=1e-5, atol=1e-12)


def test_bytes_do_not_depend_on_time_or_folder(study, tmp_path):
    _, tables = study
    first = {path.name: path.read_bytes() for path in write_tables(tmp_path / "a", tables)}
    second = {path.name: path.read_bytes() for path in write_tables(tmp_path / "b", tables)}
    assert first == second
    assert gzip.decompress(first["bands.csv.gz"]).startswith(b"function,bits,")


def test_columns_of_yield_csv(study, tmp_path):
    write_tables(tmp_path, study[1])
    head = (tmp_path / "yield.csv").read_text().splitlines()[0]
    assert head == (
        "function,bits,device,calibration,spec_lsb,yield_fraction,ci_low,ci_high,n_samples,static_yield_fraction,"
        "static_yield_fraction_ci_low,static_yield_fraction_ci_high,total_yield_fraction,total_yield_fraction_ci_low,"
        "total_yield_fraction_ci_high"
    )


def test_words_stay_words_and_missing_numbers_missing(single):
    frame = single[1].summary.assign(calibration="none", device="NA", function="nan", range="-4:4", std=np.nan)
    back = from_csv_text(to_csv_text(frame), "summary")
    assert back["calibration"].iloc[0] == "none"
    assert back["device"].iloc[0] == "NA"
    assert back["function"].iloc[0] == "nan"
    assert back["range"].iloc[0] == "-4:4"
    assert back["std"].isna().all()


def test_key_columns_are_all_but_values(make):
    _, tables = make(n_chips=20, sigma=[1.0, 2.0])
    keys = ["function", "bits", "device", "calibration", "device.sigma_prog_uS"]
    assert key_columns(tables.yields) == key_columns(tables.bands) == keys
    assert key_columns(tables.summary) == ["levels", *keys]


@pytest.mark.parametrize("name", list(FILES))
def test_empty_table_and_missing_column_are_refused(single, name):
    _, tables = single
    with pytest.raises(InputError, match=f"`{name}` must have at least one row"):
        check_tables(dataclasses.replace(tables, **{name: getattr(tables, name).iloc[:0]}))
    with pytest.raises(InputError, match=f"`{name}` must have a column `bits`"):
        check_tables(dataclasses.replace(tables, **{name: getattr(tables, name).drop(columns="bits")}))


@pytest.mark.parametrize(
    ("file_name", "content", "sentence"),
    [
        ("yield.csv", None, "there is no such file"),
        ("yield.csv", b"", "cannot be read"),
        ("yield.csv", b"function\n\xff\xfe", "cannot be read"),
        ("yield.csv", b"function,bits\nsigmoid,5\n", "must have a column `device`"),
        ("bands.csv.gz", b"plain text", "cannot be read"),
        ("bands.csv.gz", gzip.compress(b"x" * 999, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_broken_files_are_named(single, tmp_path, file_name, content, sentence):
    write_tables(tmp_path, single[1])
    if content is None:
        (tmp_path / file_name).unlink()
    else:
        (tmp_path / file_name).write_bytes(content)
    with pytest.raises(InputError, match=sentence) as error:
        read_tables(tmp_path)
    assert file_name in str(error.value)


def test_text_among_numbers_is_refused(single, tmp_path):
    write_tables(tmp_path, single[1])
    path = tmp_path / "yield.csv"
    path.write_text(path.read_text().replace("0.25,", "quarter,", 1))
    with pytest.raises(InputError, match="numbers in column `spec_lsb`"):
        read_tables(tmp_path)


def test_a_file_is_whole_or_absent(tmp_path):
    path = write_whole(tmp_path / "deep" / "file", b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(path / "below-a-file", b"")
