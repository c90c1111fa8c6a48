"""A kit for cloud plugins: JSON on stdin, a typed method, JSON on stdout."""
