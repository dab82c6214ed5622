"""`sli` pushes the metric without the platform: what the collector gets, and what `sli` reports if it fails."""

import subprocess

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

NAME = "my_workspace__rw_acr_sync"
PROTOBUF = "application/x-protobuf"
HEADER = "Bearer hush-hush-token"


@pytest.fixture
def sli(world, executables, tmp_path):
    """Runs `sli` in the sandbox with more variables, and checks that no output contains the collector's token."""

    def run(program="sli", **more):
        process = subprocess.run(
            [executables / program],
            env={**world.environment, "OUTPUT_DIR": str(tmp_path), "PUSH_METRIC": "true", **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "hush" not in process.stdout + process.stderr
        assert not any("hush" in path.read_text() for path in tmp_path.rglob("*.json"))
        return process

    return run


def platform(collector):
    return {
        "RW_OTEL_COLLECTOR_ENDPOINT": collector.endpoint,
        "RW_SLI_METRIC_NAME": NAME,
        "RW_WORKSPACE": "my-workspace",
    }


def test_platform_collector_gets_the_same_metrics_as_from_the_platform_runtime(sli, robot, collector):
    process = sli(**platform(collector))
    assert (process.returncode, process.stdout) == (0, "8\n"), process.stderr
    native, (hours, *described) = collector.gauges(), collector.drift()
    collector.requests.clear()
    robot.run("sli.robot", production=True, RW_LOCATION="here", **platform(collector))
    assert native == collector.gauges()
    assert len(native) == 3
    # The second run is later than the first.
    later, *same = collector.drift()
    assert same == described
    assert 0 < hours <= later < hours + 1
    assert set(collector.paths) == {"/v1/metrics"}


def test_own_collector_gets_only_checked_categories(sli, collector):
    process = sli(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.base}/",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20hush-hush-token",
        IMAGES="codecollection",
        # OTEL_EXPORTER_OTLP_ENDPOINT has precedence over this one.
        RW_OTEL_COLLECTOR_ENDPOINT="http://127.0.0.1:1/",
    )
    assert (process.returncode, process.stdout) == (0, "5\n"), process.stderr
    expected = ({"registry": "myacr.azurecr.io"}, "rw_sli_service", "rw_sli_meter")
    # A category that was not checked has no metric.
    assert collector.gauges() == {
        "rw_acr_images_needing_sync": (5, *expected),
        "rw_acr_images_needing_sync__codecollection": (5, *expected),
    }
    (point,) = collector.requests[0].resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    assert point.time_unix_nano > 1_700_000_000 * 10**9
    assert collector.paths == ["/v1/metrics"]
    assert collector.headers[0]["authorization"] == HEADER
    assert collector.headers[0]["content-type"] == PROTOBUF


def test_age_of_the_oldest_drift_is_pushed_if_it_is_known(sli, world, collector):
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.base, "IMAGES": "codecollection"}
    assert sli(**own).returncode == 0
    hours, *_ = collector.drift()
    assert hours > 0
    collector.requests.clear()
    # A list without times gives no age, and unknown is not zero.
    world.scenario("plain-list")
    assert sli(**own).returncode == 0
    assert collector.gauges()["rw_acr_images_needing_sync"][0] == 5
    assert collector.drift() is None
    collector.requests.clear()
    world.scenario("up-to-date")
    assert sli(**own).returncode == 0
    assert collector.drift()[0] == 0


def test_settings_of_the_cronjob_push_nothing_until_push_metric_is_true(root, sli, collector):
    documents = yaml.safe_load_all((root / "deploy" / "cronjob.yaml").read_text())
    (settings,) = [document["data"] for document in documents if document["kind"] == "ConfigMap"]
    # As it is: without a collector, the Job succeeds.
    process = sli(**settings)
    assert (process.returncode, process.stdout) == (0, "8\n"), process.stderr
    assert settings.keys() >= {"PUSH_METRIC", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    process = sli(**settings | {"PUSH_METRIC": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base})
    assert process.returncode == 0, process.stderr
    assert collector.gauges()["rw_acr_images_needing_sync"][0] == 8


def test_incomplete_check_pushes_nothing(sli, world, collector):
    world.fault(host="ghcr.io", kind="html")
    process = sli(**platform(collector))
    assert (process.returncode, process.stdout) == (3, "")
    assert "nothing is pushed: the check is incomplete" in process.stderr
    assert collector.paths == []


def test_unset_push_metric_and_taskset_push_nothing(sli, collector):
    assert sli(**platform(collector), PUSH_METRIC="").returncode == 0
    # taskset ignores PUSH_METRIC, because one ConfigMap may have the settings of both programs.
    assert sli("taskset", **platform(collector), SYNC_IMAGES="false").returncode == 0
    assert collector.paths == []


def partial_success():
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = 3
    response.partial_success.error_message = "no such workspace"
    return response.SerializeToString()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ((401, PROTOBUF, b""), "401 Unauthorized"),
        ((404, "text/plain", b"404 page not found"), "404 Not Found"),
        ((307, "text/plain", b""), "307"),
        ((200, "text/html", b"<html>Sign in</html>"), "not the OTLP/HTTP response of a collector"),
        ((200, PROTOBUF, partial_success()), "refused 3 numbers: no such workspace"),
        ((401, "application/json", b'{"error": "you sent Bearer hush-hush"}'), "you sent ***"),
    ],
)
def test_refusal_of_the_collector_exits_six_and_prints_the_number(sli, collector, response, message):
    collector.responses = [response]
    process = sli(OTEL_EXPORTER_OTLP_ENDPOINT=collector.base, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20hush-hush")
    # The number is still known and printed.
    assert (process.returncode, process.stdout) == (6, "8\n"), process.stderr
    assert "metrics collector (OTLP)" in process.stderr and message in process.stderr, process.stderr
    assert len(collector.paths) == 1


def test_busy_collector_is_retried(sli, collector):
    collector.responses = [(503, PROTOBUF, b""), (429, PROTOBUF, b"")]
    assert sli(OTEL_EXPORTER_OTLP_ENDPOINT=collector.base).returncode == 0
    assert len(collector.paths) == 3
    assert collector.gauges()["rw_acr_images_needing_sync"][0] == 8


def test_unreachable_collector_exits_six_and_prints_the_number(sli):
    process = sli(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert (process.returncode, process.stdout) == (6, "8\n")
    assert "the metric could not be pushed: metrics collector (OTLP): " in process.stderr
    assert "(POST http://127.0.0.1:1/v1/metrics)" in process.stderr


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({}, "PUSH_METRIC"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "otel-collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:hush@c"}, "OTEL_EXPORTER_OTLP_HEADERS"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_HEADERS": "hush"},
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        ({"RW_OTEL_COLLECTOR_ENDPOINT": "http://c/v1/metrics"}, "RW_WORKSPACE"),
        ({"RW_OTEL_COLLECTOR_ENDPOINT": "http://c", "RW_SLI_METRIC_NAME": "8 images"}, "RW_SLI_METRIC_NAME"),
    ],
)
def test_invalid_push_setting_exits_two_without_a_request(sli, world, settings, variable):
    process = sli(**settings)
    assert process.returncode == 2
    assert variable in process.stderr
    assert world.requests() == []
