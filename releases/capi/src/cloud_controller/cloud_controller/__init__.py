"""The runtime's API server: version 3 of the Cloud Controller API over HTTP, with its clock and job workers."""
