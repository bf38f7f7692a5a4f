"""Indexes, built once per corpus and searched per question: vectors, token vectors, BM25."""
