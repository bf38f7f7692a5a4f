"""Meters of time, memory and energy; all values are measured, none is estimated."""
