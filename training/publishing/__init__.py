"""What goes to the Hub: the files of a repository, one commit, checkpoints."""
