"""Locket: who holds which lock, and which cells are there. What is not renewed in its time goes."""
