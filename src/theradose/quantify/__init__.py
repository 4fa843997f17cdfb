"""From counts to activity on maps and in regions."""
