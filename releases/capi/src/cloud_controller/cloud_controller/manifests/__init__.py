"""App manifests: read, applied, shown, compared."""
