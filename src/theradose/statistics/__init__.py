"""Statistics of cohorts: agreement of methods."""
