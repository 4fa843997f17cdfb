"""Linear models, with effects of groups and without: estimates, tests, marginal means."""
