"""Parses the declarations of the wrappers without running them, as the platform does."""

import re
import subprocess

DECLARATION = re.compile(r"RW\.Core\.Import (User Variable|Secret)    (\w+)\n((?:    \.\.\. .*\n)+)")


def declared(path, kind):
    """Returns {name: {argument: value}} for the `User Variable`s or the `Secret`s of a wrapper."""
    found = {}
    for declared_kind, name, lines in DECLARATION.findall(path.read_text()):
        if declared_kind == kind:
            pairs = (line.strip().removeprefix("...").strip().split("=", 1) for line in lines.splitlines())
            found[name] = dict(pairs)
    return found


def documented(executable):
    """Returns {name: default} for the flags in --help, and the set of the secrets in --help."""
    process = subprocess.run([executable, "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "400"})
    text = re.sub(r"\s+", " ", process.stdout)
    flags = re.findall(r"\[env: (\w+)\](?: \[default: ([^\]]*)\])?", text)
    secrets = process.stdout.split("Secrets (environment only, never an argument):")[1].split("An empty value")[0]
    # Two spaces separate a name from its text. A continuation line has single spaces.
    return dict(flags), set(re.findall(r"^  (\w+) {2,}", secrets, re.MULTILINE))


def readme(root):
    """Returns {name: default} for the variables in docs/reference.md."""
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|([^|]*)\|", (root / "docs/reference.md").read_text(), re.MULTILINE)
    return {name: default.strip().replace("`", "") for names, default in rows for name in re.findall(r"`(\w+)`", names)}


def configured(document):
    """Returns {name: value} for the configuration of a rendered indicator or taskset."""
    return {entry["name"]: entry["value"] for entry in document["spec"]["configProvided"]}
