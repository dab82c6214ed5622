"""The documented tag selection of azure-rw-acr-helm-update, applied after a sync.

At 80f8ef7 it reads only the registry. At f3ef3ab it takes the tags of the CodeCollections from RunWhen's catalog, and
reports a tag that the registry lacks as "not present in ACR yet, run azure-rw-acr-sync first".
"""

import json
import ssl
import subprocess
import urllib.request

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


def catalog(world, path):
    """A response of the catalog below /api/v1/catalog."""
    environment = world.environment
    proxy = urllib.request.ProxyHandler({"https": environment["HTTPS_PROXY"]})
    context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
    opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=context))
    with opener.open(f"https://registry.runwhen.com/api/v1/catalog/{path}", timeout=10) as response:
        return json.load(response)


def select_by_catalog(world, tags, ref):
    """Returns {slug: tag} of f3ef3ab: the catalog's tag of each public collection, or None if the registry lacks it."""
    selected = {}
    for entry in catalog(world, "codecollections?visibility=public"):
        slug = entry["slug"]
        tag = catalog(world, f"codecollections/{slug}/resolve?ref={ref}")["image_tag"]
        selected[slug] = tag if tag in tags.get(f"{PATH}/{slug}", {}) else None
    return selected


def destinations(result):
    """Returns {repository: tag} for the destinations of the sync."""
    found = {}
    for image in result["images"]:
        repository, _, tag = image["destination"].removeprefix(f"{result['registry']}/").rpartition(":")
        found[repository] = tag
    return found


@pytest.mark.parametrize("scenario", ["outdated", "empty"])
def test_with_ref_latest_every_image_is_selected_by_80f8ef7(world, executables, tmp_path, scenario):
    world.scenario(scenario)
    result = sync(executables, world, tmp_path, SYNC_REF_LATEST="true")
    tags, expected = world.tags(), destinations(result)
    for name in COLLECTIONS:
        assert select_collection(tags[f"{PATH}/{name}"], "main") == expected[f"{PATH}/{name}"], name
    for name in COMPONENTS:
        assert highest(tags[f"{PATH}/{name}"]) == expected[f"{PATH}/{name}"], name


def test_without_ref_latest_only_components_are_selected_by_80f8ef7(world, executables, tmp_path):
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


@pytest.mark.parametrize("ref", ["main", "feature/x"])
def test_with_the_catalog_every_image_is_selected_by_f3ef3ab(world, executables, tmp_path, ref):
    world.scenario("catalog")
    result = sync(executables, world, tmp_path, CODECOLLECTION_SOURCE="catalog", REF=ref)
    tags, expected = world.tags(), destinations(result)
    selected = select_by_catalog(world, tags, ref.replace("/", "-"))
    assert len(selected) == 6
    for slug, tag in selected.items():
        assert tag == expected[f"{PATH}/{slug}"], slug
        published = world.control("content")["ghcr.io"][f"runwhen-contrib/{slug}"]
        assert tags[f"{PATH}/{slug}"][tag]["digest"] == published[tag]["digest"], slug
    for name in COMPONENTS:
        assert highest(tags[f"{PATH}/{name}"]) == expected[f"{PATH}/{name}"], name


def test_without_the_catalog_nothing_is_selected_by_f3ef3ab(world, executables, tmp_path):
    """The reason for CODECOLLECTION_SOURCE=catalog: the repositories of `tags` have other names."""
    world.scenario("empty")
    sync(executables, world, tmp_path, SYNC_REF_LATEST="true")
    tags = world.tags()
    world.scenario("catalog")
    assert set(select_by_catalog(world, tags, "main").values()) == {None}
