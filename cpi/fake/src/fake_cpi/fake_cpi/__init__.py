"""A cloud in a directory: every promise of a CPI kept by files, for tests and simulations."""
