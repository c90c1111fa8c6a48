"""A wire-compatible BOSH: director, agent, command line and what they share."""

__version__ = "0.1.0"
