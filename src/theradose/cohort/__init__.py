"""Statistics of a cohort: thin users of the engines in :mod:`theradose.statistics`, on values."""
