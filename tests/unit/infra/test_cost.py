"""The estimated monthly cost of a stage."""

from dataclasses import replace

import pytest

from chalicelib.core.observing.tracking import lambda_cost
from infra import cost, stages
from infra.options import Options
from infra.prices import PRICES, SECONDS_A_MONTH, dollars_by_service

USUAL = Options.of("dev")
CONFIG = stages.read()


def dollars(options: Options) -> float:
    return sum(cost.monthly(options, CONFIG, "dev").values())


def test_dollars_are_summed_by_service_and_sorted_by_cost() -> None:
    units = {"sqs.requests": 1_000_000, "s3.writes": 1_000, "s3.reads": 10_000, "cloudwatch.alarms": 1}
    dollars = dollars_by_service(units)
    assert list(dollars) == ["SQS", "CloudWatch", "S3"]
    assert dollars == pytest.approx({"SQS": 0.40, "CloudWatch": 0.10, "S3": 0.009})


def test_a_unit_without_a_price_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"s3\.wishes"):
        dollars_by_service({"s3.wishes": 1})


def test_every_measured_unit_has_a_price() -> None:
    load = cost.measured()
    assert load["image"].keys() | load["request"].keys() <= PRICES.keys()


def test_a_run_costs_the_same_here_and_in_its_usage_record() -> None:
    # 512 MB for two seconds are a GB-second.
    assert dollars_by_service({"lambda.gb_seconds": 1, "lambda.requests": 1})["Lambda"] == pytest.approx(
        lambda_cost(2000, 512, "arm64")
    )


def test_twice_as_many_images_cost_twice_as_much() -> None:
    none, some, twice = (dollars(replace(USUAL, images_a_month=number)) for number in (1, 50_000, 100_000))
    assert twice - some == pytest.approx(some - none, rel=0.01)
    assert 0 < some - none < 50_000 * 0.001


def test_requests_are_priced_besides_images() -> None:
    assert dollars(replace(USUAL, requests_a_month=5_000_000)) > dollars(USUAL) + 4 * 3.5


def test_provisioned_concurrency_is_priced_by_the_hour_and_memory() -> None:
    warm = replace(USUAL, provisioned_concurrency={"resize": 10})
    gigabytes = 10 * 2048 / 1024
    assert dollars(warm) - dollars(USUAL) == pytest.approx(
        gigabytes * SECONDS_A_MONTH * PRICES["lambda.provisioned_gb_seconds"].dollars
    )


def test_provisioned_concurrency_has_the_memory_of_its_stage() -> None:
    # In Chalice, settings of a stage take precedence over those of a function in all stages.
    config = {**CONFIG, "stages": {"dev": {**CONFIG["stages"]["dev"], "lambda_memory_size": 4096}}}
    warm = replace(USUAL, provisioned_concurrency={"resize": 10})
    prices = [cost.monthly(warm, each, "dev")["Lambda"] for each in (CONFIG, config)]
    more = 10 * (4096 - 2048) / 1024
    assert prices[1] - prices[0] == pytest.approx(
        more * SECONDS_A_MONTH * PRICES["lambda.provisioned_gb_seconds"].dollars
    )


def test_a_secret_has_a_price() -> None:
    assert cost.monthly(USUAL, CONFIG, "dev")["Secrets Manager"] == pytest.approx(0.40)


def test_a_customer_managed_key_has_a_price() -> None:
    with_key, without = replace(USUAL, customer_key=True), replace(USUAL, customer_key=False)
    assert dollars(with_key) > dollars(without)


def test_endpoints_are_priced_in_each_subnet() -> None:
    one, two = (
        dollars(replace(USUAL, vpc_id="vpc-1", subnet_ids=subnets)) for subnets in (("subnet-1",), ("subnet-1", "s-2"))
    )
    assert two - one == pytest.approx(one - dollars(USUAL))
    assert two > one


def test_an_unused_stage_has_a_price() -> None:
    idle = cost.monthly(replace(USUAL, images_a_month=0, requests_a_month=0), CONFIG, "dev")
    assert idle["CloudWatch"] > 1
    assert idle["Lambda"] == 0


@pytest.mark.parametrize(("begun", "recorded"), [(0.0, 0.0), (0.4, 0.4), (1.0, 1.0), (21.0, 2.0)])
def test_x_ray_records_one_trace_a_second_and_a_twentieth_of_the_rest(begun: float, recorded: float) -> None:
    assert cost.traces_recorded(begun) == pytest.approx(recorded)
