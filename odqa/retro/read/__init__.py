"""Answers generated from passages, and the likelihood of texts."""
