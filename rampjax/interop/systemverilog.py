"""A converter as a SystemVerilog real-number model: its table as a package, a converter, and the ramp that runs.

NAME_table
    package: thresholds, codes and outputs as functions of the bin, the number of the bin that holds an input.
NAME
    input to code without a clock, for fast simulation of a system: `x` in, `code` and the value `y` it stands for out.
NAME_ramp
    the conversion clock by clock: `start` samples `x` and resets the ramp, which then takes a step at every clock; a
    comparator lets the counter follow until the ramp has passed the input, then the code is latched. A conversion
    takes 1 + K clocks with K thresholds: 2**bits for a function that only rises or only falls.

The codes are those of `ConverterTable.convert` for every input, that at a threshold and infinite ones included: a real
of SystemVerilog is a float64, and thresholds are written with 17 significant digits, which give back the same float64.
An input that is NaN is in the first bin. Noise from conversion to conversion is left out, as are delays.

References:
    IEEE Std 1800-2017, SystemVerilog: 5.7.2 real literals, 5.6 identifiers, annex B keywords.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from rampjax.checks import InputError
from rampjax.interop.table import ConverterTable

_LONGEST_NAME: Final = 60  # of a module whose name follows from its function
_LONGEST_GIVEN: Final = 200  # with what is added to it still far below the 1024 characters that every tool takes
_GROUP: Final = 32  # bins of one case statement
_KEYWORDS: Final = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins
binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const
constraint context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge
else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule
endpackage endprimitive endprogram endproperty endspecify endsequence endtable endtask enum event eventually expect
export extends extern final first_match for force foreach forever fork forkjoin function generate genvar global highz0
highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input inside
instance int integer interconnect interface intersect join join_any join_none large let liblist library local
localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive priority program
property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase
randsequence rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1
s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on
sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand
trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void
wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""


def module_name(table: ConverterTable) -> str:
    """The name of a table's module: `gelu_6bit`, of a chip `gelu_6bit_chip17`; a legal identifier for any function."""
    words = "_".join(re.findall(r"[a-z0-9]+", table.function.lower()))[:_LONGEST_NAME].rstrip("_")
    name = f"{words or 'f'}_{table.bits}bit" + ("" if table.sample is None else f"_chip{table.sample}")
    return name if name[0].isalpha() else f"f_{name}"


def check_module(name: str) -> None:
    """Raises InputError unless `name` may name a module."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or len(name) > _LONGEST_GIVEN:
        raise InputError(
            f"`module` must be a name of at most {_LONGEST_GIVEN} letters, digits and _, none of the digits first, but "
            f"is {_plain(name)[:60] or 'empty'}."
        )
    if name in _KEYWORDS.split():
        raise InputError(f"`module` must not be a keyword of SystemVerilog, but is {name}; expected e.g. {name}_adc.")


def systemverilog(table: ConverterTable, module: str | None = None) -> str:
    """Returns the model of a converter as SystemVerilog (IEEE 1800-2012 or newer), LF at line ends, ASCII.

    Args:
        table: the converter.
        module: name of its module; by default that of `module_name`.

    Raises:
        InputError: a name that no module may have.
    """
    name = module_name(table) if module is None else module
    check_module(name)
    count = len(table.thresholds)
    values = {
        "NAME": name,
        "HEADER": _header(table),
        "BITS": str(table.bits),
        "COUNT": str(count),
        "FIRST": str(2 ** (count.bit_length() - 1)),
        "SCALE": _real(table.scale_V),
        "THRESHOLDS": _cases("threshold", map(_real, table.thresholds)),
        "CODES": _cases("code_of", (f"{table.bits}'d{code}" for code in table.codes)),
        "OUTPUTS": _cases("value_of", map(_real, table.outputs)),
    }
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], _TEXT)


def _header(table: ConverterTable) -> str:
    made_from = f" from {_plain(table.design)}" if table.design else ""
    chip = (
        "The ideal design."
        if table.sample is None
        else f"One sampled chip: sample {table.sample} of seed {table.seed}, its static errors included."
    )
    lines = (
        "Real-number model of a nonlinear ramp converter.",
        f"Function {_plain(table.function)}, {table.bits} bits, output levels {_plain(table.levels)}.",
        f"Made by rampjax {_plain(table.rampjax_version)}{made_from}. {chip}",
        "",
        f"  x     input, in units of the function's argument; range {table.x_lo:g} to {table.x_hi:g}",
        f"  code  0 to {2**table.bits - 1}",
        f"  y     the value that the code stands for, in {table.y_lo:g} to {table.y_hi:g}; an LSB is {table.lsb:g}",
        "",
        "An input at a threshold belongs to the bin above it; NaN to the first bin. Noise and delays are left out.",
    )
    return "\n".join(f"// {line}".rstrip() for line in lines)


def _plain(text: str) -> str:
    """Text that ends no comment and carries nothing but ASCII."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text)[:200]


