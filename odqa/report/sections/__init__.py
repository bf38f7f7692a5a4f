"""The tables of the report, as values: one file each."""
