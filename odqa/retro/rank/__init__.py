"""Scores of candidate passages, and what they cost."""
