//! The commands of the documents that can run succeed, and links inside the repository lead to files and sections.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sandbox::{Sandbox, Scenario};

use crate::ACR_SYNC;
use crate::support::ACR;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents whose commands run against the sandbox. Those of docs/aks.md and docs/network.md are tested in `tests/platform`.
const TESTED: [&str; 3] = ["README.md", "docs/quick-start.md", "docs/verify-report.md"];
const TEST_COMMAND: &str = "cargo test --workspace";

/// The commands of the `sh` blocks, without those of blocks marked `sh no-run`.
fn commands(document: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_inside = false;
    for line in read(document).lines().map(str::trim) {
        match (line, is_inside) {
            ("```sh", false) => is_inside = true,
            ("```", true) => is_inside = false,
            (command, true) => commands.push(command.to_owned()),
            (_, false) => {}
        }
    }
    commands
}

/// The command as the test runs it: with the debug build, which exists already, and cargo in the checkout.
fn tested(command: &str) -> String {
    let command = command.replace("--release ", "");
    let root = root().display().to_string();
    match command.strip_prefix("cargo ") {
        Some(rest) => format!("(cd {root}; cargo {rest})"),
        None => command,
    }
}

#[test]
fn commands_of_the_documents_succeed() {
    assert!(
        commands("README.md")
            .iter()
            .any(|command| command == TEST_COMMAND),
        "the test command is not in the README"
    );
    assert!(
        read(".ci/run")
            .lines()
            .any(|line| line.trim() == TEST_COMMAND),
        ".ci/run does not call the README's test command"
    );
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    assert!(
        has_jq || std::env::var_os("CI").is_none(),
        "jq is not installed"
    );
    let mut count = 0;
    for document in TESTED {
        let world = Sandbox::start(Scenario::default()).expect("a sandbox");
        let folder = tempfile::tempdir().expect("a folder");
        // This test is part of the test command, so it runs only the others.
        let commands = commands(document)
            .into_iter()
            .filter(|command| command != TEST_COMMAND);
        let commands = commands.filter(|command| has_jq || !command.starts_with("jq "));
        let commands: Vec<_> = commands.map(|command| tested(&command)).collect();
        count += commands.len();
        let output = shell(&world, folder.path(), &commands.join("\n"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{document}\n{stdout}\n{stderr}");
        assert!(!stdout.is_empty(), "{document}: nothing is printed");
    }
    assert!(count >= 8, "{count} commands");
}

fn shell(world: &Sandbox, folder: &Path, script: &str) -> Output {
    let mut shell = Command::new("bash");
    // With the variables of a test, the inner cargo would rebuild crates that the outer one uses.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
        if name != "CARGO_HOME" && name != "CARGO_TARGET_DIR" {
            shell.env_remove(name);
        }
    }
    let executables = Path::new(ACR_SYNC)
        .parent()
        .map(|path| path.display().to_string());
    let path = std::env::var("PATH").unwrap_or_default();
    let output = shell
        .args(["-euxc", script])
        .current_dir(folder)
        .envs(world.environment())
        .env("REGISTRY_NAME", ACR)
        .env(
            "PATH",
            format!("{}:{path}", executables.unwrap_or_default()),
        )
        .output();
    output.expect("bash runs")
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
    let listed = Command::new("git")
        .args(["ls-files", "*.md"])
        .current_dir(root())
        .output();
    let listed = String::from_utf8(listed.expect("git runs").stdout).expect("UTF-8");
    let documents: Vec<_> = listed
        .lines()
        .filter(|name| !name.contains("/corpus/"))
        .collect();
    assert!(documents.len() > 15, "{documents:?}");
    for document in documents {
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
