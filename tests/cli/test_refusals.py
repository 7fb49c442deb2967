"""What the command line refuses, and how: one sentence that names the culprit, and nothing left behind."""

import re
from pathlib import Path

import pytest
from commands import Run, contents

FILES = {
    "nan.csv": "x,y\n0,0\n1,nan\n2,1\n",
    "one.csv": "x,y\n0,0\n",
    "unsorted.csv": "x,y\n0,0\n2,1\n1,3\n",
    "repeated.csv": "x,y\n0,0\n1,1\n1,3\n",
    "empty.csv": "",
    "empty.toml": "",
    "malformed.toml": 'title = "t"\nseed = = 3\n',
    "wrong.toml": 'title = "t"\nsamples = "many"\n',
    "key.toml": 'title = "t"\nsmaples = 5\n',
    "vary.toml": 'title = "t"\n[vary]\nbits = [3, 17]\n',
    "cannot.toml": 'title = "t"\nsamples = 5\n[device]\npreset = "ihp_hfo2_milo"\n[vary]\nbits = [2, 5]\n',
    "good.toml": 'title = "t"\nsamples = 5\n[report]\nfigures = []\n',
    "file": "not a folder\n",
    "full/notes.txt": "not a study\n",
}

REFUSED: list[tuple[list[str], list[str]]] = [
    # functions
    (["yield", "sigmod"], ["sigmod", "sigmoid"]),
    (["design", "--expr", "sigmod(x)"], ["sigmod"]),
    (["yield", "__import__('os').system('id')"], ["__import__"]),
    (["yield", "9**9**9**9**9"], ["9**9", "not finite"]),
    (["design", "x + 9**9**9**9**9"], ["9**9"]),
    (["design", "--expr", "(" * 400 + "x" + ")" * 400], ["expression"]),
    (["design", "3"], ["`3`"]),
    (["design", ""], ["function"]),
    (["yield"], ["FUNCTION", "--expr", "--table"]),
    (["design"], ["FUNCTION", "--expr", "--table"]),
    (["design", "sigmoid", "--expr", "x"], ["FUNCTION", "--expr", "--table"]),
    (["design", "--expr", "x", "--table", "one.csv"], ["FUNCTION", "--expr", "--table"]),
    (["design", "sigmoid", "tanh"], ["tanh"]),
    (["design", "1/x"], ["x = "]),
    (["design", "log(x)", "--range=-1:1"], ["x = -1"]),
    (["design", "gelu", "--range=-inf:inf"], ["gelu"]),
    # bits, range, levels, calibration
    *((["yield", "sigmoid", "--bits", bits], ["bits", bits]) for bits in ("0", "1", "17", "-3", "abc", "5.5")),
    *(
        (["yield", "sigmoid", f"--range={given}"], ["range", given])
        for given in ("1:1", "4:-4", "nan:1", "a", "1", "1:2:3", "")
    ),
    # Python's own spelling of thousands
    (["yield", "sigmoid", "--bits", "1_0"], ["--bits", "must be an integer", "1_0"]),
    (["yield", "sigmoid", "--samples", "1_000"], ["--samples", "must be an integer", "1_000"]),
    (["yield", "sigmoid", "--spec", "0.5_0"], ["--spec", "must be a number", "0.5_0"]),
    (["yield", "sigmoid", "--range=-1_0:10"], ["range", "-1_0:10"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS=1_0"], ["device.sigma_prog_uS", "must be a number", "1_0"]),
    (["yield", "sigmoid", "--set", "circuit.n_reads=1_0"], ["circuit.n_reads", "must be an integer", "1_0"]),
    (["yield", "sigmoid", "--input-dist", "normal:0:1_0"], ["inputs", "normal:0:1_0"]),
    (["design", "sigmoid", "--levels", "middle"], ["levels", "middle"]),
    (["design", "relu", "--range=1:2", "--levels", "zero"], ["zero"]),
    (["design", "sigmoid", "--calibration", "one_pont"], ["one_pont", "one_point"]),
    (["design", "sigmoid", "--calibration", "redundant:0"], ["redundant:0"]),
    (["design", "sigmoid", "--calibration", "one_point+two_point"], ["two_point"]),
    # tables
    (["yield", "--table", "none.csv"], ["none.csv"]),
    (["yield", "none.csv"], ["none.csv"]),
    (["yield", "--table", "full"], ["full"]),
    (["yield", "--table", "nan.csv"], ["nan.csv", "line 3"]),
    (["yield", "--table", "one.csv"], ["one.csv", "two rows"]),
    (["yield", "--table", "unsorted.csv"], ["unsorted.csv", "line 4"]),
    (["yield", "--table", "repeated.csv"], ["repeated.csv", "line 4"]),
    (["yield", "--table", "empty.csv"], ["empty.csv"]),
    # device and keys
    (["yield", "sigmoid", "--device", "taox"], ["taox", "taox_paper"]),
    (["devices", "taox"], ["taox", "taox_paper"]),
    (["devices", "none.toml"], ["none.toml"]),
    (["yield", "sigmoid", "--set", "device.sigma_prg_uS=3"], ["device.sigma_prg_uS", "device.sigma_prog_uS"]),
    (["yield", "sigmoid", "--set", "sigma=3"], ["sigma"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS"], ["KEY=VALUE"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS=-1"], ["device.sigma_prog_uS", "-1"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS=nan"], ["device.sigma_prog_uS"]),
    (["yield", "sigmoid", "--set", "device.sigma_prog_uS='a'"], ["device.sigma_prog_uS"]),
    (["yield", "sigmoid", "--set", "circuit.n_reads=1.5"], ["circuit.n_reads"]),
    (["yield", "sigmoid", "--set", "design.bits=99"], ["design.bits", "99"]),
    (["yield", "sigmoid", "--set", "measure.confidence=0.9"], ["measure.confidence"]),
    (["design", "sigmoid", "--device", "ihp_hfo2_milo", "--bits", "5"], ["ihp_hfo2_milo", "step 16", "11.21 µS"]),
    # numbers
    *((["yield", "sigmoid", "--samples", n, "--out", "new"], ["samples", n]) for n in ("0", "-5", "many")),
    *((["yield", "sigmoid", "--samples", n], ["samples", n]) for n in ("0", "99999999999999999999")),
    *((["yield", "sigmoid", "--seed", n, "--out", "new"], ["seed", n]) for n in ("-1", "9223372036854775808", "x")),
    *((["yield", "sigmoid", "--seed", "-1"], ["seed", "-1"]) for _ in range(1)),
    *((["design", "sigmoid", "--seed", "-1", *out], ["seed", "-1"]) for out in ([], ["--out", "new"])),
    *(
        (["yield", "sigmoid", "--spec", spec, "--out", "new"], ["spec", spec])
        for spec in ("0", "nan", "-1", "inf", "y")
    ),
    (["yield", "sigmoid", "--measure", "dynamic", "--out", "new"], ["measure", "dynamic"]),
    # folders
    *(
        ([command, "sigmoid", "--out", out], [out])
        for command in ("yield", "design")
        for out in ("file", "file/below", "file/far/below", "full")
    ),
    *((["study", "run", "good.toml", "--out", out], [out]) for out in ("file", "file/below", "full")),
    (["study", "run", "good.toml", "--out", "full", "--resume"], ["full", "provenance.json"]),
    # studies
    (["study", "run", "none.toml"], ["none.toml"]),
    (["study", "run", "full"], ["full"]),
    (["study", "run", "empty.toml"], ["empty.toml", "empty"]),
    (["study", "run", "malformed.toml"], ["malformed.toml", "line 2"]),
    (["study", "run", "wrong.toml"], ["wrong.toml", "samples", "integer", "many"]),
    (["study", "run", "key.toml"], ["key.toml", "smaples", "samples"]),
    (["study", "run", "vary.toml"], ["vary.toml", "vary.bits", "17"]),
    (["study", "run", "cannot.toml"], ["ihp_hfo2_milo", "bits = 5"]),
    (["study", "run", "good.toml", "--samples", "0"], ["samples", "0"]),
    (["study", "run", "good.toml", "--seed", "-1"], ["seed", "-1"]),
    (["study", "run", "good.toml", "--set", "measure.spec_lsb=[1.0]"], ["measure.spec_lsb", "measure.specs_lsb"]),
    (["study", "list", "none"], ["none"]),
    (["study", "list", "full"], ["full"]),
    (["report", "full"], ["full"]),
    (["report", "none"], ["none"]),
    (["report", "file"], ["file"]),
    # typer's own
    (["yield", "sigmoid", "--colour", "1"], ["--colour"]),
    (["design", "sigmoid", "--samples", "5"], ["--samples"]),
    (["yield", "sigmoid", "--bits"], ["--bits"]),
    (["yeld", "sigmoid"], ["yeld", "yield"]),
    (["study", "rum"], ["rum", "run"]),
    (["study", "run"], ["FILE"]),
    (["report"], ["DIR"]),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: " ".join(value)[:60] or "-")
def test_bad_input_is_one_sentence(rampjax: Run, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    before = contents(tmp_path)
    done = rampjax(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert re.fullmatch(r"rampjax: [^\n]+[.?]\n", done.err), done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
    assert contents(tmp_path) == before
