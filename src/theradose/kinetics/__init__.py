"""Time-activity models, their fits and integrals."""

# A family of models registers itself when it is imported.
from theradose.kinetics import exponential as exponential
from theradose.kinetics import trapezoid as trapezoid
