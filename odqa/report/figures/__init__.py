"""The figures of the report as SVG text with the colours of the page's style sheet."""
