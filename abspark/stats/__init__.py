"""Moments, effects, tests and their relatives, vectorised over result rows; numpy and scipy only."""
