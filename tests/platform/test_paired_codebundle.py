"""The documented tag selection of azure-rw-acr-helm-update, which reads only the registry, applied after a sync."""

import json
import subprocess

import pytest

PATH = "runwhen"
COLLECTIONS = [
    "runwhen-contrib-rw-cli-codecollection",
    "runwhen-contrib-rw-public-codecollection",
    "runwhen-contrib-rw-generic-codecollection",
    "runwhen-contrib-rw-workspace-utils",
    "runwhen-contrib-azure-c7n-codecollection",
]
COMPONENTS = ["runwhen-local", "opentelemetry-collector", "runner"]


def sync(executables, world, tmp_path, **settings):
    """Runs a sync and returns its artifact taskset.json."""
    environment = {**world.environment, "REGISTRY_NAME": "myacr.azurecr.io", "OUTPUT_DIR": str(tmp_path), **settings}
    subprocess.run([executables / "taskset"], env=environment, check=True, capture_output=True, timeout=120)
    return json.loads((tmp_path / "azure-rw-acr-sync" / "taskset.json").read_text())


def highest(tags):
    """The last tag in the order of GNU `sort -V`, which the other codebundle uses."""
    lines = subprocess.run(["sort", "-V"], input="\n".join(tags), capture_output=True, text=True, check=True)
    return lines.stdout.split()[-1]


def select_collection(tags, ref):
    """The stable tag with the digest of `${REF}-latest`, or None if the registry does not have `${REF}-latest`."""
    import re

    latest = tags.get(f"{ref}-latest")
    stable = [tag for tag, digest in tags.items() if re.fullmatch(rf"{ref}-[0-9a-f]{{7,}}", tag) and digest == latest]
    return highest(stable) if latest and stable else None


def destinations(result):
    """Returns {repository: tag} for the destinations of the sync."""
    found = {}
    for image in result["images"]:
        repository, _, tag = image["destination"].removeprefix(f"{result['registry']}/").rpartition(":")
        found[repository] = tag
    return found


@pytest.mark.parametrize("scenario", ["outdated", "empty"])
def test_with_ref_latest_every_image_is_selected(world, executables, tmp_path, scenario):
    world.scenario(scenario)
    result = sync(executables, world, tmp_path, SYNC_REF_LATEST="true")
    tags, expected = world.tags(), destinations(result)
    for name in COLLECTIONS:
        assert select_collection(tags[f"{PATH}/{name}"], "main") == expected[f"{PATH}/{name}"], name
    for name in COMPONENTS:
        assert highest(tags[f"{PATH}/{name}"]) == expected[f"{PATH}/{name}"], name


def test_without_ref_latest_only_components_are_selected(world, executables, tmp_path):
    """The reason for SYNC_REF_LATEST: by default, the sync does not copy `-latest`, like the original."""
    world.scenario("empty")
    result = sync(executables, world, tmp_path)
    tags, expected = world.tags(), destinations(result)
    for name in COLLECTIONS:
        assert select_collection(tags[f"{PATH}/{name}"], "main") is None, name
        assert expected[f"{PATH}/{name}"] in tags[f"{PATH}/{name}"], name
    for name in COMPONENTS:
        assert highest(tags[f"{PATH}/{name}"]) == expected[f"{PATH}/{name}"], name


def test_sort_v_orders_versions_before_dates_before_latest():
    tags = ["latest", "0.9.0", "main-abc", "20251103120000", "0.10.21"]
    lines = subprocess.run(["sort", "-V"], input="\n".join(tags), capture_output=True, text=True, check=True).stdout
    assert lines.split() == ["0.9.0", "0.10.21", "20251103120000", "latest", "main-abc"]
