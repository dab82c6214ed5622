"""docs/aks.md and docs/network.md without Azure: programs that record their calls run the commands, the real ones parse them."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import kubernetes_validate
import pytest
import yaml

from sandbox_world import World

KUBERNETES = "1.33"
PROGRAMS = ["az", "kubectl", "git", "docker"]
# What the recorded `az` prints, by --query. The login server has a domain name label, so it differs from that of the manifests.
ANSWERS = {
    "loginServer": "myacr-c5gkd3e4.azurecr.io",
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/myacr",
    "oidcIssuerProfile.issuerUrl": "https://westeurope.oic.prod-aks.azure.com/t/i/",
    "principalId": "22222222-3333-4444-5555-666666666666",
}


def blocks(root, page, kind):
    """Returns the code blocks of a kind."""
    text = (root / "docs" / page).read_text()
    found = re.findall(rf"^ *```{kind}(?: alternative)?\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    assert found and text.count(f"```{kind}") == len(found)
    return found


def commands(root):
    """Returns all commands of both pages as one script, also those of the alternatives."""
    return "".join(blocks(root, "aks.md", "sh") + blocks(root, "network.md", "sh"))


def constant(root, name):
    """Returns a constant of the sandbox's scenarios."""
    return re.search(rf'pub const {name}: &str = "(.*)";', (root / "sandbox" / "src" / "scenario.rs").read_text())[1]


@pytest.fixture(scope="module")
def calls(root, tmp_path_factory):
    """Runs all commands in one shell and returns the recorded calls."""
    folder = tmp_path_factory.mktemp("aks")
    for name in PROGRAMS:
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        script = pathlib.Path(__file__).with_name("recorded_program.py").read_text()
        program.write_text(f"#!{sys.executable} -IS\n{script}")
        program.chmod(0o755)
    environment = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "CALLS": str(folder / "calls"),
        "CHECKOUT": str(root),
        "ANSWERS": json.dumps({**ANSWERS, "clientId": constant(root, "CLIENT_ID")}),
    }
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(root)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


def of(calls, program, *first):
    """Returns the arguments of the calls of a program that begin with these words."""
    given = [call["arguments"] for call in calls if call["program"] == program]
    return [arguments for arguments in given if tuple(arguments[: len(first)]) == first]


def option(arguments, name):
    """Returns the value of an option."""
    return arguments[arguments.index(name) + 1]


def applied(calls):
    """Returns the documents that the page applies to the cluster."""
    return [document for call in calls if "file" in call for document in yaml.safe_load_all(call["file"])]


def test_page_has_every_step_from_resource_group_to_removal(calls):
    steps = [
        ("group", "create"),
        ("acr", "create"),
        ("aks", "create"),
        ("identity", "create"),
        ("identity", "federated-credential", "create"),
        ("role", "assignment", "create"),
        ("acr", "build"),
        ("role", "assignment", "delete"),
        ("identity", "delete"),
        ("group", "delete"),
    ]
    order = [call["arguments"] for call in calls if call["program"] == "az"]
    places = [next(at for at, call in enumerate(order) if tuple(call[: len(step)]) == step) for step in steps]
    assert places == sorted(places)
    assert "--enable-oidc-issuer" in of(calls, "az", "aks", "create")[0]
    assert "--enable-workload-identity" in of(calls, "az", "aks", "create")[0]


def test_page_is_correct_for_shellcheck(root):
    ended = subprocess.run(
        ["shellcheck", "--shell=bash", "--exclude=SC2164", "-"],
        input=commands(root), capture_output=True, text=True, check=False,
    )
    assert ended.returncode == 0, ended.stdout


def parsed_by_az(list_of_arguments):
    python = pathlib.Path(os.environ["ACR_SYNC_AZ_VENV"]) / "bin" / "python"
    ended = subprocess.run(
        [python, pathlib.Path(__file__).with_name("az_arguments.py")],
        input=json.dumps(list_of_arguments),
        env={"PATH": "/usr/bin:/bin", "AZURE_CONFIG_DIR": os.environ["AZURE_CONFIG_DIR"], "AZURE_CORE_COLLECT_TELEMETRY": "false"},
        capture_output=True, text=True, timeout=300, check=True,
    )
    return json.loads(ended.stdout.splitlines()[-1]), ended.stderr


