#!/usr/bin/env python3
"""Records what Helm itself makes of the charts in `charts/` and of the sandbox, with the values in `cases.json`, and of the
cases in `batches/`.

Helm is PyPI's `helm-python-sdk`, which carries Helm's own Go SDK:

    python3 -m venv venv && venv/bin/pip install helm-python-sdk && venv/bin/python helm/tests/oracle/record.py

The tests read `expected/` and `batches/` and need no Python. With `--check` nothing is written, and a difference fails.

A batch is a chart with one file or value that varies; `answers` holds the variants, each with what Helm makes of it, or null
where Helm fails. To add a case, add it with null and record anew.

    varies    the name of the file that varies, or `values` for `.Values.it`
    files     the other files of the chart
    values    the other values
    answer    `file` for the rendered file, `manifest` for what `helm template` prints
"""

import io
import json
import pathlib
import sys
import tarfile

import helm_python as helm

HERE = pathlib.Path(__file__).parent
SANDBOX = HERE.parents[2] / "sandbox" / "charts"
DEPENDENCIES = {"runwhen-local": ["opentelemetry-collector"]}


def files_of(chart, prefix=""):
    """The files of a chart of the sandbox with its dependencies, as a package contains them."""
    folder = SANDBOX / chart
    files = {prefix + str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    for dependency in DEPENDENCIES.get(chart, []):
        files |= files_of(dependency, f"{prefix}charts/{dependency}/")
    return files


def load(chart):
    """A chart of `charts/`, or else of the sandbox."""
    folder = HERE / "charts" / chart
    return helm.Chart.load(folder) if folder.exists() else helm.Chart.load_archive(archive(files_of(chart)))


def render(chart, values):
    """The rendered files, or Helm's complaint."""
    try:
        with load(chart) as loaded:
            rendered = loaded.render(values, name="release-name", namespace="default", is_install=True)
            return {"values": values, "rendered": dict(sorted(rendered.items())), "error": None}
    except helm.HelmError as error:
        return {"values": values, "rendered": None, "error": str(error)}


def archive(files):
    """A chart's archive."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"c/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def answer(batch, variant):
    """What Helm makes of one variant of a batch."""
    files, values = dict(batch["files"]), dict(batch["values"])
    if batch["varies"] == "values":
        values["it"] = variant
    else:
        files[batch["varies"]] = variant
    try:
        with helm.Chart.load_archive(archive(files)) as chart:
            if batch["answer"] == "manifest":
                with helm.Config(kubeconfig_content="", storage_driver="memory") as config:
                    release = config.install(chart, "release-name", values, dry_run="client", namespace="default")
                    # As `helm template` prints it; hooks are not in it.
                    return release.get("manifest", "").strip() + "\n"
            rendered = chart.render(values, name="release-name", namespace="default", is_install=True)
            return "".join(rendered.values())
    except helm.HelmError:
        return None


def batches():
    """Every batch's file, with its text as it should be."""
    for path in sorted((HERE / "batches").glob("*.json")):
        batch = json.loads(path.read_text())
        batch["answers"] = {variant: answer(batch, variant) for variant in batch["answers"]}
        yield path, json.dumps(batch, indent=1, ensure_ascii=False) + "\n"


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
    for target, text in batches():
        if not check:
            target.write_text(text)
        elif target.read_text() != text:
            different.append(target.name)
    if different:
        sys.exit("these differ from what is recorded: " + ", ".join(different))


if __name__ == "__main__":
    main()
