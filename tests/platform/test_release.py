""".ci/release and .ci/published-chart, with programs that record their calls in place of docker and gh."""

import json
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
import yaml

DIGEST = f"sha256:{'7' * 64}"
# Records the call, and does what .ci/release needs of docker.
PROGRAM = f"""#!{sys.executable} -IS
import json, os, pathlib, sys
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, *arguments]) + "\\n")
if arguments[:1] == ["login"]:
    sys.stdin.read()
elif arguments[:1] == ["version"]:
    print(os.environ["ARCHITECTURE"])
elif arguments[:3] == ["buildx", "imagetools", "inspect"]:
    print("{DIGEST}")
elif arguments[:1] == ["create"]:
    print("container-1")
elif arguments[:1] == ["cp"]:
    folder = pathlib.Path(arguments[2])
    folder.mkdir()
    for executable in ("sli", "taskset", "acr-sync"):
        (folder / executable).write_text("an executable")
"""
# The real one needs cargo-cyclonedx; the stage `lint` runs it.
SBOM = "#!/bin/bash\nmkdir -p $1 && for name in sli taskset acr-sync; do echo '{}' >$1/$name.cdx.json; done\n"


class Checkout:
    """A checkout in which .ci/release can run."""

    def __init__(self, root, folder):
        self.folder = folder
        self.version = re.search(r'^version = "(.*)"', (root / "Cargo.toml").read_text(), re.MULTILINE)[1]
        (folder / ".ci").mkdir()
        for name in [".ci/release", "Cargo.toml", "Dockerfile", "Dockerfile.minimal", "LICENSE", "README.md", "CHANGELOG.md"]:
            shutil.copy(root / name, folder / name)
        (folder / "bin").mkdir()
        for path, text in [(".ci/sbom", SBOM), ("bin/docker", PROGRAM), ("bin/gh", PROGRAM)]:
            (folder / path).write_text(text)
            (folder / path).chmod(0o755)

        identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.com", "-c", "commit.gpgsign=false"]
        for arguments in (["init", "--quiet"], ["add", "LICENSE"], [*identity, "commit", "--quiet", "--message=a release"]):
            subprocess.run(["git", *arguments], cwd=folder, check=True)

    def git(self, *arguments):
        ended = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return ended.stdout.strip()

    def run(self, step, tag=None, architecture="amd64"):
        return subprocess.run(
            ["bash", self.folder / ".ci" / "release", step, "release"],
            env={
                "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
                "CALLS": str(self.folder / "calls"),
                "ARCHITECTURE": architecture,
                "GITHUB_REPOSITORY": "RunWhen-Contrib/azure-rw-acr-sync",
                "GITHUB_REF_NAME": tag or f"v{self.version}",
                "GITHUB_ACTOR": "someone",
                "GITHUB_TOKEN": "token-of-the-job",
            },
            capture_output=True, text=True, timeout=120, check=False,
        )

    def calls(self):
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def checkout(root, tmp_path):
    return Checkout(root, tmp_path)


def test_release_has_executables_images_sboms_and_checksums(checkout):
    for architecture in ("amd64", "arm64"):
        ended = checkout.run("build", architecture=architecture)
        assert ended.returncode == 0, ended.stderr
    ended = checkout.run("publish")
    assert ended.returncode == 0, ended.stderr
    release, version = checkout.folder / "release", checkout.version
    files = {"SHA256SUMS", "images.txt"}
    for architecture in ("amd64", "arm64"):
        name = f"azure-rw-acr-sync-{version}-linux-{architecture}"
        files |= {f"{name}.tar.gz", f"{name}-base-images.txt"}
        files |= {f"{name}-{program}.cdx.json" for program in ("sli", "taskset", "acr-sync")}
        with tarfile.open(release / f"{name}.tar.gz") as tar:
            tar.extractall(checkout.folder / "unpacked", filter="data")
        unpacked = checkout.folder / "unpacked" / name
        programs, documents = {"sli", "taskset", "acr-sync"}, {"LICENSE", "README.md", "CHANGELOG.md"}
        assert {path.name for path in unpacked.iterdir()} == programs | documents
        assert len((release / f"{name}-base-images.txt").read_text().splitlines()) == 4
    assert {path.name for path in release.iterdir()} == files
    checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=release, capture_output=True, text=True, check=True)
    assert checked.stdout.count(": OK") == len(files) - 1
    images = [f"ghcr.io/runwhen-contrib/azure-rw-acr-sync/{name}:{version}" for name in ("minimal", "worker")]
    assert (release / "images.txt").read_text().splitlines() == [f"{image}@{DIGEST}" for image in images]
    (created,) = [call for call in checkout.calls() if call[0] == "gh"]
    assert created[1:5] == ["release", "create", f"v{version}", "--verify-tag"]
    assert {path.rsplit("/", 1)[1] for path in created if path.startswith("release/")} == files


