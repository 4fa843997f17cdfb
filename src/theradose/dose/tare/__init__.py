"""Dose of microspheres that stay where they lodge, and the activity for a dose."""
