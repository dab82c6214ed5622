"""`sli` pushes its number by itself: what reaches the collector, and what is said when it does not."""

import subprocess

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

NAME = "my_workspace__rw_acr_sync"
PROTOBUF = "application/x-protobuf"
HEADER = "Bearer hush-hush-token"


@pytest.fixture
def sli(world, executables, tmp_path):
    """Runs `sli` in this world with more variables; whatever it says holds no token of the collector's."""

    def run(program="sli", **more):
        ended = subprocess.run(
            [executables / program],
            env={**world.environment, "OUTPUT_DIR": str(tmp_path), "PUSH_METRIC": "true", **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "hush" not in ended.stdout + ended.stderr
        assert not any("hush" in path.read_text() for path in tmp_path.rglob("*.json"))
        return ended

    return run


def platform(collector):
    return {
        "RW_OTEL_COLLECTOR_ENDPOINT": collector.endpoint,
        "RW_SLI_METRIC_NAME": NAME,
        "RW_WORKSPACE": "my-workspace",
    }


def test_the_platforms_collector_gets_what_its_own_runtime_would_push(sli, robot, collector):
    ended = sli(**platform(collector))
    assert (ended.returncode, ended.stdout) == (0, "8\n"), ended.stderr
    ours = collector.gauges()
    collector.requests.clear()
    robot.run("sli.robot", production=True, RW_LOCATION="here", **platform(collector))
    assert ours == collector.gauges()
    assert len(ours) == 3
    assert set(collector.paths) == {"/v1/metrics"}


def test_ones_own_collector(sli, collector):
    ended = sli(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.base}/",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20hush-hush-token",
        IMAGES="codecollection",
        # That of the platform comes second.
        RW_OTEL_COLLECTOR_ENDPOINT="http://127.0.0.1:1/",
    )
    assert (ended.returncode, ended.stdout) == (0, "5\n"), ended.stderr
    told = ({"registry": "myacr.azurecr.io"}, "rw_sli_service", "rw_sli_meter")
    # What was not looked at has no number.
    assert collector.gauges() == {
        "rw_acr_images_needing_sync": (5, *told),
        "rw_acr_images_needing_sync__codecollection": (5, *told),
    }
    (point,) = collector.requests[0].resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    assert point.time_unix_nano > 1_700_000_000 * 10**9
    assert collector.paths == ["/v1/metrics"]
    assert collector.headers[0]["authorization"] == HEADER
    assert collector.headers[0]["content-type"] == PROTOBUF


def test_the_cronjob_pushes(root, sli, collector):
    documents = list(yaml.safe_load_all((root / "deploy" / "cronjob.yaml").read_text()))
    (job,) = [document for document in documents if document["metadata"]["name"] == "acr-sync-sli"]
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    ended = sli(**{"PUSH_METRIC": "", **given, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base})
    assert ended.returncode == 0, ended.stderr
    assert collector.gauges()["rw_acr_images_needing_sync"][0] == 8


def test_an_incomplete_check_pushes_nothing(sli, world, collector):
    world.fault(host="ghcr.io", kind="html")
    ended = sli(**platform(collector))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "nothing is pushed: the check is incomplete" in ended.stderr
    assert collector.paths == []


def test_it_is_asked_for_or_not_done(sli, collector):
    assert sli(**platform(collector), PUSH_METRIC="").returncode == 0
    # One ConfigMap may hold the settings of both.
    assert sli("taskset", **platform(collector), SYNC_IMAGES="false").returncode == 0
    assert collector.paths == []


def partial():
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 3
    answer.partial_success.error_message = "no such workspace"
    return answer.SerializeToString()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, PROTOBUF, b""), "401 Unauthorized"),
        ((404, "text/plain", b"404 page not found"), "404 Not Found"),
        ((307, "text/plain", b""), "307"),
        ((200, "text/html", b"<html>Sign in</html>"), "not what a collector answers"),
        ((200, PROTOBUF, partial()), "refused 3 numbers: no such workspace"),
        ((401, "application/json", b'{"error": "you sent Bearer hush-hush"}'), "you sent ***"),
    ],
)
def test_a_collector_that_does_not_take_it(sli, collector, answer, said):
    collector.answers = [answer]
    ended = sli(OTEL_EXPORTER_OTLP_ENDPOINT=collector.base, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20hush-hush")
    # The number is known all the same.
    assert (ended.returncode, ended.stdout) == (6, "8\n"), ended.stderr
    assert "metrics collector (OTLP)" in ended.stderr and said in ended.stderr, ended.stderr
    assert len(collector.paths) == 1


def test_a_collector_that_is_busy_is_asked_again(sli, collector):
    collector.answers = [(503, PROTOBUF, b""), (429, PROTOBUF, b"")]
    assert sli(OTEL_EXPORTER_OTLP_ENDPOINT=collector.base).returncode == 0
    assert len(collector.paths) == 3
    assert collector.gauges()["rw_acr_images_needing_sync"][0] == 8


def test_nobody_listens(sli):
    ended = sli(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert (ended.returncode, ended.stdout) == (6, "8\n")
    assert "the metric could not be pushed: metrics collector (OTLP): POST http://127.0.0.1:1/v1/metrics" in ended.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
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
def test_wrong_settings_are_told_before_anything_is_asked(sli, world, settings, said):
    ended = sli(**settings)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert world.requests() == []
