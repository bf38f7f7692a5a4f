"""Corpora, question sets, relevance judgements and rankings: reading, checking, writing.

Errors of every reader name file and line. Corpora live in memory-mapped Arrow
files, so that 21 million passages cost no Python objects; question sets are small and live in
memory. `odqa.data.load.load_dataset` is the entry point.
"""
