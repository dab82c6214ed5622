"""The generation of RunWhen Local: which deployments match, and what the templates render to."""

import copy
import re
import textwrap

import pytest
import yaml

from declarations import configured
from templates import EXAMPLE, INCLUDES, PlatformUndefined, render

UNSET = "missing_workspaceInfo_custom_variable"


def matches(root, deployment, custom):
    """Evaluates the generation rule as the workspace builder does."""
    path = root / "codebundles" / "azure-rw-acr-sync" / ".runwhen" / "generation-rules" / "azure-rw-acr-sync.yaml"
    (rule,) = yaml.safe_load(path.read_text())["spec"]["generationRules"]
    assert rule["resourceTypes"] == ["deployment"]
    (match,) = rule["matchRules"]
    assert match["type"] == "and"

    def value(predicate):
        (name,) = predicate["properties"]
        if predicate.get("resourceType") == "variables":
            return custom.get(name.removeprefix("custom/"))
        return {"name": deployment}[name]

    def is_true(predicate):
        assert predicate["type"] == "pattern"
        # `exact` means Python's `re.match`, which is not anchored at the end, so the patterns have anchors.
        search = {"exact": re.match, "substring": re.search}[predicate["mode"]]
        found = value(predicate)
        return found is not None and search(predicate["pattern"], str(found)) is not None

    return all(is_true(predicate) for predicate in match["matches"])


@pytest.mark.parametrize(
    ("deployment", "registry", "name", "expected"),
    [
        ("runner", "azure_acr", "myacr.azurecr.io", True),
        ("runner", "azure_acr", "myacr", True),
        ("gitlab-runner", "azure_acr", "myacr", False),
        ("runner-relay", "azure_acr", "myacr", False),
        ("runwhen-local", "azure_acr", "myacr", False),
        ("runner", "acr", "myacr", False),
        ("runner", "azure_acr_mirror", "myacr", False),
        ("runner", "azure_acr", "", False),
        ("runner", "azure_acr", None, False),
        ("runner", None, "myacr", False),
    ],
)
def test_rule_matches_only_the_runner_with_an_azure_registry(root, deployment, registry, name, expected):
    custom = {"private_registry": registry, "azure_acr_registry": name}
    assert matches(root, deployment, custom) is expected


def test_every_output_item_has_a_template_file(root):
    bundle = root / "codebundles" / "azure-rw-acr-sync" / ".runwhen"
    rule = yaml.safe_load((bundle / "generation-rules" / "azure-rw-acr-sync.yaml").read_text())
    (slx,) = rule["spec"]["generationRules"][0]["slxs"]
    for item in slx["outputItems"]:
        name = item.get("templateName", f"{slx['baseTemplateName']}-{item['type']}.yaml")
        assert (bundle / "templates" / name).is_file()
        assert not (bundle / "templates" / name).is_symlink(), "the workspace builder does not follow links"


@pytest.mark.parametrize(("kind", "file"), [("sli", "sli.yaml"), ("taskset", "runbook.yaml")])
def test_files_to_commit_by_hand_equal_the_rendered_templates(root, kind, file):
    rendered = render(root, kind)
    # Annotations contain the source of a generated file, and these files are not generated.
    del rendered["metadata"]["annotations"]
    assert yaml.safe_load((root / file).read_text()) == rendered


@pytest.mark.parametrize("kind", ["slx", "sli", "taskset"])
def test_minimal_workspace_info_renders_without_placeholders(root, kind):
    values = copy.deepcopy(EXAMPLE)
    for name in ("azure_acr_registry_subscriptionId", "azure_service_principal_secret_name"):
        del values["custom"][name]
    del values["match_resource"]["auth_type"]
    rendered = render(root, kind, values, PlatformUndefined)
    if kind != "slx":
        assert configured(rendered)["AZURE_RESOURCE_SUBSCRIPTION_ID"] == ""
        assert rendered["spec"]["secretsProvided"] == [
            {"name": "azure_credentials", "workspaceKey": "AUTH DETAILS NOT FOUND"}
        ]
    assert UNSET not in str(rendered)


