"""Where samples come from: sources, labels, splits, cache, batches."""
