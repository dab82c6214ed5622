"""What the tests share: a world on loopback for each test, and Robot Framework run in it as the platform would.

Started by tests/platform.rs. ACR_SYNC_EXECUTABLES names the folder of `sli`, `taskset` and `sandbox`, and ACR_SYNC_REPORTS
the file that gets a line of JSON for each phase of each test.
"""

import json
import os
import pathlib

import pytest

from otlp_collector import Collector
from robot_run import Robot
from sandbox_world import World

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_runtest_logreport(report):
    """Writes a report of a test's call, and of a set-up or tear-down that did not pass, for tests/platform.rs."""
    file = os.environ.get("ACR_SYNC_REPORTS")
    # Under pytest-xdist the workers' reports arrive here, in the controller.
    if file and "PYTEST_XDIST_WORKER" not in os.environ and (report.when == "call" or report.outcome != "passed"):
        line = {"test": report.nodeid, "outcome": report.outcome, "text": report.longreprtext}
        with open(file, "a", encoding="utf-8") as reports:
            reports.write(json.dumps(line) + "\n")


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def executables() -> pathlib.Path:
    """The folder that holds `sli`, `taskset` and `sandbox`."""
    return pathlib.Path(os.environ["ACR_SYNC_EXECUTABLES"])


@pytest.fixture
def world(executables):
    """A sandbox of its own, in which eight images are behind."""
    with World(executables / "sandbox") as world:
        yield world


@pytest.fixture
def robot(world, executables, tmp_path):
    """Robot Framework with the wrappers, in this world."""
    return Robot(world, executables, ROOT / "codebundles" / "azure-rw-acr-sync", tmp_path)


@pytest.fixture
def collector():
    """A collector of metrics."""
    with Collector() as collector:
        yield collector
