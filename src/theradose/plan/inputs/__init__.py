"""What the input files of the planners hold, one module each."""
