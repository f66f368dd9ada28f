"""YAML recipes: arguments of a script under the names of its command line."""
