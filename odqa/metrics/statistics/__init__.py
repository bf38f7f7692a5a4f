"""Statistics of per-question values: intervals of means, paired tests, effect size, power."""
