"""What the cells are asked to run: translation, client, reconciliation."""
