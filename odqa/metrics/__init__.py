"""Scores of one question at a time, and what can be said from many of them."""
