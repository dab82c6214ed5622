"""What the tests share: a world on loopback for each test, and Robot Framework run in it as the platform would.

Started by tests/platform.rs, which tells in ACR_SYNC_EXECUTABLES where `sli`, `taskset` and `sandbox` are.
"""

import os
import pathlib

import pytest

from otlp_collector import Collector
from robot_run import Robot
from sandbox_world import World

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
