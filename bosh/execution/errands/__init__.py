"""How is an errand run? See README.md."""
