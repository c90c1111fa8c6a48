"""Changes of state that several doors share: API, manifests, jobs, clock."""
