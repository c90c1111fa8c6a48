"""The scripts in a job's ``bin``: hooks and drain."""
