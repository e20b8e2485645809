"""Metrics for CloudWatch, written to the log in its embedded format; the only user of Powertools' metrics.

CloudWatch reads them from the log stream, so they cost no call (Amazon CloudWatch, "Embedded metric format"). Each is
also an ordinary log line.

One metric under one combination of dimensions costs 0.30 dollars a month (Amazon CloudWatch pricing, first tier). So
there are few dimensions; other facts stand in `about`, where a query of the log finds them.
"""

import json
import sys
from collections.abc import Collection, Mapping
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.core import log
from chalicelib.core.settings import Settings

NAMESPACE = "ImageProcessing"
COUNT, SECONDS, BYTES, DOLLARS = MetricUnit.Count, MetricUnit.Seconds, MetricUnit.Bytes, MetricUnit.NoUnit

# One number, or several, and the unit.
Figure = tuple[float | Collection[float], MetricUnit]


def emit(
    figures: Mapping[str, Figure],
    *,
    totals: Collection[str] = (),
    about: Mapping[str, Any] | None = None,
    correlation: str | None = None,
    **dimensions: str,
) -> None:
    """Writes figures as one line, by stage and `dimensions`; those in `totals` also for the stage as a whole.

    `correlation` is by default that of the current work.
    """
    embedded = EphemeralMetrics(namespace=NAMESPACE)
    for name, value in {"Stage": Settings.STAGE.get(), **dimensions}.items():
        embedded.add_dimension(name, value)
    for name, (numbers, unit) in figures.items():
        for number in numbers if isinstance(numbers, Collection) else (numbers,):
            embedded.add_metric(name, unit, number)
    for name, value in log.line_fields("INFO", "MEASURED", about or {}, correlation=correlation).items():
        embedded.add_metadata(name, value)
    document: dict[str, Any] = dict(embedded.serialize_metric_set())
    if totals and dimensions:
        _add_totals(document, totals)
    # Logs are paid by length, and there is one such line a run: no blanks.
    print(json.dumps(document, separators=(",", ":")))
    # A process that is killed later would lose the line.
    sys.stdout.flush()


def _add_totals(document: dict[str, Any], totals: Collection[str]) -> None:
    """Powertools gives every figure of a line the same dimensions, so the totals are added here."""
    directives = document["_aws"]["CloudWatchMetrics"]
    named = [metric for metric in directives[0]["Metrics"] if metric["Name"] in totals]
    directives.append({"Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": named})
