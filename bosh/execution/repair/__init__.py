"""Cloud check: what is, held against what should be, and ways to mend the difference."""
