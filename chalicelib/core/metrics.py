"""The only user of Powertools' metrics: figures for CloudWatch, written to the log in its embedded format.

CloudWatch takes them out of the log stream by itself, so that they cost no call (Amazon CloudWatch, "Embedded metric
format").
"""

import sys
from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.core import config

NAMESPACE = "ImageProcessing"
COUNT, SECONDS = MetricUnit.Count, MetricUnit.Seconds


def emit(figures: Mapping[str, tuple[float, MetricUnit]], **dimensions: str) -> None:
    """Writes figures (a number and its unit) as one line; they can be told apart by stage and by `dimensions`."""
    written = EphemeralMetrics(namespace=NAMESPACE, service=config.service())
    for name, value in {"Stage": config.stage(), **dimensions}.items():
        written.add_dimension(name, value)
    for name, (number, unit) in figures.items():
        written.add_metric(name, unit, number)
    written.flush_metrics()
    # Powertools prints, and a process that is killed later would take the line with it.
    sys.stdout.flush()
