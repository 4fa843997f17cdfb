"""The course of a patient over cycles: what was given, what the coming cycles give, and what limits leave."""
