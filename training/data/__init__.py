"""Samples: decoded, labelled, split, in batches."""
