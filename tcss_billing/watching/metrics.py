"""Figures for Prometheus: what requests took, and how things stand in the database."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from quota.pages.vitals import vitals
from tcss_billing.watching import counting


class Standing(Collector):
    """How things stand now, read when Prometheus asks, whichever process it asks."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge a name, with a value for each of its labels."""
        gauges: dict[str, GaugeMetricFamily] = {}
        for vital in vitals(self.now):
            gauge = gauges.setdefault(
                vital.name,
                GaugeMetricFamily(vital.name, vital.help, labels=list(vital.labels)),
            )
            gauge.add_metric(list(vital.labels.values()), vital.value)
        yield from gauges.values()


def scrape(now: datetime) -> bytes:
    """Everything, in Prometheus' text format, of all processes of this web server."""
    standing = CollectorRegistry()
    standing.register(Standing(now))
    return generate_latest(counting.registry()) + generate_latest(standing)
