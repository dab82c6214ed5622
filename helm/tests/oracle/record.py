#!/usr/bin/env python3
"""Records what Helm itself makes of the charts in `charts/`, with the values in `cases.json`.

Helm is PyPI's `helm-python-sdk`, which carries Helm's own Go SDK:

    python3 -m venv venv && venv/bin/pip install helm-python-sdk && venv/bin/python helm/tests/oracle/record.py

The tests read `expected/` and need no Python. With `--check` nothing is written, and a difference fails.
"""

import json
import pathlib
import sys

import helm_python as helm

HERE = pathlib.Path(__file__).parent


def render(chart, values):
    """The rendered files, or Helm's complaint."""
    try:
        with helm.Chart.load(HERE / "charts" / chart) as loaded:
            rendered = loaded.render(values, name="release-name", namespace="default", is_install=True)
            return {"values": values, "rendered": dict(sorted(rendered.items())), "error": None}
    except helm.HelmError as error:
        return {"values": values, "rendered": None, "error": str(error)}


def main():
    check = "--check" in sys.argv[1:]
    cases = json.loads((HERE / "cases.json").read_text())
    different = []
    for chart, variants in cases.items():
        for case, values in variants.items():
            target = HERE / "expected" / f"{chart}--{case}.json"
            text = json.dumps(render(chart, values), indent=1, ensure_ascii=False) + "\n"
            if check:
                if not target.exists() or target.read_text() != text:
                    different.append(target.name)
            else:
                target.parent.mkdir(exist_ok=True)
                target.write_text(text)
    if different:
        sys.exit("these differ from what is recorded: " + ", ".join(different))


if __name__ == "__main__":
    main()