@pytest.mark.parametrize("kind", ["sli", "taskset"])
def test_identity_and_docker_keys_render_their_secrets(root, kind):
    values = copy.deepcopy(EXAMPLE)
    values["match_resource"]["auth_type"] = "azure_identity"
    values["custom"] |= {"docker_username_key": "hub_user", "docker_token_key": "hub_token"}
    assert render(root, kind, values)["spec"]["secretsProvided"] == [
        {"name": "azure_credentials", "workspaceKey": "azure:identity@cli"},
        {"name": "DOCKER_USERNAME", "workspaceKey": "hub_user"},
        {"name": "DOCKER_TOKEN", "workspaceKey": "hub_token"},
    ]
    assert configured(render(root, kind, values))["USE_DOCKER_AUTH"] == "true"
    # One key alone, or an empty one, is not an account.
    for missing in ("docker_username_key", "docker_token_key"):
        for value in (None, ""):
            part = copy.deepcopy(values)
            part["custom"][missing] = value
            if value is None:
                del part["custom"][missing]
            rendered = render(root, kind, part, PlatformUndefined)
            assert configured(rendered)["USE_DOCKER_AUTH"] == "false"
            assert len(rendered["spec"]["secretsProvided"]) == 1
    # An older workspace builder does not have azure-auth.yaml.
    without = {name: text for name, text in INCLUDES.items() if name != "azure-auth.yaml"}
    assert not render(root, kind, includes=without)["spec"]["secretsProvided"]


def test_indicator_only_checks_and_alerts_at_one_image(root):
    spec = render(root, "sli")["spec"]
    assert configured({"spec": spec})["SYNC_IMAGES"] == "false"
    # As upstream: a sync by the taskset has time before the alert.
    assert spec["alerts"] == {"warning": {"operator": ">=", "threshold": "1", "for": "20m"}}
    assert "alertConfig" not in spec
    # A run must end before the next run starts.
    assert int(configured({"spec": spec})["TIMEOUT_SECONDS"]) < spec["intervalSeconds"]
    assert configured(render(root, "taskset"))["SYNC_IMAGES"] == "true"


def test_slx_has_all_fields(root):
    slx = render(root, "slx")
    assert slx["kind"] == "ServiceLevelX"
    fields = {"alias", "asMeasuredBy", "statement", "owners", "imageURL", "tags", "additionalContext"}
    assert fields <= slx["spec"].keys()
    assert slx["spec"]["owners"] == ["me@example.com"]


def blocks(root, document):
    """The YAML of a document in docs/."""
    parts = (root / "docs" / document).read_text().split("```yaml\n")[1:]
    return [yaml.safe_load(textwrap.dedent(part.split("```")[0])) for part in parts]


def test_documented_workspace_info_matches_rule_and_templates(root):
    info, extra, upstream = blocks(root, "workspaceInfo.md")
    assert matches(root, "runner", info["custom"])
    assert {entry["type"] for entry in info["overrides"]["codebundles"]} == {"sli", "runbook"}
    for entry in info["overrides"]["codebundles"] + upstream["overrides"]["codebundles"]:
        assert entry["codebundleDirectory"] == "azure-rw-acr-sync"
        assert entry["repoURL"] == EXAMPLE["repo_url"]
        kind = {"sli": "sli", "runbook": "taskset"}[entry["type"]]
        assert entry["configProvided"].keys() <= configured(render(root, kind)).keys()
    for kind in ("sli", "taskset"):
        assert extra["configProvided"].keys() <= configured(render(root, kind)).keys()
    (image,) = yaml.safe_load(extra["configProvided"]["EXTRA_IMAGES"])
    assert image.keys() == {"source", "semver"}


def test_documented_overrides_bring_the_values_of_the_bash_codebundle(root):
    given = {entry["type"]: entry["configProvided"] for entry in blocks(root, "workspaceInfo.md")[-1]["overrides"]["codebundles"]}
    # Upstream's templates have these two values, in the indicator and in the taskset.
    upstream = {"SYNC_IMAGES": "true", "USE_DATE_TAG": "true"}
    for kind, template in (("sli", "sli"), ("runbook", "taskset")):
        rendered = configured(render(root, template)) | given[kind]
        assert {name: rendered[name] for name in upstream} == upstream, kind


def test_documented_migration_excludes_the_bash_codebundle(root):
    (info,) = blocks(root, "migrating.md")
    own, bash = info["codeCollections"]
    assert own["repoURL"] == EXAMPLE["repo_url"]
    # RunWhen Local takes the first pattern that matches.
    assert bash["codeBundles"] == ["!azure-rw-acr-sync", "*"]


@pytest.mark.parametrize(
    "document", ["docs/workspaceInfo.md", "docs/migrating.md", "codebundles/azure-rw-acr-sync/README.md"]
)
def test_every_link_has_a_target(root, document):
    for target, anchor in re.findall(r"\]\(([^)#\s]+)(#[^)]+)?\)", (root / document).read_text()):
        if target.startswith("http"):
            continue
        found = (root / document).parent / target
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"\W+", "-", title.lower()) for title in titles}, anchor
