//! `docs/reference.md` is generated from the code. `UPDATE_DOCS=1 cargo test --package acr-sync reference` writes it again.

use std::path::Path;
use std::process::Command;

use acr_sync_core::config::{Program, VARIABLES, Variable};
use acr_sync_core::report::Status;
use serde_json::Value;

use crate::ACR_SYNC;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");

#[test]
fn reference_is_what_the_code_says() {
    let wanted = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &wanted).expect("the page");
    }
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let lines = page.lines().zip(wanted.lines());
    for (number, (line, wanted)) in lines.enumerate() {
        assert_eq!(
            line,
            wanted,
            "line {} of {PAGE}; UPDATE_DOCS=1 writes it again",
            number + 1
        );
    }
    assert_eq!(page.lines().count(), wanted.lines().count());
}

fn page() -> String {
    let mut page = "# Reference\n\n\
        Generated from the code: `UPDATE_DOCS=1 cargo test --package acr-sync reference` writes it again.\n\n\
        The settings are environment variables. Every variable except secrets also has a flag: `REGISTRY_NAME` is\n\
        `--registry-name`. An empty value and the text `missing_workspaceInfo_custom_variable` mean unset. Files, metrics and issues\n\
        are described in [output.md](output.md).\n"
        .to_owned();
    let mut headings: Vec<&str> = Vec::new();
    for variable in VARIABLES {
        if !headings.contains(&variable.heading) {
            headings.push(variable.heading);
        }
    }
    for heading in headings {
        page.push_str(&format!(
            "\n## {heading}\n\n| Variable | Default | Value | |\n|---|---|---|---|\n"
        ));
        let of_heading = VARIABLES
            .iter()
            .filter(|variable| variable.heading == heading);
        of_heading.for_each(|variable| page.push_str(&row(variable)));
    }
    page.push_str("\n## Exit codes\n\n| Exit code | |\n|---|---|\n");
    for status in Status::ALL {
        page.push_str(&format!("| {} | {} |\n", status.code(), status.meaning()));
    }
    page.push_str("\nIf several apply, the first of 2, 5, 4, 3 counts.\n\n## Signals\n\n");
    page.push_str(&section("Signals:"));
    page.push_str("\n## Artifacts\n\nEach has a JSON Schema, with which every test compares what is written.\n");
    for name in ["result", "issues", "plan"] {
        page.push_str(&artifact(name));
    }
    page.push_str("\n## Metrics for Prometheus\n\n| Metric | Type | |\n|---|---|---|\n");
    page.push_str(&metrics());
    page
}

/// The title of a schema, and its fields.
fn artifact(name: &str) -> String {
    let file = format!("{name}.schema.json");
    let path = Path::new(PAGE).with_file_name(&file);
    let text = std::fs::read_to_string(path).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (title, description) = (text(&schema["title"]), text(&schema["description"]));
    let mut section =
        format!("\n### {title}\n\n{description} [{file}]({file})\n\n| Field | |\n|---|---|\n");
    let fields = match &schema["items"]["properties"] {
        Value::Object(fields) => Some(fields),
        _ => schema["properties"].as_object(),
    };
    for (name, field) in fields.expect("fields") {
        section.push_str(&format!("| `{name}` | {} |\n", text(&field["description"])));
    }
    section
}

/// The metrics that a run writes, by their own lines `# HELP` and `# TYPE`.
fn metrics() -> String {
    let world = crate::world();
    let run = crate::acr_sync(&world, &["check", "-q"]);
    let file = run.folder().join("acr-sync.prom");
    let ended = run.set("METRICS_FILE", file.display().to_string()).end();
    let text = std::fs::read_to_string(ended.folder.path().join("acr-sync.prom"));
    let text = text.expect("metrics");
    let lines = |kind: &'static str| {
        text.lines()
            .filter_map(move |line| line.strip_prefix(kind)?.split_once(' '))
    };
    let row = |(name, help): (&str, &str)| {
        let (_, kind) = lines("# TYPE ")
            .find(|(other, _)| *other == name)
            .expect("a type");
        format!("| `{name}` | {kind} | {help} |\n")
    };
    lines("# HELP ").map(row).collect()
}

fn row(variable: &Variable) -> String {
    let default = variable.default();
    let default = match (default.as_str(), variable.is_required()) {
        (_, true) => "required".to_owned(),
        ("", false) => String::new(),
        (text, false) => format!("`{text}`"),
    };
    let mut text = variable.help.replace('|', "\\|");
    if variable.secret {
        text = format!("Secret. {text}");
    }
    if let [only] = variable.readers {
        text.push_str(&format!(" (`{}` only)", only.name()));
    } else if !variable.is_read_by(Program::AcrSync) {
        text.push_str(" (not `acr-sync`, whose subcommands decide)");
    }
    if let [first, rest @ ..] = variable.aliases {
        let names: Vec<_> = std::iter::once(first)
            .chain(rest)
            .map(|name| format!("`{name}`"))
            .collect();
        text.push_str(&format!(" Also {}.", names.join(", ")));
    }
    let value = variable.value.replace('|', "\\|");
    format!("| `{}` | {default} | `{value}` | {text} |\n", variable.name)
}

/// A section at the end of the help.
fn section(title: &str) -> String {
    let output = Command::new(ACR_SYNC)
        .args(["check", "--help"])
        .env("COLUMNS", "400")
        .output();
    let help = String::from_utf8(output.expect("acr-sync runs").stdout).expect("UTF-8");
    let (_, text) = help.split_once(title).expect("the section");
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n") + "\n"
}
