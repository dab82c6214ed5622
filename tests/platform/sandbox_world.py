"""`sandbox serve` and its control interface, from Python."""

import json
import pathlib
import re
import subprocess
import urllib.request

# Never through the proxy that the environment may name: the sandbox is the proxy.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class World:
    """The outside world on loopback, until the `with` block ends."""

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
        """One call of the control interface."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.environment['HTTPS_PROXY']}/sandbox/{path}"
        request = urllib.request.Request(url, data=data, method=method)
        with _direct.open(request, timeout=10) as answer:
            return json.load(answer)

    def scenario(self, name):
        """Begins anew."""
        self.control("scenario", {"name": name}, "PUT")

    def fault(self, **fault):
        """Arms a fault."""
        self.control("faults", fault)

    def change(self, change, **fields):
        """Changes what the world holds."""
        self.control("content", {"change": change, **fields})

    def tags(self):
        """Every tag of the registry: {repository: {tag: digest}}."""
        return self.control("content")["myacr.azurecr.io"]

    def requests(self):
        """Everything that was asked."""
        return self.control("log")["requests"]

    def network(self):
        """The proxy and its certificate authority: what the worker of the platform inherits."""
        return {name: self.environment[name] for name in ("HTTPS_PROXY", "SSL_CERT_FILE")}

    def tokens(self):
        """Every token and password that a client was seen to send."""
        found = set()
        for request in self.requests():
            for name, value in request["request_headers"]:
                if name.lower() == "authorization" and " " in value:
                    found.add(value.split(" ", 1)[1])
        return found
