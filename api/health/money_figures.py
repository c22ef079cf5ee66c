"""Metrics of business: points charged, and money at the vendors, by model."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.values.money import amount_of
from aijobs.persistence.points.tally import Tally

OTHER_MODELS: Final = "other"  #: label of models that are no longer in the catalogue


def figures_of_money(tally: Tally, catalogue: Catalogue, *, in_use: Iterable[str]) -> Iterator[Metric]:
    """`in_use`: models that have jobs. Theirs are shown before the first that is charged: a rate needs that."""
    points: Counter[str] = Counter()
    nanos: Counter[tuple[str, str]] = Counter()
    for model_id in in_use:
        points[known_model(model_id, catalogue)] += 0
        if model_id in catalogue and (price := catalogue.model(model_id).vendor_price):
            nanos[model_id, price.currency] += 0
    for model_id, charged in tally.points.items():
        points[known_model(model_id, catalogue)] += charged
    for (model_id, currency), cost in tally.cost_nanos.items():
        nanos[known_model(model_id, catalogue), currency] += cost
    yield _points(points)
    yield _costs(nanos)


def known_model(model_id: str, catalogue: Catalogue) -> str:
    """The label of a model: there are no more than the catalogue has, and one."""
    return model_id if model_id in catalogue else OTHER_MODELS


def _points(points: Counter[str]) -> Metric:
    family = CounterMetricFamily(
        "aijobs_points_charged", "Points kept of jobs, since this process began.", labels=["model"]
    )
    for model, charged in sorted(points.items()):
        family.add_metric([model], charged)
    return family


def _costs(nanos: Counter[tuple[str, str]]) -> Metric:
    family = CounterMetricFamily(
        "aijobs_cost", "Money at the vendors for jobs, since this process began.", labels=["model", "currency"]
    )
    for labels, cost in sorted(nanos.items()):
        family.add_metric(labels, float(amount_of(cost)))
    return family
