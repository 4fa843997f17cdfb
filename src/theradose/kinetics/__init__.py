"""Time-activity models, their fits and integrals."""

# A family of models registers itself when it is imported.
from theradose.kinetics import exponential as exponential
from theradose.kinetics import library as library
from theradose.kinetics import single_time_point_methods as single_time_point_methods
from theradose.kinetics import single_time_point_population as single_time_point_population
from theradose.kinetics import trapezoid as trapezoid
