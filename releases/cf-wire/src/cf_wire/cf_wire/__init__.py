"""The exact bytes between the components of the runtime, so that any of them can stand beside an original one.

The folders `bbs`, `locket`, `loggregator` and `logcache` hold `.proto` files and what the protocol compiler makes of them. The
modules hold the wires that are plain JSON, as frozen dataclasses, and the HTTP paths.
"""
