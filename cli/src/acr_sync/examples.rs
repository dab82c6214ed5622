//! The examples in the help of the subcommands.

use clap::Command;

use crate::settings;
use crate::settings::Example;

/// Adds three examples to the help of a command and of its subcommands.
pub(super) fn with_examples(command: Command) -> Command {
    let command = command.mut_subcommands(with_examples);
    let examples = EXAMPLES
        .iter()
        .find(|(name, _)| *name == command.get_name());
    match examples {
        Some((_, examples)) => settings::with_examples(command, examples),
        None => command,
    }
}

/// By the name of the command. A test requires three for each.
const EXAMPLES: [(&str, [Example; 3]); 11] = [
    (
        "acr-sync",
        [
            ("acr-sync check --registry-name myacr", "what is missing?"),
            ("acr-sync sync --registry-name myacr", "import it"),
            ("acr-sync check --help", "all settings"),
        ],
    ),
    (
        "check",
        [
            ("acr-sync check --registry-name myacr", "what is missing?"),
            ("acr-sync check --output json", "for programs"),
            ("acr-sync check --fail-on-outdated -q", "for pipelines"),
        ],
    ),
    (
        "sync",
        [
            (
                "acr-sync sync --registry-name myacr",
                "import what is missing",
            ),
            (
                "acr-sync sync --images runwhen-local",
                "only the chart's images",
            ),
            ("acr-sync sync --output-dir out", "write the reports too"),
        ],
    ),
    (
        "plan",
        [
            ("acr-sync plan", "what would a sync do?"),
            ("acr-sync plan -o plan.json", "for a review"),
            ("acr-sync plan --output json | jq .images", "for programs"),
        ],
    ),
    (
        "apply",
        [
            ("acr-sync apply plan.json", "import what the plan says"),
            ("acr-sync apply plan.json --output json", "for programs"),
            (
                "acr-sync apply plan.json --output-dir out",
                "keep the report",
            ),
        ],
    ),
    (
        "explain",
        [
            ("acr-sync explain", "a paragraph for each image"),
            ("acr-sync explain runner", "the whole chain of one image"),
            ("acr-sync explain runner --output json", "for programs"),
        ],
    ),
    (
        "export",
        [
            (
                "acr-sync export --plan plan.json b.tar",
                "what the plan imports",
            ),
            (
                "acr-sync export --plan p.json --base a.tar b.tar",
                "without a.tar",
            ),
            (
                "acr-sync export --plan p.json b.tar --output json",
                "for programs",
            ),
        ],
    ),
    (
        "import",
        [
            (
                "acr-sync import b.tar --registry-name myacr.azurecr.io",
                "import it",
            ),
            ("acr-sync import b.tar --output json", "for programs"),
            ("acr-sync import b.tar --output-dir out", "keep the report"),
        ],
    ),
    (
        "doctor",
        [
            (
                "acr-sync doctor --registry-name myacr",
                "is everything in place?",
            ),
            ("acr-sync doctor --format json", "for programs"),
            ("acr-sync doctor --sync-method copy", "may it copy?"),
        ],
    ),
    (
        "completions",
        [
            ("source <(acr-sync completions bash)", "for this shell"),
            ("acr-sync completions zsh > ~/.zfunc/_acr-sync", "for zsh"),
            ("acr-sync completions fish | source", "for fish"),
        ],
    ),
    (
        "man",
        [
            ("acr-sync man | man -l -", "read it"),
            ("acr-sync man > acr-sync.1", "keep it"),
            ("acr-sync man | groff -man -Thtml", "as HTML"),
        ],
    ),
];
