"""How an encoder learns and how well: the runnable scripts, the one loop, data, checkpoints, recipes."""
