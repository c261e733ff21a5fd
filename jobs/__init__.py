"""Thin spark-submit scripts: arguments, configuration, calls."""
