"""A/B test analysis on Spark: raw event logs to validated assignments, sufficient statistics and results tables."""
