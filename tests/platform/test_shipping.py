"""The Dockerfiles and Kubernetes manifests, checked without a container engine and without a cluster."""

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
MANIFESTS = ["cronjob.yaml", "indexed-job.yaml", "report-files.yaml"]
UNPRIVILEGED = 65532
CI = os.environ.get("CI") == "true"


def parsed(root, name, tmp_path):
    """Returns the instructions per stage: [[(instruction, value)]]. Stage 0 has those before the first FROM."""
    # The parser requires a file with the name Dockerfile.
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
def test_dockerfile_has_a_build_stage_and_a_final_stage_without_root(root, name, tmp_path):
    arguments, build, final = parsed(root, name, tmp_path)
    assert {value.split("=")[0] for what, value in arguments if what == "ARG"} == {"RUST_IMAGE", "BASE_IMAGE"}
    assert build[0] == ("FROM", "${RUST_IMAGE} AS build")
    assert final[0] == ("FROM", "${BASE_IMAGE}")
    user = [value for what, value in final if what == "USER"][-1]
    assert user in ("runwhen", f"{UNPRIVILEGED}:{UNPRIVILEGED}")
    # The images can be built for every architecture.
    assert not re.search(r"amd64|x86_64|--platform", "".join(value for _, value in build + final))
    assert not [value for what, value in final if what == "ADD"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfile_builds_every_executable_with_the_commit_of_its_source(root, name, tmp_path):
    _, build, final = parsed(root, name, tmp_path)
    (command,) = [value for what, value in build if what == "RUN"]
    for program in ("sli", "taskset", "acr-sync"):
        for part in (f"--package {program} ", f"target/release/{program} ", f"/out/{program} --version"):
            assert part in f"{command} ", part
    given = [value.split("=")[0] for what, value in build if what == "ARG"]
    assert given == ["SOURCE_COMMIT", "SOURCE_DATE_EPOCH"]
    assert ("COPY", "--from=build /out/ /opt/acr-sync/bin/") in final


# Instructions, options and arguments that only BuildKit has: https://github.com/Azure/acr/issues/721.
BUILDKIT_ONLY = re.compile(
    r"--(?:mount|network|security|chmod|link|parents|exclude|checksum|keep-git-dir|unpack|start-interval|platform)\b"
    r"|<<-?[\"']?\w"
    r"|\b(?:BUILD|TARGET)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)\b"
)
KNOWN_TO_EVERY_BUILDER = {"ARG", "FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "CMD", "ENTRYPOINT", "LABEL", "EXPOSE"}


def only_with_buildkit(text):
    """Returns the lines of a Dockerfile that `az acr build`, which does not have BuildKit, refuses or reads differently."""
    found = [line for line in text.splitlines() if re.match(r"# *(?:syntax|check) *=", line, re.IGNORECASE)]
    instructions = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    for line in filter(str.strip, instructions):
        words = line.split()
        # ACR also reads the FROM lines itself, to find the base images.
        is_from = words[0] == "FROM"
        is_readable = not is_from or len(words) == 2 or (len(words) == 4 and words[2].lower() == "as")
        if words[0] not in KNOWN_TO_EVERY_BUILDER or not is_readable or BUILDKIT_ONLY.search(line):
            found.append(line)
    return found


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfile_needs_no_buildkit(root, name):
    assert only_with_buildkit((root / name).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "# syntax=docker/dockerfile:1",
        "RUN --mount=type=cache,target=/root/.cargo cargo build",
        "RUN true \\\n    --mount=type=secret,id=token",
        "RUN <<EOF",
        "COPY --link a b",
        "COPY --chmod=755 a b",
        "FROM --platform=linux/amd64 debian",
        "FROM debian as",
        "ARG TARGETARCH",
        "ADD https://example.com/a /a",
        "from debian",
    ],
)
def test_line_that_needs_buildkit_is_found(line):
    assert only_with_buildkit(f"FROM debian AS build\n{line}\nRUN true\n"), line


@pytest.mark.parametrize("name", DOCKERFILES)
def test_files_that_a_dockerfile_copies_exist_and_are_not_ignored(root, name, tmp_path):
    ignored = {line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"}
    for what, value in sum(parsed(root, name, tmp_path), []):
        paths = [part for part in value.split() if not part.startswith("--")]
        if what == "COPY" and "--from" not in value:
            for source in paths[:-1]:
                assert (root / source).exists(), source
                assert source not in ignored


def test_platform_image_contains_executables_and_codebundles(root, tmp_path):
    final = parsed(root, "Dockerfile", tmp_path)[-1]
    assert ("ENV", "ACR_SYNC_HOME=/opt/acr-sync/bin") in final
    copied = [value.split()[-1] for what, value in final if what == "COPY"]
    assert "/opt/acr-sync/bin/" in copied
    assert "/home/runwhen/collection/codebundles" in copied


def test_dockerfiles_use_the_rust_version_of_the_project(root, tmp_path):
    version = re.search(r'^rust-version = "(.*)"', (root / "Cargo.toml").read_text(), re.MULTILINE)[1]
    for name in DOCKERFILES:
        arguments = parsed(root, name, tmp_path)[0]
        assert f":{version}-" in dict(value.split("=", 1) for _, value in arguments)["RUST_IMAGE"]


def documents(root, name):
    return list(yaml.safe_load_all((root / "deploy" / name).read_text()))


def pods(document):
    """The pods and pod templates of a document: one for a Pod, Job or CronJob, otherwise none."""
    kind, spec = document["kind"], document.get("spec", {})
    if kind == "CronJob":
        return [spec["jobTemplate"]["spec"]["template"]]
    return [document] if kind == "Pod" else [spec["template"]] if kind == "Job" else []


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_is_valid_for_kubernetes(root, name):
    for document in documents(root, name):
        kubernetes_validate.validate(document, "1.33", strict=True)


@pytest.mark.parametrize("name", MANIFESTS)
def test_pods_are_restricted_and_only_those_of_the_program_have_an_identity(root, name):
    found = [(document["kind"], pod) for document in documents(root, name) for pod in pods(document)]
    assert found
    for kind, pod in found:
        spec = pod["spec"]
        if kind == "Pod":
            assert "labels" not in pod["metadata"] and spec["automountServiceAccountToken"] is False
        else:
            assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
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


def test_job_deadline_is_later_than_the_deadline_of_the_program(root):
    settings = next(d for d in documents(root, "cronjob.yaml") if d["kind"] == "ConfigMap")["data"]
    for document in documents(root, "cronjob.yaml"):
        if document["kind"] == "CronJob":
            job = document["spec"]["jobTemplate"]["spec"]
            assert job["activeDeadlineSeconds"] > int(settings["TIMEOUT_SECONDS"])


def test_documents_of_all_manifests_are_in_the_namespace_that_the_cronjobs_create(root):
    found = [document for name in MANIFESTS for document in documents(root, name)]
    (namespace,) = [document["metadata"] for document in found if document["kind"] == "Namespace"]
    assert namespace["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    others = {document["metadata"].get("namespace") for document in found if document["kind"] != "Namespace"}
    assert others == {namespace["name"]}


def test_reports_in_the_log_are_kept_for_a_week(root):
    jobs = {document["metadata"]["name"]: document["spec"] for document in documents(root, "cronjob.yaml")
            if document["kind"] == "CronJob"}
    sync = jobs["acr-sync-taskset"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", sync["schedule"])
    assert sync["successfulJobsHistoryLimit"] == sync["failedJobsHistoryLimit"] == 7
    assert sync["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 7 * 24 * 3600


def test_every_setting_of_the_manifests_is_in_help(root, executables):
    documented = subprocess.run([executables / "sli", "--help"], capture_output=True, text=True, check=True).stdout
    for name in MANIFESTS:
        for document in documents(root, name):
            given = set(document.get("data", {})) - {"registries"}
            for pod in pods(document):
                for container in pod["spec"]["containers"]:
                    given |= {entry["name"] for entry in container.get("env", [])}
            for variable in given:
                assert re.search(rf"\b{variable}\b", documented), f"{name}: {variable}"


def fleet(root):
    registries, job = documents(root, "indexed-job.yaml")
    return registries["data"]["registries"].splitlines(), job


def test_fleet_has_one_index_per_registry_of_its_list(root):
    lines, job = fleet(root)
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == len(lines)


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_index_uses_the_registry_on_its_line(root, world, executables, tmp_path, index):
    _, job = fleet(root)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    registries = tmp_path / "registries"
    subscription = world.environment["AZURE_SUBSCRIPTION_ID"]
    registries.write_text(f"elsewhere.azurecr.io {subscription}\nmyacr.azurecr.io {subscription}\nmyacr.azurecr.io\n")
    script = container["args"][0]
    assert "/etc/acr-sync/registries" in script and "/opt/acr-sync/bin/taskset" in script
    script = script.replace("/etc/acr-sync/registries", str(registries))
    script = script.replace("/opt/acr-sync/bin/taskset", str(executables / "taskset"))
    process = subprocess.run(
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
        assert process.returncode == 0, process.stderr
        assert "# RunWhen images in myacr.azurecr.io" in process.stdout
    elif index == 0:
        assert "elsewhere.azurecr.io" in process.stderr
        assert process.returncode not in (0, 4)
    else:
        # The list is shorter than `completions`. This is a wrong configuration, and the Job does not retry it.
        assert process.returncode == 2
        assert "REGISTRY_NAME" in process.stderr


def libraries(executable):
    """The shared libraries of an executable and the dynamic linker."""
    lines = subprocess.run(["ldd", executable], capture_output=True, text=True, check=True).stdout
    return [pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", lines)]


@pytest.mark.parametrize("program", ["sli", "taskset"])
def test_unprivileged_run_in_a_read_only_root_with_only_its_libraries_succeeds(
    world, executables, tmp_path, program
):
    if os.geteuid() != 0:
        assert not CI, "with CI=true, this test must run as root"
        pytest.skip("only root can call chroot")
    root = tmp_path / "root"
    (root / "output").mkdir(parents=True)
    os.chown(root / "output", UNPRIVILEGED, UNPRIVILEGED)
    for path in libraries(executables / program):
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
        os.setgid(UNPRIVILEGED)
        os.setuid(UNPRIVILEGED)

    environment = world.environment | {"SSL_CERT_FILE": "/ca.pem", "OUTPUT_DIR": "/output"}
    process = subprocess.run(
        [f"/{program}"],
        env=environment,
        preexec_fn=enter,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert (root / "output" / "azure-rw-acr-sync" / f"{program}.json").is_file()
    assert {path for path in root.rglob("*") if "output" not in path.parts} == before
    # Workers share 1 GiB, so half of it is the limit for the largest child process of this test run.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 512 * 1024
