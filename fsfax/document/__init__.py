"""Documents: inspect, rasterise, TIFF-F in and out. Knows nothing of calls."""
