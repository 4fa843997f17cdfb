"""Evaluators: small named functions that make the program compute what a case expects.

The evaluators of ``cases/<group>.yaml`` are in ``evaluators/<group>.py``. They call public functions of the package,
and hold no physics of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

Evaluator = Callable[..., float]
"""Takes the inputs of a case as keyword arguments and returns a number in its unit."""

_EVALUATORS: dict[str, Evaluator] = {}


def evaluator(quantity: str) -> Callable[[Evaluator], Evaluator]:
    """Return a decorator that makes its function the evaluator of a quantity."""

    def add(function: Evaluator) -> Evaluator:
        if quantity in _EVALUATORS:
            raise ValueError(f"there is an evaluator of '{quantity}' already")
        _EVALUATORS[quantity] = function
        return function

    return add


def find_evaluator(group: str, quantity: str) -> Evaluator:
    """Return the evaluator of a quantity; that of its group is imported only now, because it may be heavy."""
    import_module(f"theradose.validation.evaluators.{group}")
    return _EVALUATORS[quantity]
