"""Read noise from time series of cells: its fast and its slow part, with intervals, and what a device file takes."""
