"""A SystemVerilog model run in Icarus Verilog: a test bench around it, inputs in, codes and values out, bit by bit."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

needs_icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None or shutil.which("vvp") is None,
    reason="Icarus Verilog (iverilog, vvp) is not on PATH",
)
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not on PATH")

# Codes of NAME, and of NAME_ramp for the first inputs, which takes as many clocks as it has thresholds.
_BENCH = """
module bench;
  reg [63:0] bits [0:{count} - 1];
  real x;
  wire [{width} - 1:0] code, ramp_code;
  wire real y;
  wire real v_ramp;
  wire busy, done;
  reg clk = 1'b0, rst_n = 1'b1, start = 1'b0;
  integer clocks, file;
  {name} converter (.x(x), .code(code), .y(y));
  {name}_ramp ramp (.clk(clk), .rst_n(rst_n), .start(start), .x(x), .busy(busy), .done(done), .code(ramp_code),
                    .v_ramp(v_ramp));
  initial begin
    $readmemh("inputs.hex", bits);
    file = $fopen("outputs.txt");
    for (int i = 0; i < {count}; i = i + 1) begin
      x = $bitstoreal(bits[i]);
      #1 $fdisplay(file, "%0d %h", code, $realtobits(y));
    end
    #1 rst_n = 1'b0;
    #1 rst_n = 1'b1;
    for (int i = 0; i < {ramped}; i = i + 1) begin
      x = $bitstoreal(bits[i]);
      start = 1'b1;
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      x = -x;  // the input is sampled: what it does afterwards is nothing
      clocks = 1;
      while (!done) begin
        #1 clk = 1'b1;
        #1 clk = 1'b0;
        start = 1'b0;
        clocks = clocks + 1;
      end
      $fdisplay(file, "%0d %0d %h", ramp_code, clocks, $realtobits(v_ramp));
    end
    $finish;
  end
endmodule
"""


def bits_of(values: np.ndarray) -> list[str]:
    return [f"{word:016x}" for word in np.asarray(values, np.float64).view(np.uint64)]


def floats_of(words: list[str]) -> np.ndarray:
    return np.array([int(word, 16) for word in words], np.uint64).view(np.float64)


class Simulated:
    """What a model gave: codes and values of all inputs; codes, clocks and last volts of those that ran the ramp."""

    def __init__(self, lines: list[list[str]], count: int):
        self.codes = np.array([int(line[0]) for line in lines[:count]])
        self.values = floats_of([line[1] for line in lines[:count]])
        self.ramp_codes = np.array([int(line[0]) for line in lines[count:]], int)
        self.clocks = np.array([int(line[1]) for line in lines[count:]], int)
        self.end_V = floats_of([line[2] for line in lines[count:]])


def simulate(folder: Path, text: str, name: str, width: int, x: np.ndarray, ramped: int = 0) -> Simulated:
    """Runs the module `name` of `text` on inputs `x`, and its ramp on the first `ramped` of them."""
    bench = _BENCH.format(name=name, width=width, count=len(x), ramped=ramped)
    (folder / "model.sv").write_text(text, encoding="ascii")
    (folder / "bench.sv").write_text(bench)
    (folder / "inputs.hex").write_text("\n".join(bits_of(x)) + "\n")
    compile_ = ["iverilog", "-g2012", "-Wall", "-s", "bench", "-o", "bench.vvp", "model.sv", "bench.sv"]
    done = subprocess.run(compile_, check=False, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "model.sv" not in done.stderr, done.stderr  # no warning about the model
    done = subprocess.run(
        ["vvp", "-n", "bench.vvp"], check=False, cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in (folder / "outputs.txt").read_text().splitlines()]
    assert len(lines) == len(x) + ramped
    return Simulated(lines, len(x))
