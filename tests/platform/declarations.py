"""Reads what the wrappers declare, statically, as the platform does."""

import re
import subprocess

DECLARATION = re.compile(r"RW\.Core\.Import (User Variable|Secret)    (\w+)\n((?:    \.\.\. .*\n)+)")


def declared(path, kind):
    """{name: {argument: value}} of a wrapper's `User Variable`s or `Secret`s."""
    found = {}
    for what, name, lines in DECLARATION.findall(path.read_text()):
        if what == kind:
            pairs = (line.strip().removeprefix("...").strip().split("=", 1) for line in lines.splitlines())
            found[name] = dict(pairs)
    return found


def documented(executable):
    """{name: default} of the flags, and the set of secrets, as --help tells them."""
    said = subprocess.run([executable, "--help"], capture_output=True, text=True, check=True, env={"COLUMNS": "400"})
    text = re.sub(r"\s+", " ", said.stdout)
    flags = re.findall(r"\[env: (\w+)\](?: \[default: ([^\]]*)\])?", text)
    secrets = said.stdout.split("Secrets (environment only, never an argument):")[1].split("An empty value")[0]
    # A name stands in a column of its own; a line that goes on has single spaces.
    return dict(flags), set(re.findall(r"^  (\w+) {2,}", secrets, re.MULTILINE))


def readme(root):
    """{name: default} of the README's table."""
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|([^|]*)\|", (root / "README.md").read_text(), re.MULTILINE)
    return {name: default.strip().replace("`", "") for names, default in rows for name in re.findall(r"`(\w+)`", names)}


def configured(document):
    """{name: value} of a rendered indicator's or taskset's configuration."""
    return {entry["name"]: entry["value"] for entry in document["spec"]["configProvided"]}