def _real(value: float) -> str:
    """A real literal of 17 significant digits."""
    return f"{float(value):.16e}"


def _cases(function: str, values: Iterable[str]) -> str:
    """The value of each bin as a case statement; of many bins nested, since a simulator tries one after the other."""
    found = list(values)
    if len(found) <= 2 * _GROUP:
        return "\n".join(_case(function, 0, found, "    "))
    lines = [f"    case (bin / {_GROUP})"]
    for first in range(0, len(found), _GROUP):
        last = first + _GROUP >= len(found)
        lines.append("      default:" if last else f"      {first // _GROUP}:")
        lines += _case(function, first, found[first : first + _GROUP], "        ")
    return "\n".join([*lines, "    endcase"])


def _case(function: str, first: int, values: Sequence[str], indent: str) -> list[str]:
    *others, last = values
    lines = [f"{indent}  {index}: {function} = {value};" for index, value in enumerate(others, first)]
    return [f"{indent}case (bin)", *lines, f"{indent}  default: {function} = {last};", f"{indent}endcase"]


_TEXT: Final = """\
@HEADER@

package @NAME@_table;
  localparam int BITS = @BITS@;
  localparam int COUNT = @COUNT@;  // thresholds, one less than bins
  localparam real SCALE_V = @SCALE@;  // volts per unit of x

  // Upper end of a bin, in x.
  function automatic real threshold(input int bin);
@THRESHOLDS@
  endfunction

  // Code of a bin.
  function automatic logic [BITS-1:0] code_of(input int bin);
@CODES@
  endfunction

  // Value that the code of a bin stands for.
  function automatic real value_of(input int bin);
@OUTPUTS@
  endfunction

  // The bin that holds x: the number of thresholds that x has reached, by halving.
  function automatic int bin_of(input real x);
    bin_of = 0;
    for (int jump = @FIRST@; jump > 0; jump = jump / 2)
      if (bin_of + jump <= COUNT && x >= threshold(bin_of + jump - 1)) bin_of = bin_of + jump;
  endfunction
endpackage

// The converter without a clock.
module @NAME@ (
    input  real x,
    output logic [@NAME@_table::BITS-1:0] code,
    output real y
);
  import @NAME@_table::*;

  int bin;

  assign bin  = bin_of(x);
  assign code = code_of(bin);
  assign y    = value_of(bin);
endmodule

// The conversion clock by clock: 1 + @COUNT@ clocks from start to done.
module @NAME@_ramp (
    input  logic clk,
    input  logic rst_n,   // low: reset
    input  logic start,   // at a rising edge of clk: sample x, reset ramp and counter; while busy it is not heeded
    input  real  x,
    output logic busy,
    output logic done,    // high from the end of a conversion until the next start
    output logic [@NAME@_table::BITS-1:0] code,  // of the conversion once done is high
    output real  v_ramp   // V, at the comparator
);
  import @NAME@_table::*;

  real  held;     // the sampled input
  int   step;     // of the ramp, from 0
  logic reached;  // the comparator: the input is at or above the ramp
  logic latched;  // the ramp has passed the input

  assign reached = held >= threshold(step);
  assign v_ramp  = SCALE_V * threshold(step);

  always @(posedge clk) if (start && !busy) held <= x;

  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      busy    <= 1'b0;
      done    <= 1'b0;
      latched <= 1'b0;
      step    <= 0;
      code    <= code_of(0);
    end else if (start && !busy) begin
      busy    <= 1'b1;
      done    <= 1'b0;
      latched <= 1'b0;
      step    <= 0;
      code    <= code_of(0);
    end else if (busy) begin
      if (reached && !latched) code <= code_of(step + 1);
      else latched <= 1'b1;
      if (step == COUNT - 1) begin
        busy <= 1'b0;
        done <= 1'b1;
      end else step <= step + 1;
    end
endmodule
"""
