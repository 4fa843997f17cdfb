"""Dose of 131I to thyroid, blood and whole body, and the activity for a dose."""
