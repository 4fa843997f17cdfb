"""Intake: decide unit, decay state, geometry and time of what a department measured, ask or refuse."""
