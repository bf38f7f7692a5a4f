"""Rewriters: texts to search for instead of, or beside, the question."""
