"""Runs Robot Framework as the platform does, and collects all output of a run."""

import json
import pathlib
import re
import subprocess
import sys

from robot.api import ExecutionResult

LOGIN_PLACEHOLDER = "Azure CLI authenticated for tenant"


class Robot:
    """Runs the wrappers in one sandbox. Each run has its own folders and a minimal environment."""

    def __init__(self, world, executables, bundle, folder):
        self.world, self.executables, self.bundle, self.folder = world, executables, bundle, folder
        self.runs = 0

    def credentials(self):
        """The service principal of the sandbox, as the four `az_*` secrets of the platform."""
        given = self.world.environment
        return {
            "az_tenantId": given["AZURE_TENANT_ID"],
            "az_clientId": given["AZURE_CLIENT_ID"],
            "az_clientSecret": given["AZURE_CLIENT_SECRET"],
            "az_subscriptionId": given["AZURE_SUBSCRIPTION_ID"],
        }

    def as_json(self):
        """The same service principal, as the secret `azure_credentials`."""
        names = {"az_tenantId": "tenantId", "az_clientId": "clientId"}
        names |= {"az_clientSecret": "clientSecret", "az_subscriptionId": "subscriptionId"}
        content = {names[name]: value for name, value in self.credentials().items()}
        return {"azure_credentials": json.dumps(content)}

    def login(self):
        """The same service principal, as the AZURE_CONFIG_DIR of an `az login` by the platform."""
        given, folder = self.credentials(), self.folder / "azure"
        folder.mkdir()
        entry = {"client_id": given["az_clientId"], "tenant": given["az_tenantId"]}
        entry["client_secret"] = given["az_clientSecret"]
        (folder / "service_principal_entries.json").write_text(json.dumps([entry]))
        user = {"name": given["az_clientId"], "type": "servicePrincipal"}
        subscription = {"id": given["az_subscriptionId"], "tenantId": given["az_tenantId"]}
        subscription |= {"isDefault": True, "environmentName": "AzureCloud", "state": "Enabled", "user": user}
        profile = json.dumps({"subscriptions": [subscription]})
        (folder / "azureProfile.json").write_text(profile, encoding="utf-8-sig")
        return folder

    def run(self, file, secrets=None, tasks=(), production=False, **environment):
        """Runs a wrapper with secrets of the platform and with variables of the worker and the user."""
        self.runs += 1
        output, temporary = self.folder / f"output-{self.runs}", self.folder / f"temporary-{self.runs}"
        output.mkdir()
        temporary.mkdir()
        secrets = self.as_json() if secrets is None else secrets
        whole = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "CODEBUNDLE_TEMP_DIR": str(temporary),
            "ACR_SYNC_HOME": str(self.executables),
            "REGISTRY_NAME": "myacr.azurecr.io",
            **self.world.network(),
            **environment,
        }
        if production:
            # The platform's provider for secrets in files: each name has the path of its value.
            kept = self.folder / f"secrets-{self.runs}"
            kept.mkdir()
            for name, value in secrets.items():
                (kept / name).write_text(value)
            keys = {name: f"file@{kept / name}" for name in secrets}
            whole |= {"RW_MODE": "production", "RW_SECRETS_KEYS": json.dumps(keys)}
        else:
            whole |= {"RW_MODE": "dev", **secrets}
        command = [sys.executable, "-m", "robot", "--outputdir", str(output), "--loglevel", "TRACE"]
        for task in tasks:
            command += ["--task", task]
        command.append(str(self.bundle / file))
        process = subprocess.run(
            command, env=whole, cwd=temporary, capture_output=True, text=True, timeout=300, check=False
        )
        run = Run(process, output, temporary)
        run.assert_contains_none_of(self.secrets(secrets, whole))
        return run

    def secrets(self, given, environment):
        """The secrets that no output may contain: those of the run, and every token that a client sent."""
        found = {self.world.environment["AZURE_CLIENT_SECRET"]} | self.world.tokens()
        for name, value in given.items():
            # IDs and the Docker Hub user name are not secrets; reports and URLs contain them.
            if name in ("azure_credentials", "az_clientSecret", "DOCKER_TOKEN"):
                found.add(value)
        found |= {value for name, value in environment.items() if name == "AZURE_CLIENT_SECRET"}
        return {secret for secret in found if len(secret) > 5 and LOGIN_PLACEHOLDER not in secret}


# The sub-metric with the age of the oldest drift.
DRIFT = "oldest_drift_hours"
NO_EXTRA_IMAGES = "No extra images are configured"


class Run:
    """The result of a finished run."""

    def __init__(self, process, output: pathlib.Path, temporary: pathlib.Path):
        self.console = process.stdout + process.stderr
        self.output, self.temporary = output, temporary
        suite = ExecutionResult(output / "output.xml").suite
        self.tasks = {re.split(r" against | to ACR ", task.name)[0]: task for task in suite.tests}
        self.message = {name: task.message for name, task in self.tasks.items()}
        # The task of the extra images has nothing to do in most runs.
        self.status = {name: task.status for name, task in self.tasks.items() if task.message != NO_EXTRA_IMAGES}

    def pushed(self):
        """The numbers of images that development mode prints instead of pushing: {sub-metric or None: value}."""
        found = self._metrics()
        return {None if name == "None" else name: int(value) for name, value in found.items() if name != DRIFT}

    def pushed_drift(self):
        """The age of the oldest drift in hours; None if it was not pushed."""
        value = self._metrics().get(DRIFT)
        return None if value is None else float(value)

    def _metrics(self):
        found = re.findall(r"Push metric: value:(\S+) sub_name:(\S+)", self.console)
        return {name: value for value, name in found}

    def lines(self, name):
        """The objects in report.jsonl or issues.jsonl, which production mode writes."""
        path = self.output / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def assert_contains_none_of(self, secrets):
        """Searches the console output and all files in the folders of the run."""
        places = {"the console output": self.console}
        for folder in (self.output, self.temporary):
            for path in folder.rglob("*"):
                if path.is_file():
                    places[str(path)] = path.read_bytes().decode("utf-8", "replace")
        # log.html contains texts as escaped JavaScript strings.
        escaped = {json.dumps(secret)[1:-1] for secret in secrets}
        for place, text in places.items():
            for secret in secrets | escaped:
                assert secret not in text, f"{place} contains a secret"
