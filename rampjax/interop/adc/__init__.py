"""A measured converter: transfer curve or histogram to thresholds, beside the model's."""
