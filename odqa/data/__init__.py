"""Corpora and question sets: embedded, NQ-open, DPR TSV, BEIR, TREC, Hugging Face hub."""
