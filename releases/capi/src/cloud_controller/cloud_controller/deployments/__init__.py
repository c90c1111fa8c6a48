"""Rolling and canary deployments: what the next step is, and taking it."""
