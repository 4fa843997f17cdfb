"""Where results and intermediate steps live on disk."""
