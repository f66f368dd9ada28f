"""From a run's record to a model card."""
