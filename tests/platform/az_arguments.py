"""Parses calls of `az` with the real Azure CLI, without executing them. Runs in the CLI's own virtual environment.

Reads a list of argument lists as JSON from stdin. Prints the command of each as the CLI understands it, or null if the CLI
refuses it. The reasons are on stderr.
"""

import json
import sys

from azure.cli.core import get_default_cli
from azure.cli.core.commands import AzCliCommandInvoker


class Parsed(BaseException):
    """Ends an invocation after its arguments were parsed, before anything else."""


def end(invoker, _, parsed):
    """Replaces the first step after the parser."""
    known = invoker.parser.subparser_map[parsed.command]._option_string_actions  # pylint: disable=protected-access
    raise Parsed(parsed.command, set(known))


def command(cli, arguments):
    """Returns the command that the CLI understands, or None."""
    try:
        cli.invoke(arguments)
    except Parsed as parsed:
        name, known = parsed.args
        # argparse accepts abbreviations, which a newer version may no longer do.
        options = {word.split("=")[0] for word in arguments if word.startswith("--")}
        if unknown := options - known:
            print(f"az {name} does not have {sorted(unknown)}", file=sys.stderr)
            return None
        return name
    except SystemExit:
        pass
    return None


if __name__ == "__main__":
    AzCliCommandInvoker.resolve_warnings = end
    az = get_default_cli()
    print(json.dumps([command(az, arguments) for arguments in json.load(sys.stdin)]))
