"""Time-activity models, their fits and integrals."""
