"""What builds, checks and ships the program is named exactly: actions, tools, images, and what workflows may do."""

import re
import subprocess

import pytest
import yaml

WORKFLOWS = ["ci.yaml", "advisories.yaml", "published-chart.yaml", "release.yaml"]
# Jobs that may write: all others may only read the repository.
WRITERS = {
    ("release.yaml", "build"): {"contents": "read", "packages": "write"},
    ("release.yaml", "publish"): {"contents": "write", "packages": "write"},
}
DOCKERFILES = ["Dockerfile", "Dockerfile.minimal"]


def read(root, name):
    return (root / ".github" / "workflows" / name).read_text()


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_every_workflow_is_checked_here(root):
    assert {path.name for path in (root / ".github" / "workflows").iterdir()} == set(WORKFLOWS)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_only_jobs_of_a_release_may_write(root, name):
    workflow = yaml.safe_load(read(root, name))
    assert workflow["permissions"] == {"contents": "read"}
    for job_name, job in workflow["jobs"].items():
        assert job.get("permissions") == WRITERS.get((name, job_name))
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit_with_their_version(root, name):
    text = read(root, name)
    used = re.findall(r"^\s*(?:- )?uses:.*$", text, re.MULTILINE)
    assert len(used) == len([entry for entry in steps(yaml.safe_load(text)) if "uses" in entry])
    assert used
    for line in used:
        assert re.search(r"uses: [\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_runs_only_stages_of_the_script(root, name):
    for entry in steps(yaml.safe_load(read(root, name))):
        if "run" in entry:
            # So no text of an event becomes a part of a script.
            stage = re.fullmatch(r"(?:sudo \S+ )?bash \.ci/(run|release) ([\w-]+)(?: release)?", entry["run"])
            assert stage, entry["run"]
            assert f"\n    {stage[2]}) " in (root / ".ci" / stage[1]).read_text()
            assert entry.get("env", {}) in ({}, {"GITHUB_TOKEN": "${{ github.token }}"})


def test_lint_tests_and_the_declared_compiler_are_jobs_of_their_own(root):
    jobs = yaml.safe_load(read(root, "ci.yaml"))["jobs"]
    assert set(jobs) == {"lint", "test", "rust-version"}
    for name, job in jobs.items():
        assert [step for step in job["steps"] if step.get("run", "").endswith(f".ci/run {name}")]


def test_the_readme_names_the_declared_compiler(root):
    wanted = re.search(r'^rust-version = "(.*)"', (root / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert f"With Rust {wanted} or newer" in (root / "README.md").read_text()


def test_unknown_stage_is_refused_with_the_known_ones(root):
    ended = subprocess.run([root / ".ci" / "run", "other"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    for stage in ["lint", "test", "rust-version", "advisories", "published-chart"]:
        assert f".ci/run {stage} " in ended.stderr


def test_cargo_tools_are_installed_in_a_chosen_version(root):
    places = [*(root / ".ci").iterdir(), *(root / ".github").rglob("*.yaml"), root / "justfile"]
    installs = [line for path in places for line in path.read_text().splitlines() if "cargo install " in line]
    installs = [line for line in installs if "--list" not in line]
    assert [line.strip() for line in installs if "@$version" not in line] == []
    assert len(re.findall(r"version=\d+\.\d+\.\d+", (root / ".ci" / "tool").read_text())) == 2


@pytest.mark.parametrize("name", DOCKERFILES)
def test_every_image_of_a_dockerfile_can_be_pinned_by_digest(root, name):
    text = (root / name).read_text()
    # A syntax line would bring one more image.
    assert "syntax=" not in text
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${RUST_IMAGE}", "${BASE_IMAGE}"]
    for argument in ["RUST_IMAGE", "BASE_IMAGE"]:
        default = re.search(rf"^ARG {argument}=(\S+)$", text, re.MULTILINE)[1]
        assert f"--build-arg {argument}={default}@sha256:" in text
    assert "docker buildx imagetools inspect" in text
