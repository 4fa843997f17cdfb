"""The arrows between the layers: protocols, steps, runs, comparison."""
