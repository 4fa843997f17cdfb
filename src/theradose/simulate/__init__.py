"""Digital patients with known truth."""
