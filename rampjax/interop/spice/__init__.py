"""The ramp column as an ngspice netlist, and its comparison with the model."""
