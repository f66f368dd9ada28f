"""What a model is: one strict config per family."""
