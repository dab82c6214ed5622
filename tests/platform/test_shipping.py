"""The images and the Kubernetes files, as far as they can be checked without a container engine or a cluster."""

import os
import pathlib
import re
import resource
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from dockerfile_parse import DockerfileParser

DOCKERFILES = ["Dockerfile", "Dockerfile.minimal"]
MANIFESTS = ["cronjob.yaml", "indexed-job.yaml"]
NOBODY = 65532
CI = os.environ.get("CI") == "true"


def parsed(root, name, tmp_path):
    """The instructions of a Dockerfile, stage by stage: [[(instruction, value)]]; those before the first are stage 0."""
    # The parser wants a file of its own.
    copy = tmp_path / "Dockerfile"
    shutil.copy(root / name, copy)
    stages = [[]]
    for line in DockerfileParser(str(copy)).structure:
        if line["instruction"] == "COMMENT":
            continue
        if line["instruction"] == "FROM":
            stages.append([])
        stages[-1].append((line["instruction"], line["value"]))
    return stages


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_builds_in_one_stage_and_ships_another_that_is_not_root(root, name, tmp_path):
    arguments, build, final = parsed(root, name, tmp_path)
    assert {value.split("=")[0] for what, value in arguments if what == "ARG"} == {"RUST_IMAGE", "BASE_IMAGE"}
    assert build[0] == ("FROM", "${RUST_IMAGE} AS build")
    assert final[0] == ("FROM", "${BASE_IMAGE}")
    user = [value for what, value in final if what == "USER"][-1]
    assert user in ("runwhen", f"{NOBODY}:{NOBODY}")
    # Nothing is for one architecture only.
    assert not re.search(r"amd64|x86_64|--platform", "".join(value for _, value in build + final))
    assert not [value for what, value in final if what == "ADD"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_a_dockerfile_copies_is_there_and_not_ignored(root, name, tmp_path):
    ignored = {line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"}
    for what, value in sum(parsed(root, name, tmp_path), []):
        words = [word for word in value.split() if not word.startswith("--")]
        if what == "COPY" and "--from" not in value:
            for source in words[:-1]:
                assert (root / source).exists(), source
                assert source not in ignored


def test_the_platforms_image_has_what_the_wrappers_look_for(root, tmp_path):
    final = parsed(root, "Dockerfile", tmp_path)[-1]
    assert ("ENV", "ACR_SYNC_HOME=/opt/acr-sync/bin") in final
    copied = [value.split()[-1] for what, value in final if what == "COPY"]
    assert "/opt/acr-sync/bin/" in copied
    assert "/home/runwhen/collection/codebundles" in copied


def test_the_compiler_is_the_one_that_the_project_wants(root, tmp_path):
    wanted = re.search(r'^rust-version = "(.*)"', (root / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for name in DOCKERFILES:
        arguments = parsed(root, name, tmp_path)[0]
        assert f":{wanted}-" in dict(value.split("=", 1) for _, value in arguments)["RUST_IMAGE"]


def documents(root, name):
    return list(yaml.safe_load_all((root / "deploy" / name).read_text()))


def pods(document):
    """The pod of a Job or CronJob."""
    if document["kind"] == "CronJob":
        return [document["spec"]["jobTemplate"]["spec"]["template"]]
    return [document["spec"]["template"]] if document["kind"] == "Job" else []


@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_takes_the_file(root, name):
    for document in documents(root, name):
        kubernetes_validate.validate(document, "1.33", strict=True)


@pytest.mark.parametrize("name", MANIFESTS)
def test_pods_are_restricted_and_use_workload_identity(root, name):
    found = [pod for document in documents(root, name) for pod in pods(document)]
    assert found
    for pod in found:
        assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
        spec = pod["spec"]
        assert spec["serviceAccountName"] == "acr-sync"
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= container["resources"].keys()
            assert "/output" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_a_job_outlives_the_programs_deadline(root):
    settings = next(d for d in documents(root, "cronjob.yaml") if d["kind"] == "ConfigMap")["data"]
    for document in documents(root, "cronjob.yaml"):
        if document["kind"] == "CronJob":
            job = document["spec"]["jobTemplate"]["spec"]
            assert job["activeDeadlineSeconds"] > int(settings["TIMEOUT_SECONDS"])


def test_every_setting_of_the_manifests_is_a_variable(root, executables):
    known = subprocess.run([executables / "sli", "--help"], capture_output=True, text=True, check=True).stdout
    for name in MANIFESTS:
        for document in documents(root, name):
            given = set(document.get("data", {})) - {"registries"}
            for pod in pods(document):
                for container in pod["spec"]["containers"]:
                    given |= {entry["name"] for entry in container.get("env", [])}
            for variable in given:
                assert re.search(rf"\b{variable}\b", known), f"{name}: {variable}"


def fleet(root):
    registries, job = documents(root, "indexed-job.yaml")
    return registries["data"]["registries"].splitlines(), job


def test_the_fleet_has_an_index_for_each_line_of_its_list(root):
    lines, job = fleet(root)
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == len(lines)


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_each_index_takes_its_own_registry(root, world, executables, tmp_path, index):
    _, job = fleet(root)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    listed = tmp_path / "registries"
    subscription = world.environment["AZURE_SUBSCRIPTION_ID"]
    listed.write_text(f"elsewhere.azurecr.io {subscription}\nmyacr.azurecr.io {subscription}\nmyacr.azurecr.io\n")
    script = container["args"][0]
    assert "/etc/acr-sync/registries" in script and "/opt/acr-sync/bin/taskset" in script
    script = script.replace("/etc/acr-sync/registries", str(listed))
    script = script.replace("/opt/acr-sync/bin/taskset", str(executables / "taskset"))
    ended = subprocess.run(
        [*container["command"], script],
        env={
            **{name: value for name, value in world.environment.items() if name != "REGISTRY_NAME"},
            "PATH": "/usr/bin:/bin",
            "OUTPUT_DIR": str(tmp_path),
            "JOB_COMPLETION_INDEX": str(index),
            "SYNC_IMAGES": "false",
            "IMAGES": "codecollection",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if index in (1, 2):
        assert ended.returncode == 0, ended.stderr
        assert "# RunWhen images in myacr.azurecr.io" in ended.stdout
    elif index == 0:
        assert "elsewhere.azurecr.io" in ended.stderr
        assert ended.returncode not in (0, 4)
    else:
        # A list that is shorter than the Job: a wrong setting, which is not tried again.
        assert ended.returncode == 2
        assert "REGISTRY_NAME" in ended.stderr


def libraries(executable):
    """Everything that the dynamic linker loads, the linker too."""
    told = subprocess.run(["ldd", executable], capture_output=True, text=True, check=True).stdout
    return [pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", told)]


@pytest.mark.parametrize("program", ["sli", "taskset"])
def test_runs_as_nobody_in_a_root_that_holds_nothing_else_and_cannot_be_written(
    world, executables, tmp_path, program
):
    if os.geteuid() != 0:
        assert not CI, "CI=true wants this to run as root"
        pytest.skip("only root can change the root folder")
    root = tmp_path / "root"
    (root / "output").mkdir(parents=True)
    os.chown(root / "output", NOBODY, NOBODY)
    for path in [*libraries(executables / program)]:
        (root / path.relative_to("/").parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path.relative_to("/"))
    shutil.copy(executables / program, root / program)
    shutil.copy(world.environment["SSL_CERT_FILE"], root / "ca.pem")
    os.chmod(root / "ca.pem", 0o644)
    before = {path for path in root.rglob("*") if "output" not in path.parts}

    def enter():
        os.chroot(root)
        os.chdir("/")
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    environment = world.environment | {"SSL_CERT_FILE": "/ca.pem", "OUTPUT_DIR": "/output"}
    ended = subprocess.run(
        [f"/{program}"],
        env=environment,
        preexec_fn=enter,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert (root / "output" / "azure-rw-acr-sync" / f"{program}.json").is_file()
    assert {path for path in root.rglob("*") if "output" not in path.parts} == before
    # The workers' 1 GiB is shared; the largest child so far says enough.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 512 * 1024
