"""Documents of a result: JSON, tables, figures, PDF and HTML."""
