"""azure-rw-acr-helm-update reads only the registry: its documented selection, applied to what a sync leaves there."""

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
    """A whole sync; the artifact that tells what it did."""
    environment = {**world.environment, "REGISTRY_NAME": "myacr.azurecr.io", "OUTPUT_DIR": str(tmp_path), **settings}
    subprocess.run([executables / "taskset"], env=environment, check=True, capture_output=True, timeout=120)
    return json.loads((tmp_path / "azure-rw-acr-sync" / "taskset.json").read_text())


def highest(tags):
    """The last of GNU `sort -V`, which is what the other codebundle asks."""
    lines = subprocess.run(["sort", "-V"], input="\n".join(tags), capture_output=True, text=True, check=True)
    return lines.stdout.split()[-1]


def select_collection(tags, ref):
    """The stable tag on the digest of `${REF}-latest`; none where the registry has no such pointer."""
    import re

    latest = tags.get(f"{ref}-latest")
    stable = [tag for tag, digest in tags.items() if re.fullmatch(rf"{ref}-[0-9a-f]{{7,}}", tag) and digest == latest]
    return highest(stable) if latest and stable else None


def wanted(result):
    """{repository: tag} that the sync meant the registry to have."""
    found = {}
    for image in result["images"]:
        repository, _, tag = image["destination"].removeprefix(f"{result['registry']}/").rpartition(":")
        found[repository] = tag
    return found


@pytest.mark.parametrize("scenario", ["outdated", "empty"])
def test_it_finds_every_image_with_the_latest_pointer(world, executables, tmp_path, scenario):
    world.scenario(scenario)
    result = sync(executables, world, tmp_path, SYNC_REF_LATEST="true")
    tags, meant = world.tags(), wanted(result)
    for name in COLLECTIONS:
        assert select_collection(tags[f"{PATH}/{name}"], "main") == meant[f"{PATH}/{name}"], name
    for name in COMPONENTS:
        assert highest(tags[f"{PATH}/{name}"]) == meant[f"{PATH}/{name}"], name


def test_without_the_pointer_it_finds_the_components_only(world, executables, tmp_path):
    """Why SYNC_REF_LATEST is there: the sync does not copy `-latest` by itself, as the original did not."""
    world.scenario("empty")
    result = sync(executables, world, tmp_path)
    tags, meant = world.tags(), wanted(result)
    for name in COLLECTIONS:
        assert select_collection(tags[f"{PATH}/{name}"], "main") is None, name
        assert meant[f"{PATH}/{name}"] in tags[f"{PATH}/{name}"], name
    for name in COMPONENTS:
        assert highest(tags[f"{PATH}/{name}"]) == meant[f"{PATH}/{name}"], name


def test_the_order_that_it_relies_on():
    tags = ["latest", "0.9.0", "main-abc", "20251103120000", "0.10.21"]
    told = subprocess.run(["sort", "-V"], input="\n".join(tags), capture_output=True, text=True, check=True).stdout
    assert told.split() == ["0.9.0", "0.10.21", "20251103120000", "latest", "main-abc"]
