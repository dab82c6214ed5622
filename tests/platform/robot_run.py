"""Robot Framework, run as the platform runs it, and everything that a run leaves."""

import json
import pathlib
import re
import subprocess
import sys

from robot.api import ExecutionResult

SENTENCE = "Azure CLI authenticated for tenant"


class Robot:
    """The wrappers in one world. Each run gets a folder of its own, and an environment that holds nothing else."""

    def __init__(self, world, executables, bundle, folder):
        self.world, self.executables, self.bundle, self.folder = world, executables, bundle, folder
        self.runs = 0

    def credentials(self):
        """The world's service principal, as the four names of the platform."""
        given = self.world.environment
        return {
            "az_tenantId": given["AZURE_TENANT_ID"],
            "az_clientId": given["AZURE_CLIENT_ID"],
            "az_clientSecret": given["AZURE_CLIENT_SECRET"],
            "az_subscriptionId": given["AZURE_SUBSCRIPTION_ID"],
        }

    def as_json(self):
        """The same, as the one secret `azure_credentials`."""
        names = {"az_tenantId": "tenantId", "az_clientId": "clientId"}
        names |= {"az_clientSecret": "clientSecret", "az_subscriptionId": "subscriptionId"}
        content = {names[name]: value for name, value in self.credentials().items()}
        return {"azure_credentials": json.dumps(content)}

    def login(self):
        """The same, as the folder of a login that the platform made with `az`."""
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
        """Runs a wrapper; `secrets` are of the platform, `environment` is the worker's and the user's."""
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
            # One of the platform's own providers of secrets: each name says where its value is.
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
        ended = subprocess.run(
            command, env=whole, cwd=temporary, capture_output=True, text=True, timeout=300, check=False
        )
        run = Run(ended, output, temporary)
        run.assert_holds_none_of(self.secrets(secrets, whole))
        return run

    def secrets(self, given, environment):
        """What must not be found anywhere: what was given, and every token that was used."""
        found = {self.world.environment["AZURE_CLIENT_SECRET"]} | self.world.tokens()
        for name, value in given.items():
            # Ids are no secrets, and Docker Hub's user neither; they stand in reports and addresses.
            if name in ("azure_credentials", "az_clientSecret", "DOCKER_TOKEN"):
                found.add(value)
        found |= {value for name, value in environment.items() if name == "AZURE_CLIENT_SECRET"}
        return {secret for secret in found if len(secret) > 5 and SENTENCE not in secret}


class Run:
    """A run that has ended."""

    def __init__(self, ended, output: pathlib.Path, temporary: pathlib.Path):
        self.said = ended.stdout + ended.stderr
        self.output, self.temporary = output, temporary
        suite = ExecutionResult(output / "output.xml").suite
        self.tasks = {re.split(r" against | to ACR ", task.name)[0]: task for task in suite.tests}
        self.status = {name: task.status for name, task in self.tasks.items()}
        self.message = {name: task.message for name, task in self.tasks.items()}

    def pushed(self):
        """What development mode says it would push: {sub-metric or None: value}."""
        found = re.findall(r"Push metric: value:(\S+) sub_name:(\S+)", self.said)
        return {None if name == "None" else name: int(value) for value, name in found}

    def lines(self, name):
        """The objects of report.jsonl or issues.jsonl, which production mode writes."""
        path = self.output / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def assert_holds_none_of(self, secrets):
        """Searches everything that the platform keeps, and what is left in the run's folders."""
        places = {"the console": self.said}
        for folder in (self.output, self.temporary):
            for path in folder.rglob("*"):
                if path.is_file():
                    places[str(path)] = path.read_bytes().decode("utf-8", "replace")
        # log.html holds its texts as JavaScript strings, escaped.
        escaped = {json.dumps(secret)[1:-1] for secret in secrets}
        for place, text in places.items():
            for secret in secrets | escaped:
                assert secret not in text, f"a secret got into {place}"
