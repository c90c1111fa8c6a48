"""One module per resource: which requests there are and what each does."""
