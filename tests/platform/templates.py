"""Renders the templates with the settings of the workspace builder and copies of its includes."""

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment

# The relevant parts of the workspace builder's own templates.
INCLUDES = {
    "common-labels.yaml": "    slx: {{slx_name}}\n    workspace: {{workspace.short_name}}\n\n",
    "common-annotations.yaml": "    sourceGenerationRuleRepoURL: {{repo_url}}\n    sourceGenerationRuleRepoRef: {{ref}}\n\n",
    "azure-auth.yaml": """{% if match_resource.auth_type == "azure_service_principal_secret" %}
    - name: azure_credentials
      workspaceKey: azure:sp@cli
    - name: az_subscriptionId
      workspaceKey: k8s:file@secret/{{match_resource.auth_secret}}:subscriptionId
    - name: az_clientId
      workspaceKey: k8s:file@secret/{{match_resource.auth_secret}}:clientId
    - name: az_tenantId
      workspaceKey: k8s:file@secret/{{match_resource.auth_secret}}:tenantId
    - name: az_clientSecret
      workspaceKey: k8s:file@secret/{{match_resource.auth_secret}}:clientSecret
{% elif match_resource.auth_type == "azure_identity" %}
    - name: azure_credentials
      workspaceKey: azure:identity@cli
{% else %}
    - name: azure_credentials
      workspaceKey: AUTH DETAILS NOT FOUND
{% endif %}""",
}

EXAMPLE = {
    "slx_name": "my-workspace--rw-acr-sync",
    "default_location": "my-location",
    "repo_url": "https://github.com/runwhen-contrib/azure-rw-acr-sync.git",
    "ref": "main",
    "workspace": {"short_name": "my-workspace", "owner_email": "me@example.com"},
    "cluster": {"name": "my-cluster"},
    "custom": {
        "private_registry": "azure_acr",
        "azure_acr_registry": "myacr.azurecr.io",
        "azure_acr_registry_subscriptionId": "11111111-2222-3333-4444-555555555555",
        "azure_service_principal_secret_name": "azure-sp",
    },
    "match_resource": {
        "resource": {"metadata": {"name": "runner"}},
        "auth_type": "azure_service_principal_secret",
        "auth_secret": "azure-sp",
    },
}


class PlatformUndefined(jinja2.Undefined):
    """Renders an undefined variable as the workspace builder does."""

    def __str__(self):
        return "missing_workspaceInfo_custom_variable"


def render(root, kind, values=None, undefined=jinja2.StrictUndefined, includes=None):
    """Renders and parses the template of `slx`, `sli` or `taskset`."""
    folder = root / "codebundles" / "azure-rw-acr-sync" / ".runwhen" / "templates"
    own = jinja2.DictLoader(INCLUDES if includes is None else includes)
    environment = SandboxedEnvironment(
        loader=jinja2.ChoiceLoader([own, jinja2.FileSystemLoader(folder)]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=undefined,
    )
    text = environment.get_template(f"azure-rw-acr-sync-{kind}.yaml").render(EXAMPLE if values is None else values)
    return yaml.safe_load(text)
