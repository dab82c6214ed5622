"""The file of --metrics-file, read by Prometheus's own client library."""

import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

RUN = {"registry": "myacr", "repository_path": "runwhen", "images": "all"}
FAMILIES = {
    "acr_sync_outdated_images",
    "acr_sync_category_outdated_images",
    "acr_sync_oldest_drift_seconds",
    "acr_sync_images",
    "acr_sync_imports",
    "acr_sync_last_run_timestamp_seconds",
    "acr_sync_last_run_duration_seconds",
    "acr_sync_last_run_exit_code",
    "acr_sync_build_info",
}


@pytest.fixture
def run(executables, world, tmp_path):
    """Runs an executable with a metrics file; returns the process and the samples {(name, labels): value}."""
    file = tmp_path / "metrics" / "acr.prom"

    def run(program, **settings):
        process = subprocess.run(
            [executables / program, "--metrics-file", file],
            env={**world.environment, "OUTPUT_DIR": str(tmp_path), **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )
        families = list(text_string_to_metric_families(file.read_text()))
        assert all(family.type == "gauge" and family.documentation for family in families)
        samples = [sample for family in families for sample in family.samples]
        # The textfile collector refuses a file with a sample twice.
        values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
        assert len(values) == len(samples)
        return process, {family.name for family in families}, values

    return run


def value(values, program, name, **labels):
    """The value of a sample; None if there is none."""
    return values.get((name, frozenset({**RUN, "program": program, **labels}.items())))


def test_metrics_of_a_check_and_of_a_sync_follow_the_conventions(run):
    process, families, checked = run("sli")
    assert (process.returncode, process.stdout) == (0, "8\n"), process.stderr
    assert families == FAMILIES
    assert value(checked, "sli", "acr_sync_outdated_images") == 8
    assert value(checked, "sli", "acr_sync_category_outdated_images", category="codecollection") == 5
    assert value(checked, "sli", "acr_sync_oldest_drift_seconds") > 0
    assert value(checked, "sli", "acr_sync_images", category="codecollection", verdict="Missing") == 5
    assert value(checked, "sli", "acr_sync_images", category="runwhen_local", verdict="Unknown") == 0
    assert value(checked, "sli", "acr_sync_imports", category="runwhen_local", result="imported") == 0
    assert value(checked, "sli", "acr_sync_last_run_exit_code") == 0

    process, _, synced = run("taskset")
    assert process.returncode == 0, process.stderr
    assert value(synced, "taskset", "acr_sync_outdated_images") == 0
    assert value(synced, "taskset", "acr_sync_oldest_drift_seconds") == 0
    assert value(synced, "taskset", "acr_sync_images", category="runwhen_local", verdict="Outdated") == 3
    assert value(synced, "taskset", "acr_sync_imports", category="runwhen_local", result="imported") == 3
    assert 0 < value(synced, "taskset", "acr_sync_last_run_duration_seconds") < 60
    assert abs(value(synced, "taskset", "acr_sync_last_run_timestamp_seconds") - time.time()) < 120


def test_number_that_is_not_known_has_no_sample(run, world):
    world.fault(host="us-docker.pkg.dev", kind="status", code=403, body="")
    process, families, values = run("sli")
    assert (process.returncode, process.stdout) == (3, ""), process.stderr
    assert families == FAMILIES
    assert not [name for name, _ in values if name == "acr_sync_outdated_images"]
    assert value(values, "sli", "acr_sync_category_outdated_images", category="codecollection") == 5
    assert value(values, "sli", "acr_sync_category_outdated_images", category="runwhen_local") is None
    assert value(values, "sli", "acr_sync_images", category="runwhen_local", verdict="Unknown") == 1
    assert value(values, "sli", "acr_sync_last_run_exit_code") == 3


def test_exit_code_is_that_of_the_process_also_if_the_push_fails(run):
    process, _, values = run("sli", PUSH_METRIC="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert process.returncode == 6, process.stderr
    assert value(values, "sli", "acr_sync_last_run_exit_code") == 6


def test_labels_distinguish_runs_with_other_settings(run):
    process, _, values = run("sli", REGISTRY_REPOSITORY_PATH="a.b/c_d", IMAGES="codecollection")
    assert process.returncode == 0, process.stderr
    labels = {**RUN, "program": "sli", "repository_path": "a.b/c_d", "images": "codecollection"}
    assert values["acr_sync_outdated_images", frozenset(labels.items())] == 5
    # A category that was not checked has no sample.
    assert not [labels for _, labels in values if ("category", "runwhen_local") in labels]


def test_file_that_cannot_be_written_ends_the_run_before_it_begins(executables, world, tmp_path):
    process = subprocess.run(
        [executables / "sli", "--metrics-file", tmp_path],
        env={**world.environment, "OUTPUT_DIR": str(tmp_path / "output")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.returncode, process.stdout) == (2, ""), process.stderr
    assert "METRICS_FILE" in process.stderr and "it is a folder" in process.stderr
    assert world.requests() == []
