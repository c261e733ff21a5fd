"""Seeded raw logs with known truth, for demos, tests and benchmarks."""

from abspark.simulate.event_log import events
from abspark.simulate.exposure_log import exposures
from abspark.simulate.parameters import Simulation
from abspark.simulate.truth import injected, stated
from abspark.simulate.writer import LogFormat, write

__all__ = ["LogFormat", "Simulation", "events", "exposures", "injected", "stated", "write"]
