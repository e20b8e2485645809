"""The only user of Powertools' metrics: figures for CloudWatch, written to the log in its embedded format.

CloudWatch takes them out of the log stream by itself, so that they cost no call (Amazon CloudWatch, "Embedded metric
format"). Each is also a line of the log like any other, with what it is about and whose work it was.

A month of one figure under one combination of dimensions costs 0.30 dollars (Amazon CloudWatch pricing, first tier):
so there are few dimensions, and what is asked for seldom stands in `about`, where a query of the log finds it.
"""

import json
import sys
from collections.abc import Collection, Mapping
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.core import config, log

NAMESPACE = "ImageProcessing"
COUNT, SECONDS, BYTES, DOLLARS = MetricUnit.Count, MetricUnit.Seconds, MetricUnit.Bytes, MetricUnit.NoUnit

# A number, or several of them, and the unit.
Figure = tuple[float | Collection[float], MetricUnit]


def emit(
    figures: Mapping[str, Figure],
    *,
    totals: Collection[str] = (),
    about: Mapping[str, Any] | None = None,
    correlation: str | None = None,
    **dimensions: str,
) -> None:
    """Writes figures as one line: they can be told apart by stage and by `dimensions`.

    Those that `totals` names can be seen of the stage as a whole as well. `correlation` is of the work at hand, unless
    it is told.
    """
    written = EphemeralMetrics(namespace=NAMESPACE)
    for name, value in {"Stage": config.stage(), **dimensions}.items():
        written.add_dimension(name, value)
    for name, (numbers, unit) in figures.items():
        for number in numbers if isinstance(numbers, Collection) else (numbers,):
            written.add_metric(name, unit, number)
    for name, value in log.line_fields("INFO", "MEASURED", about or {}, correlation=correlation).items():
        written.add_metadata(name, value)
    document: dict[str, Any] = dict(written.serialize_metric_set())
    if totals and dimensions:
        _add_totals(document, totals)
    # There is one such line a run, and logs are paid for by length: no blanks.
    print(json.dumps(document, separators=(",", ":")))
    # A process that is killed later would take the line with it.
    sys.stdout.flush()


def _add_totals(document: dict[str, Any], totals: Collection[str]) -> None:
    """Powertools would give every figure of a line the same sets of dimensions."""
    directives = document["_aws"]["CloudWatchMetrics"]
    named = [metric for metric in directives[0]["Metrics"] if metric["Name"] in totals]
    directives.append({"Namespace": NAMESPACE, "Dimensions": [["Stage"]], "Metrics": named})
