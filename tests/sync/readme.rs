//! The commands of the README succeed, and its tables are those of the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use acr_sync_core::config::VARIABLES;
use acr_sync_core::report::Status;
use sandbox::{Sandbox, Scenario};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The commands of the `sh` blocks.
fn commands() -> Vec<String> {
    let readme = read("README.md");
    let blocks = readme.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.map(ToOwned::to_owned).collect()
}

#[test]
fn commands_of_the_readme_succeed() {
    let test = "cargo test --workspace";
    let commands = commands();
    assert!(
        commands.iter().any(|command| command == test),
        "the test command is not in the README"
    );
    assert!(
        read(".ci/run").lines().any(|line| line.trim() == test),
        ".ci/run does not call the README's test command"
    );
    // This test is part of the test command, so it runs only the others.
    for command in commands.iter().filter(|command| *command != test) {
        let world = Sandbox::start(Scenario::default()).expect("a sandbox");
        let folder = tempfile::tempdir().expect("a folder");
        // The debug build exists already, and the report must not be written to the checkout.
        let command = command
            .replace("--release ", "")
            .replace("--output-dir report", "--output-dir \"$OUTPUT_DIR\"");
        let mut shell = Command::new("bash");
        // With the variables of a test, the inner cargo would rebuild crates that the outer one uses.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
            if name != "CARGO_HOME" && name != "CARGO_TARGET_DIR" {
                shell.env_remove(name);
            }
        }
        let output = shell
            .args(["-euc", &command])
            .current_dir(root())
            .envs(world.environment())
            .env("OUTPUT_DIR", folder.path())
            .output()
            .expect("bash runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{command}\n{}\n{stderr}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(!output.stdout.is_empty(), "{command} prints nothing");
    }
}

#[test]
fn variables_in_the_readme_are_those_of_the_program() {
    let readme = read("README.md");
    for variable in VARIABLES {
        assert!(
            readme.contains(&format!("`{}`", variable.name)),
            "{} is not in the README",
            variable.name
        );
        if variable.default().is_empty() {
            continue;
        }
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{}`", variable.name)));
        let row = row.unwrap_or_else(|| panic!("{} has a default and no row", variable.name));
        let default = row.split('|').nth(2).unwrap_or_default().replace('`', "");
        assert_eq!(default.trim(), variable.default(), "{}", variable.name);
    }
}

#[test]
fn exit_codes_in_the_readme_are_those_of_the_program() {
    let readme = read("README.md");
    for status in Status::ALL {
        let row = format!("| {} | {} |", status.code(), status.meaning());
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn signals_in_the_readme_are_those_of_the_help() {
    let help = Command::new(env!("CARGO_BIN_EXE_taskset"))
        .arg("--help")
        .output();
    let help = String::from_utf8(help.expect("taskset runs").stdout).expect("UTF-8");
    let (_, signals) = help
        .split_once("Signals:")
        .expect("a section about signals");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(signals.contains("130") && signals.contains("143"));
    assert!(words(&read("README.md")).contains(&words(signals)));
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn links_of_documents_lead_to_files_and_sections() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "tests/README.md",
        "docs/aks.md",
        "docs/network.md",
    ] {
        let text = read(document);
        let folder = root()
            .join(document)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.starts_with("http") {
                continue;
            }
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            // A section without a file is one of the same document.
            let file = match file {
                "" => root().join(document),
                file => folder.join(file),
            };
            assert!(file.exists(), "{document}: {target}");
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let mut headings = text.lines().filter(|line| line.starts_with('#'));
            assert!(
                section.is_empty() || headings.any(|heading| anchor(heading) == section),
                "{document}: {target}"
            );
        }
    }
}
