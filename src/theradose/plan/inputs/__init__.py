"""What a person states for a plan, one module for each planner."""
