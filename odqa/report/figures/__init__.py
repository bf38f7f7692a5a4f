"""The figures of the report as SVG text that takes its colours from the page."""
