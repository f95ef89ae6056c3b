import pytest
from pydantic import ValidationError

from collector.delivery.settings import BatchingConfig, DeliveryConfig, QueueConfig, RetryConfig, Sizer


def test_the_defaults_are_the_collectors():
    config = DeliveryConfig()

    assert QueueConfig(enabled=True, num_consumers=10, queue_size=1000, sizer="requests") == config.sending_queue
    assert (5, 30, 300, 1.5, 0.5) == tuple(config.retry_on_failure.model_dump(exclude={"enabled"}).values())
    assert 5 == config.timeout


def test_a_batch_key_without_a_value_means_its_defaults():
    config = QueueConfig.model_validate({"queue_size": 10_000, "batch": None})

    assert BatchingConfig(flush_timeout=0.2, min_size=8192, max_size=0, sizer="items") == config.batch


def test_no_batch_key_means_no_batching():
    assert QueueConfig().batch is None


def test_a_queue_without_a_value_is_off_and_retries_without_one_are_the_defaults():
    config = DeliveryConfig.model_validate({"sending_queue": None, "retry_on_failure": None})

    assert (False, RetryConfig()) == (config.sending_queue.enabled, config.retry_on_failure)


@pytest.mark.parametrize(
    ("queue", "sizer"),
    [
        ({"batch": {}}, Sizer.ITEMS),
        ({"sizer": "bytes", "queue_size": 10_000, "batch": {}}, Sizer.BYTES),
        ({"sizer": "bytes", "queue_size": 10_000, "batch": None}, Sizer.BYTES),
        ({"sizer": "bytes", "batch": {"sizer": "items"}}, Sizer.ITEMS),
        ({"sizer": "requests", "batch": {"sizer": "bytes"}}, Sizer.BYTES),
    ],
)
def test_batches_are_measured_like_the_queue_unless_told_otherwise(queue, sizer):
    assert sizer is QueueConfig.model_validate(queue).batch.sizer


@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({"sending_queue": {"storage": "file_storage"}}, ("sending_queue", "storage"), "Extra inputs"),
        ({"sending_queue": {"queue_size": 0}}, ("sending_queue", "queue_size"), "greater than or equal to 1"),
        ({"sending_queue": {"batch": {"flush_timeout": 0}}}, ("sending_queue", "batch", "flush_timeout"), "greater"),
        ({"sending_queue": {"batch": {"sizer": "requests"}}}, ("sending_queue", "batch"), "items or bytes"),
        ({"sending_queue": {"batch": {"min_size": 9, "max_size": 8}}}, ("sending_queue", "batch"), "at least min_size"),
        ({"sending_queue": {"sizer": "items", "batch": {}}}, ("sending_queue",), "not be more than queue_size"),
        ({"sending_queue": {"batch": 7}}, ("sending_queue", "batch"), "valid dictionary"),
        (
            {"sending_queue": {"batch": {"partition": {"metadata_keys": ["a", "A"]}}}},
            ("sending_queue", "batch", "partition", "metadata_keys"),
            "has a key twice",
        ),
        ({"retry_on_failure": {"max_elapsed_time": 29}}, ("retry_on_failure",), "at least initial_interval"),
        ({"retry_on_failure": {"multiplier": float("inf")}}, ("retry_on_failure", "multiplier"), "finite"),
        ({"retry_on_failure": {"randomization_factor": 1.1}}, ("retry_on_failure", "randomization_factor"), "less"),
        ({"timeout": -1}, ("timeout",), "greater"),
    ],
)
def test_mistakes_are_reported_with_their_place(config, path, message):
    with pytest.raises(ValidationError) as report:
        DeliveryConfig.model_validate(config)

    assert [path] == [error["loc"] for error in report.value.errors()]
    assert message in str(report.value)
