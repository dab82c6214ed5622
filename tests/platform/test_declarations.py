"""meta.yaml, the wrappers, the templates, --help and the README have the same variables with the same defaults."""

import re
import subprocess

import pytest
import yaml

from declarations import configured, declared, documented, readme
from templates import render

# Variables that a user of the platform does not set: the wrappers or the worker set them, they are secrets there, or they
# are for registries that are not in Azure, for pipelines, or for collectors of logs.
NOT_SET_BY_USERS = {
    "OUTPUT_DIR",
    "CODEBUNDLE_TEMP_DIR",
    "METRICS_FILE",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_CONFIG_DIR",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "REGISTRY_TYPE",
    "REGISTRY_INSECURE",
    "DOCKER_CONFIG",
    "FAIL_ON_OUTDATED",
    "LOG_FORMAT",
}
# Secrets of the environment that are not secrets of the platform.
NOT_PLATFORM_SECRETS = {
    "AZURE_CLIENT_SECRET",
    "HTTPS_PROXY",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "REGISTRY_USERNAME",
    "REGISTRY_PASSWORD",
}
# Defaults that describe a rule instead of a value; they are empty on the platform.
DESCRIBED_DEFAULTS = {"all of them", "detected", "the cloud's", "the highest release", ""}
WRAPPERS = [("sli.robot", "sli", "sli"), ("runbook.robot", "taskset", "taskset")]


def user_variables(executable):
    """Returns {name: default} for the variables in --help that a user of the platform can set."""
    flags, _ = documented(executable)
    # The variables for pushing the metric are only for runs outside the platform.
    return {
        name: "" if default in DESCRIBED_DEFAULTS else default
        for name, default in flags.items()
        if name not in NOT_SET_BY_USERS and not name.startswith(("OTEL_", "RW_", "PUSH_"))
    }


@pytest.mark.parametrize(("file", "program", "kind"), WRAPPERS)
def test_wrapper_variables_equal_help_and_template(root, executables, file, program, kind):
    bundle = root / "codebundles" / "azure-rw-acr-sync"
    variables = declared(bundle / file, "User Variable")
    flags = user_variables(executables / program)
    assert {name: entry.get("default", "") for name, entry in variables.items()} == flags
    for name, entry in variables.items():
        assert {"type", "description", "example"} <= entry.keys(), name
        if "enum" in entry:
            assert entry["example"] in entry["enum"].split(","), name
    # A variable without a default is required.
    assert [name for name, entry in variables.items() if "default" not in entry] == ["REGISTRY_NAME"]

    rendered = configured(render(root, kind))
    examples = {"REGISTRY_NAME", "AZURE_RESOURCE_SUBSCRIPTION_ID"}
    assert list(rendered) == list(variables)
    assert {name: value for name, value in rendered.items() if name not in examples} == {
        name: value for name, value in flags.items() if name not in examples
    }

    # The wrapper passes every declared variable to the program.
    text = (bundle / file).read_text()
    for name in variables:
        assert f"    ...    {name}=${{{name}}}\n" in text, f"{name} is declared but not passed"


@pytest.mark.parametrize(("file", "program", "kind"), WRAPPERS)
def test_enums_equal_the_choices_in_help(root, executables, file, program, kind):
    del kind
    text = subprocess.run([executables / program, "--help"], capture_output=True, text=True, check=True).stdout
    values = dict(re.findall(r"--([a-z-]+) \[?<([^>]+)>", text))
    for name, entry in declared(root / "codebundles" / "azure-rw-acr-sync" / file, "User Variable").items():
        choices = values[name.lower().replace("_", "-")].split("|")
        is_choice = len(choices) > 1 and not any(choice.isupper() for choice in choices)
        assert entry.get("enum", "").split(",") == (choices if is_choice else [""]), name


@pytest.mark.parametrize(("file", "program", "kind"), WRAPPERS)
def test_wrapper_secrets_equal_help(root, executables, file, program, kind):
    del kind
    secrets = declared(root / "codebundles" / "azure-rw-acr-sync" / file, "Secret")
    _, documented_secrets = documented(executables / program)
    assert secrets.keys() == documented_secrets - NOT_PLATFORM_SECRETS
    # Which secrets are required depends on the others, so the program reports a missing one.
    assert all(entry["optional"] == "${True}" for entry in secrets.values())


def test_both_wrappers_have_equal_declarations(root):
    bundle = root / "codebundles" / "azure-rw-acr-sync"
    for kind in ("User Variable", "Secret"):
        one, other = (declared(bundle / file, kind) for file, _, _ in WRAPPERS)
        # The runbook always verifies children.
        assert one.keys() - {"VERIFY_CHILDREN"} == other.keys()
        for name, entry in other.items():
            if name != "SYNC_IMAGES":
                assert entry == one[name], name


def test_meta_yaml_equals_the_wrappers(root):
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


def test_meta_yaml_has_the_fields_of_both_formats(root):
    meta = yaml.safe_load((root / "meta.yaml").read_text())
    assert (meta["apiVersion"], meta["kind"]) == ("runwhen.com/v1", "CodeBundle")
    assert {"name", "title", "description", "author", "documentationURL", "tags"} <= meta["metadata"].keys()
    fields = {"platform", "requires", "supportedLocations", "codeBundle", "parameters", "secrets", "sli"}
    assert fields | {"troubleshooting"} <= meta["spec"].keys()
    for entry in meta["spec"]["troubleshooting"]:
        assert entry.keys() == {"name", "description", "steps"}
    assert meta["commands"] == []
    assert {"author", "display_name", "description", "support_tags"} <= meta.keys()


def test_readme_defaults_equal_help(root, executables):
    table = readme(root)
    for name, default in user_variables(executables / "sli").items():
        documented_default = table[name]
        expected = {"SYNC_IMAGES": "false (sli), true (taskset)"}.get(name, default)
        described = expected == "" and documented_default in DESCRIBED_DEFAULTS | {"required"}
        assert documented_default == expected or described, name