def test_az_parses_every_call_of_the_page(calls, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    given = of(calls, "az")
    understood, reasons = parsed_by_az(given)
    words = [" ".join(arguments).split(" -")[0] for arguments in given]
    refused = [word for word, name in zip(words, understood, strict=True) if not (name and word.startswith(name))]
    assert not refused, f"{refused}\n{reasons}"


def test_az_refuses_wrong_calls(tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    wrong = [
        ["group", "create", "--name", "a"],
        ["group", "create", "--name", "a", "--location", "b", "--sku", "c"],
        ["group", "create", "--nam", "a", "--location", "b"],
        ["acr", "create", "--resource-group", "a", "--name", "b", "--sku", "Cheap"],
        ["acr", "show", "--name", "a", "--query", "id["],
        ["acr", "make", "--name", "a"],
    ]
    understood, reasons = parsed_by_az(wrong)
    assert understood == [None] * len(wrong), reasons


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.minimal"])
def test_az_packs_the_files_that_the_dockerfile_copies(root, name, tmp_path):
    # `az acr build` reads .dockerignore by rules of its own.
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    files = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split("\n")
    for file in filter(None, files):
        if (root / file).is_file():
            (checkout / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / file, checkout / file)
    for ignored in ["target/release/sli", "report.md", "azure-rw-acr-sync/sli.json"]:
        (checkout / ignored).parent.mkdir(parents=True, exist_ok=True)
        (checkout / ignored).write_text("")
    archive = tmp_path / "context.tar.gz"
    program = "import sys; from azure.cli.command_modules.acr._archive_utils import _pack_source_code; _pack_source_code(*sys.argv[1:])"
    subprocess.run(
        [pathlib.Path(os.environ["ACR_SYNC_AZ_VENV"]) / "bin" / "python", "-c", program, checkout, archive, checkout / name, name],
        check=True, capture_output=True,
    )
    with tarfile.open(archive) as tar:
        packed = {member.name for member in tar.getmembers() if member.isfile()}
    expected = {file for file in files if file and (root / file).is_file() and pathlib.Path(file).name != ".gitignore"}
    assert packed == expected


def test_kubectl_parses_every_call_of_the_page(calls, tmp_path):
    given = of(calls, "kubectl")
    assert len(given) > 12
    for arguments in given:
        for name in ("acr-sync.yaml", "report-files.yaml", "ca.pem"):
            (tmp_path / name).write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: acr-sync\n")
        ended = subprocess.run(
            ["kubectl", *arguments, "--server=http://127.0.0.1:1"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": "/dev/null"},
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )
        # There is no cluster. A wrong flag or command is reported before that.
        assert "refused" in ended.stderr, f"{arguments}: {ended.stdout}{ended.stderr}"
        assert "unknown" not in ended.stderr, f"{arguments}: {ended.stderr}"


def test_documents_that_the_page_applies_are_valid_for_kubernetes(calls):
    documents = applied(calls)
    assert {document["kind"] for document in documents} == {
        "Namespace", "ServiceAccount", "ConfigMap", "CronJob", "PersistentVolumeClaim", "Pod",
    }
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_patch_of_the_page_puts_the_files_on_the_claim(calls):
    (patch,) = of(calls, "kubectl", "patch", "cronjob")
    document = next(entry for entry in applied(calls) if entry["metadata"]["name"] == patch[2])
    (change,) = json.loads(option(patch, "--patch"))
    *parents, last = change["path"].strip("/").split("/")
    place = document
    for key in parents:
        place = place[key]
    # The only volume is the output folder.
    assert [volume["name"] for volume in place] == ["output"]
    place[int(last)] = change["value"]
    kubernetes_validate.validate(document, KUBERNETES, strict=True)
    claims = [entry["metadata"]["name"] for entry in applied(calls) if entry["kind"] == "PersistentVolumeClaim"]
    assert change["value"]["persistentVolumeClaim"]["claimName"] in claims


def with_fragment(pod, fragment):
    """Adds a fragment of docs/network.md to a pod: lists are joined, and containers are the same if they have the same name."""
    (container,) = pod["containers"]
    own = next((entry for entry in fragment.get("containers", []) if entry["name"] == container["name"]), fragment)
    for key in ("env", "envFrom", "volumeMounts"):
        container[key] = container.get(key, []) + [entry for entry in own.get(key, []) if entry not in container.get(key, [])]
    pod["volumes"] += fragment.get("volumes", [])


def test_fragments_of_the_network_page_fit_into_the_cronjob(root, calls):
    created = {(arguments[1], option(arguments, "--namespace"), arguments[3 if arguments[1] == "secret" else 2])
               for arguments in of(calls, "kubectl", "create") if arguments[1] in ("secret", "configmap")}
    cronjob = next(entry for entry in applied(calls) if entry["metadata"]["name"] == "acr-sync-sli")
    pod = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for fragment in blocks(root, "network.md", "yaml"):
        with_fragment(pod, yaml.safe_load(fragment))
    kubernetes_validate.validate(cronjob, KUBERNETES, strict=True)
    (container,) = pod["containers"]
    namespace = cronjob["metadata"]["namespace"]
    secrets = {("secret", namespace, entry["secretRef"]["name"]) for entry in container["envFrom"] if "secretRef" in entry}
    maps = {("configmap", namespace, entry["configMap"]["name"]) for entry in pod["volumes"] if "configMap" in entry}
    assert created == secrets | maps
    (file,) = [entry["value"] for entry in container["env"] if entry["name"] == "SSL_CERT_FILE"]
    assert os.path.dirname(file) in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_identity_role_and_image_of_the_commands_are_those_of_the_manifests(root, calls):
    documents = applied(calls)
    account = next(document for document in documents if document["kind"] == "ServiceAccount")
    (credential,) = of(calls, "az", "identity", "federated-credential", "create")
    metadata = account["metadata"]
    assert option(credential, "--subject") == f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}"
    assert option(credential, "--issuer") == ANSWERS["oidcIssuerProfile.issuerUrl"]
    assert metadata["annotations"]["azure.workload.identity/client-id"] == constant(root, "CLIENT_ID")
    (role,) = of(calls, "az", "role", "assignment", "create")
    assert f'--role "{option(role, "--role")}"' in (root / "README.md").read_text()
    assert (option(role, "--scope"), option(role, "--assignee-object-id")) == (ANSWERS["id"], ANSWERS["principalId"])
    images = set(re.findall(r"image: (\S+)", "\n".join(call["file"] for call in calls if "file" in call)))
    built = {option(build, "--image") for build in of(calls, "az", "acr", "build")}
    assert images == {f"{ANSWERS['loginServer']}/{image}" for image in built}
    text = json.dumps(documents)
    assert "00000000-0000-0000" not in text and "myacr.azurecr.io" not in text


def run_container(root, documents, name, world, executables, folder):
    """Runs the container of a CronJob as Kubernetes and the workload identity webhook would. Returns its exit code and log."""
    (folder / "token").write_text(constant(root, "FEDERATED_TOKEN"))
    job = next(entry for entry in documents if entry["kind"] == "CronJob" and entry["metadata"]["name"] == name)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]
    assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    (container,) = pod["spec"]["containers"]
    (source,) = container["envFrom"]
    settings = next(
        entry["data"]
        for entry in documents
        if entry["kind"] == "ConfigMap" and entry["metadata"]["name"] == source["configMapRef"]["name"]
    )
    account = next(entry for entry in documents if entry["kind"] == "ServiceAccount")
    webhook = {
        "AZURE_CLIENT_ID": account["metadata"]["annotations"]["azure.workload.identity/client-id"],
        "AZURE_TENANT_ID": constant(root, "TENANT_ID"),
        "AZURE_FEDERATED_TOKEN_FILE": str(folder / "token"),
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    }
    (command,) = container["command"]
    return subprocess.run(
        [command.replace("/opt/acr-sync/bin", str(executables))],
        env={**settings, **webhook, **world.network(), "OUTPUT_DIR": str(folder)},
        # The log of a pod has both streams.
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )


def test_containers_of_the_page_count_sync_and_count_zero(root, calls, executables, tmp_path):
    documents = applied(calls)
    with World(executables / "sandbox") as world:
        world.scenario("login-server-label")
        sli = run_container(root, documents, "acr-sync-sli", world, executables, tmp_path)
        assert (sli.returncode, sli.stdout.splitlines()[-1]) == (0, "8"), sli.stdout
        sync = run_container(root, documents, "acr-sync-taskset", world, executables, tmp_path)
        assert sync.returncode == 0, sync.stdout
        # Everything of the report is in the log.
        assert sync.stdout.rstrip().endswith((tmp_path / "azure-rw-acr-sync/sync-report.md").read_text().rstrip())
        sli = run_container(root, documents, "acr-sync-sli", world, executables, tmp_path)
        assert (sli.returncode, sli.stdout.splitlines()[-1]) == (0, "0"), sli.stdout
