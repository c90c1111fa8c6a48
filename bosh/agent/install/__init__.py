"""Jobs and packages on disk."""
