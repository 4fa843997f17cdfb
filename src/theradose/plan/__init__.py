"""Treatment planning: from doses to the next decision, with its limits, its uncertainty and its sources."""
