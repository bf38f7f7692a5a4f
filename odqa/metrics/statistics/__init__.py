"""What per-question values say about means and differences: intervals, tests, effect, power."""
