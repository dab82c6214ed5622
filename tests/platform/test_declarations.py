"""meta.yaml, the wrappers, the templates, --help and the README name the same variables with the same defaults."""

import re
import subprocess

import pytest
import yaml

from declarations import configured, declared, documented, readme
from templates import render

# Set by the wrappers, by the worker, or a secret there: nothing that a user of the platform sets.
NOT_OF_THE_PLATFORM = {
    "OUTPUT_DIR",
    "CODEBUNDLE_TEMP_DIR",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_CONFIG_DIR",
    "NO_PROXY",
    "SSL_CERT_FILE",
}
# Secrets of the environment that are no secrets of the platform's.
NOT_SECRETS_THERE = {"AZURE_CLIENT_SECRET", "HTTPS_PROXY", "OTEL_EXPORTER_OTLP_HEADERS"}
# Defaults that are a rule and not a value; the platform leaves these empty.
RULES = {"detected", "the cloud's", "the highest release", ""}
WRAPPERS = [("sli.robot", "sli", "sli"), ("runbook.robot", "taskset", "taskset")]


def public_of(executable):
    """{name: default} of --help, less what the platform does not set."""
    flags, _ = documented(executable)
    # Native pushing of the metric is for runs outside the platform.
    return {
        name: "" if default in RULES else default
        for name, default in flags.items()
        if name not in NOT_OF_THE_PLATFORM and not name.startswith(("OTEL_", "RW_", "PUSH_"))
    }


@pytest.mark.parametrize(("file", "program", "kind"), WRAPPERS)
def test_variables(root, executables, file, program, kind):
    bundle = root / "codebundles" / "azure-rw-acr-sync"
    variables = declared(bundle / file, "User Variable")
    told = public_of(executables / program)
    assert {name: entry.get("default", "") for name, entry in variables.items()} == told
    for name, entry in variables.items():
        assert {"type", "description", "example"} <= entry.keys(), name
        if "enum" in entry:
            assert entry["example"] in entry["enum"].split(","), name
    # Required is what has no default of any kind.
    assert [name for name, entry in variables.items() if "default" not in entry] == ["REGISTRY_NAME"]

    rendered = configured(render(root, kind))
    examples = {"REGISTRY_NAME", "AZURE_RESOURCE_SUBSCRIPTION_ID"}
    assert list(rendered) == list(variables)
    assert {name: value for name, value in rendered.items() if name not in examples} == {
        name: value for name, value in told.items() if name not in examples
    }

    # What a wrapper declares it also passes on.
    text = (bundle / file).read_text()
    for name in variables:
        assert f"    ...    {name}=${{{name}}}\n" in text, f"{name} is declared and not passed"


@pytest.mark.parametrize(("file", "program", "kind"), WRAPPERS)
def test_enums_are_the_programs(root, executables, file, program, kind):
    del kind
    text = subprocess.run([executables / program, "--help"], capture_output=True, text=True, check=True).stdout
    values = dict(re.findall(r"--([a-z-]+) \[?<([^>]+)>", text))
    for name, entry in declared(root / "codebundles" / "azure-rw-acr-sync" / file, "User Variable").items():
        choices = values[name.lower().replace("_", "-")].split("|")
        is_choice = len(choices) > 1 and not any(choice.isupper() for choice in choices)
        assert entry.get("enum", "").split(",") == (choices if is_choice else [""]), name


@pytest.mark.parametrize(("file", "program", "kind"), WRAPPERS)
def test_secrets(root, executables, file, program, kind):
    del kind
    secrets = declared(root / "codebundles" / "azure-rw-acr-sync" / file, "Secret")
    _, told = documented(executables / program)
    assert secrets.keys() == told - NOT_SECRETS_THERE
    # Which of them are needed depends on the others: the program says what is missing.
    assert all(entry["optional"] == "${True}" for entry in secrets.values())


def test_both_wrappers_declare_the_same(root):
    bundle = root / "codebundles" / "azure-rw-acr-sync"
    for kind in ("User Variable", "Secret"):
        one, other = (declared(bundle / file, kind) for file, _, _ in WRAPPERS)
        # The runbook always verifies children.
        assert one.keys() - {"VERIFY_CHILDREN"} == other.keys()
        for name, entry in other.items():
            if name != "SYNC_IMAGES":
                assert entry == one[name], name


def test_meta_yaml(root):
    bundle = root / "codebundles" / "azure-rw-acr-sync"
    meta = yaml.safe_load((root / "meta.yaml").read_text())
    variables, secrets = (declared(bundle / "sli.robot", kind) for kind in ("User Variable", "Secret"))
    parameters = {entry["name"]: entry for entry in meta["spec"]["parameters"]}
    assert list(parameters) == list(variables)
    for name, entry in variables.items():
        parameter = parameters[name]
        default = "false (sli), true (taskset)" if name == "SYNC_IMAGES" else entry.get("default", "")
        assert parameter["default"] == default, name
        assert parameter["required"] is ("default" not in entry), name
        assert parameter["description"] == entry["description"], name
        assert parameter["example"] == entry["example"], name
    assert [entry["name"] for entry in meta["spec"]["secrets"]] == list(secrets)
    for entry in meta["spec"]["secrets"]:
        assert entry["description"] == secrets[entry["name"]]["description"]
        assert {"required", "keys"} <= entry.keys()
    for path in (meta["spec"]["codeBundle"]["pathToRobot"], meta["spec"]["sli"]["pathToRobot"]):
        assert (root / path).is_file()


def test_both_readers_of_meta_yaml_find_their_names(root):
    meta = yaml.safe_load((root / "meta.yaml").read_text())
    assert (meta["apiVersion"], meta["kind"]) == ("runwhen.com/v1", "CodeBundle")
    assert {"name", "title", "description", "author", "documentationURL", "tags"} <= meta["metadata"].keys()
    wanted = {"platform", "requires", "supportedLocations", "codeBundle", "parameters", "secrets", "sli"}
    assert wanted | {"troubleshooting"} <= meta["spec"].keys()
    for entry in meta["spec"]["troubleshooting"]:
        assert entry.keys() == {"name", "description", "steps"}
    assert meta["commands"] == []
    assert {"author", "display_name", "description", "support_tags"} <= meta.keys()


def test_the_readme_has_the_same_defaults(root, executables):
    table = readme(root)
    for name, default in public_of(executables / "sli").items():
        told = table[name]
        expected = {"SYNC_IMAGES": "false (sli), true (taskset)"}.get(name, default)
        assert told == expected or (expected == "" and told in RULES | {"required"}), name
