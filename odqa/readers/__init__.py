"""Readers: answer questions from their best passages."""
