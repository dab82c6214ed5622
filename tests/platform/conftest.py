"""Fixtures: one sandbox per test, and Robot Framework, run in it as on the platform.

tests/platform/python.rs starts pytest. ACR_SYNC_EXECUTABLES is the folder of `sli`, `taskset` and `sandbox`.
ACR_SYNC_REPORTS is the file to which `pytest_runtest_logreport` appends one line of JSON per phase of a test.
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
    """Writes the report of every test call, and of a setup or teardown that did not pass, for tests/platform/python.rs."""
    file = os.environ.get("ACR_SYNC_REPORTS")
    # With pytest-xdist, the controller gets the reports of all workers.
    if file and "PYTEST_XDIST_WORKER" not in os.environ and (report.when == "call" or report.outcome != "passed"):
        line = {"test": report.nodeid, "outcome": report.outcome, "text": report.longreprtext}
        with open(file, "a", encoding="utf-8") as reports:
            reports.write(json.dumps(line) + "\n")


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The root folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def executables() -> pathlib.Path:
    """The folder that contains `sli`, `taskset` and `sandbox`."""
    return pathlib.Path(os.environ["ACR_SYNC_EXECUTABLES"])


@pytest.fixture
def world(executables):
    """A new sandbox in which eight images need a sync."""
    with World(executables / "sandbox") as world:
        yield world


@pytest.fixture
def robot(world, executables, tmp_path):
    """Robot Framework with the wrappers, connected to the sandbox."""
    return Robot(world, executables, ROOT / "codebundles" / "azure-rw-acr-sync", tmp_path)


@pytest.fixture
def collector():
    """An OTLP collector."""
    with Collector() as collector:
        yield collector
