"""A program that only records how it is called. docs/aks.md is run with links to it that are named az, kubectl, git and docker.

CALLS is the file to which it appends one line of JSON per call. ANSWERS has what `az` prints, by its --query. CHECKOUT is the
repository that `git clone` copies from.
"""

import json
import os
import pathlib
import shutil
import sys

program, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
call = {"program": program, "arguments": arguments}
if program == "kubectl" and "--filename" in arguments:
    call["file"] = pathlib.Path(arguments[arguments.index("--filename") + 1]).read_text()
with open(os.environ["CALLS"], "a", encoding="utf-8") as calls:
    calls.write(json.dumps(call) + "\n")
if program == "az" and "--query" in arguments:
    print(json.loads(os.environ["ANSWERS"])[arguments[arguments.index("--query") + 1]])
if program == "git" and arguments[0] == "clone":
    folder = pathlib.Path(arguments[1].rsplit("/", 1)[1].removesuffix(".git"))
    shutil.copytree(pathlib.Path(os.environ["CHECKOUT"]) / "deploy", folder / "deploy")
