"""What is particular to a kind of input: one row and its functions each."""
