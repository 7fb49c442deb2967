"""One chip as pure functions of one sample: devices, programming, ramp, comparator, converter, calibration, design."""
