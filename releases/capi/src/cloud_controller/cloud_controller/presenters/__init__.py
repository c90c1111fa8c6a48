"""Records to JSON bodies, a whole page at a time."""
