"""One module of evaluators for each group of cases; see :mod:`theradose.validation.evaluator`."""
