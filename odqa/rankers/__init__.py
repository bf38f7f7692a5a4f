"""Rankers: reorder the passages a retriever found."""
