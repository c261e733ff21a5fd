"""The hash schemes: for each kernel the plain-Python definition and the Spark column side by side."""

from abspark.assignment.engine import AssignmentEngine
from abspark.assignment.golden import golden_check
from abspark.assignment.unit import Assigned, assign

__all__ = ["Assigned", "AssignmentEngine", "assign", "golden_check"]
