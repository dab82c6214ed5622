"""Starts `sandbox serve` and calls its control interface."""

import json
import pathlib
import re
import subprocess
import urllib.request

# Ignores the proxy of the environment, because the sandbox itself is a proxy.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class World:
    """A sandbox that runs until the `with` block ends."""

    def __init__(self, executable: pathlib.Path):
        self.process = subprocess.Popen(
            [executable, "serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.environment = {}
        for line in self.process.stdout:
            if export := re.match(r"export (\w+)='(.*)'", line):
                self.environment[export[1]] = export[2]
            if "Ctrl-C" in line:
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def control(self, path, body=None, method=None):
        """Calls the control interface and returns its JSON response."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.environment['HTTPS_PROXY']}/sandbox/{path}"
        request = urllib.request.Request(url, data=data, method=method)
        with _direct.open(request, timeout=10) as response:
            return json.load(response)

    def scenario(self, name):
        """Replaces all state by that of a scenario."""
        self.control("scenario", {"name": name}, "PUT")

    def fault(self, **fault):
        """Adds a fault."""
        self.control("faults", fault)

    def change(self, change, **fields):
        """Changes the content or the settings of a service."""
        self.control("content", {"change": change, **fields})

    def tags(self):
        """All tags of the registry: {repository: {tag: digest}}."""
        return self.control("content")["myacr.azurecr.io"]

    def requests(self):
        """The log of all requests."""
        return self.control("log")["requests"]

    def network(self):
        """The proxy and its CA bundle, as variables of the worker."""
        return {name: self.environment[name] for name in ("HTTPS_PROXY", "SSL_CERT_FILE")}

    def tokens(self):
        """All tokens and passwords that clients sent."""
        found = set()
        for request in self.requests():
            for name, value in request["request_headers"]:
                if name.lower() == "authorization" and " " in value:
                    found.add(value.split(" ", 1)[1])
        return found
