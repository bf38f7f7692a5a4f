"""Precomputed before any question is known: chunks, neighbour encodings and their stores."""
