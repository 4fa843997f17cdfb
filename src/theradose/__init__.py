"""Open, end-to-end clinical dosimetry for radiopharmaceutical therapy."""
