"""What an absorbed dose means to a tissue: biologically effective dose, uniform equivalents, probabilities."""
