"""What a dataset is like, and what a first run on it would be and take, without training on it."""
