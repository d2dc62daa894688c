"""The commands of `csd`, each a thin door to a plain function."""
