"""Blobs: fetched, checked, kept, delivered."""