def test_images_of_a_release_are_built_from_pinned_images_with_sbom_and_provenance(root, checkout):
    assert checkout.run("build").returncode == 0
    builds = [call for call in checkout.calls() if call[1:3] == ["buildx", "build"]]
    assert [call[call.index("--file") + 1] for call in builds] == ["Dockerfile.minimal", "Dockerfile"]
    for call in builds:
        dockerfile = (root / call[call.index("--file") + 1]).read_text()
        given = [call[at + 1] for at, word in enumerate(call) if word == "--build-arg"]
        defaults = re.findall(r"^ARG (\w+=\S+)$", dockerfile, re.MULTILINE)
        # The context of the build does not contain .git.
        source = [f"SOURCE_COMMIT={checkout.git('rev-parse', 'HEAD')}", f"SOURCE_DATE_EPOCH={checkout.git('log', '-1', '--format=%ct')}"]
        assert given == source + [f"{default}@{DIGEST}" for default in defaults]
        assert call[call.index("--provenance") + 1] == "mode=max"
        assert re.fullmatch(r"type=sbom,generator=\S+@sha256:[0-9a-f]{64}", call[call.index("--attest") + 1])
        assert call[call.index("--tag") + 1].endswith(f":{checkout.version}-amd64")
    (builder,) = [call for call in checkout.calls() if call[1:3] == ["buildx", "create"]]
    assert re.search(r"image=\S+@sha256:[0-9a-f]{64}$", builder[-1])
    # The token is given on stdin.
    assert "token-of-the-job" not in json.dumps(checkout.calls())


def test_tag_with_another_version_is_refused_before_any_call(checkout):
    ended = checkout.run("build", tag="v9.9.9")
    assert ended.returncode == 2
    assert f"the tag is v9.9.9, but the version in Cargo.toml is {checkout.version}" in ended.stderr
    assert not (checkout.folder / "calls").exists()


def test_notes_of_a_release_are_its_part_of_the_changelog(root, checkout):
    keep = checkout.folder / "bin" / "gh"
    keep.write_text('#!/bin/bash\nwhile [ "$1" != --notes-file ]; do shift; done\ncp "$2" "$CALLS.notes"\n')
    assert checkout.run("publish").returncode != 0, "there is no folder with files"
    (checkout.folder / "release").mkdir()
    assert checkout.run("publish").returncode == 0
    notes = (checkout.folder / "calls.notes").read_text()
    changelog = (root / "CHANGELOG.md").read_text()
    assert notes.strip() and notes in changelog
    assert f"## {checkout.version}" in changelog[: changelog.index(notes)].splitlines()[-1]
    assert "\n## " not in notes


def test_images_of_a_release_are_those_that_the_documents_name(root):
    registry = "ghcr.io/runwhen-contrib/azure-rw-acr-sync"
    script = (root / ".ci" / "release").read_text()
    named = re.findall(rf"{registry}/(\w+):([\d.]+)", (root / "docs" / "aks.md").read_text())
    assert named
    for name, version in named:
        assert f"{name}:Dockerfile" in script
        assert f'\nversion = "{version}"\n' in (root / "Cargo.toml").read_text()


def test_newest_published_chart_is_downloaded_and_compared_with_the_index(root, world, tmp_path):
    def download():
        return subprocess.run(
            [sys.executable, root / ".ci" / "published-chart", "--download", tmp_path / "chart"],
            env={**world.network(), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=120, check=False,
        )

    ended = download()
    assert ended.returncode == 0, ended.stderr
    with tarfile.open(tmp_path / "chart" / "chart.tgz") as tar:
        chart = yaml.safe_load(tar.extractfile("runwhen-local/Chart.yaml"))
    assert (chart["name"], chart["version"]) == ("runwhen-local", (tmp_path / "chart" / "version").read_text())
    world.fault(host="release-assets.githubusercontent.com", kind="html")
    ended = download()
    assert ended.returncode == 1 and "the archive has the digest" in ended.stderr, ended.stderr
