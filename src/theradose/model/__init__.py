"""Pure data types of a case: no input or output, no algorithms."""
