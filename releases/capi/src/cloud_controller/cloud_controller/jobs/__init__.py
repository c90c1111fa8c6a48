"""Work that outlives its request, kept in the database."""
