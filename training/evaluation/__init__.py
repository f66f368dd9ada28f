"""What pretraining is worth: draws, features, probes, networks of few labels, verdict, report."""
