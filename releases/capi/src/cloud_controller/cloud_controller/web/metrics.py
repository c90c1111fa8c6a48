"""What Prometheus may ask for."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The program's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "cc_http_requests_total", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.durations = Histogram(
            "cc_http_request_duration_seconds", "Time to answer", ["route"], registry=self.registry
        )
        self.jobs = Counter("cc_jobs_total", "Finished jobs", ["operation", "state"], registry=self.registry)
        self.effects = Counter(
            "cc_effects_total", "Deeds outside the database", ["name", "outcome"], registry=self.registry
        )
        self.syncs = Histogram(
            "cc_diego_sync_duration_seconds", "One pass of the reconciliation", registry=self.registry
        )
        self.sync_failures = Counter("cc_diego_sync_failures_total", "Passes that failed", registry=self.registry)
        self.staging = Gauge("cc_staging_in_progress", "Builds under way at the last look", registry=self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
