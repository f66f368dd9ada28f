"""Several ways to an encoder, made and held against each other: continued models, and routes within a time."""
