"""Comparisons to look at and to publish: one HTML file, Markdown and LaTeX tables."""
