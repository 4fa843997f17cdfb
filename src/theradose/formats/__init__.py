"""Foreign file formats: readers and writers side by side."""
