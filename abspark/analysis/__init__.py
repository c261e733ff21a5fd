"""Moments rows and configuration to results rows."""
