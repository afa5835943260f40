"""What `GET /metrics` tells Prometheus: counted since this process began."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from lepinet.evaluation.answers import Score
from lepinet.serving.follower import Follower
from lepinet.serving.log import Handling
from lepinet.target import Target

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CONFIDENCE = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """One registry for each server, so that two in one process do not add up."""

    def __init__(self, follower: Follower) -> None:
        # When a series began is of no use to anybody here, and doubles what is told.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types there
        self._registry = CollectorRegistry()
        self._requests = Counter("lepinet_requests", "Requests answered", ["route", "status"], registry=self._registry)
        self._errors = Counter("lepinet_errors", "Requests refused or failed", ["kind"], registry=self._registry)
        self._seconds = Histogram(
            "lepinet_request_seconds",
            "From a request's first line to the end of its answer",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._confidence = Histogram(
            "lepinet_confidence",
            "Confidence in the predicted species",
            ["version"],
            buckets=_CONFIDENCE,
            registry=self._registry,
        )
        self._registry.register(_Now(follower))

    def request(self, route: str, handled: Handling) -> None:
        self._requests.labels(route, handled.status).inc()
        self._seconds.labels(route).observe(handled.seconds)
        if handled.error:
            self._errors.labels(handled.error).inc()

    def photo(self, target: Target, best: Score) -> None:
        self._confidence.labels(target.version or target.revision).observe(best.confidence)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


class _Now(Collector):
    """What is asked when Prometheus asks, and counted by nobody here."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        model = self._follower.model
        yield GaugeMetricFamily("lepinet_ready", "1 while a model answers photos", value=int(model is not None))
        waiting = model.waiting if model else 0
        yield GaugeMetricFamily("lepinet_photos_waiting", "Photos that wait for the model", value=waiting)
        yield CounterMetricFamily("lepinet_swaps", "Models that took another's place", value=self._follower.swaps)
        active = InfoMetricFamily("lepinet_active_model", "The model that answers", labels=())
        if model:
            target = model.target
            named = {"version": target.version or "", "file_path": target.file_path, "revision": target.revision}
            active.add_metric((), named)
        yield active
