"""From scores to what they say: intervals, the verdict, worth in labels."""
