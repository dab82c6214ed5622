//! The codebundle on the real parts of the platform: Robot Framework with RunWhen's keywords, Jinja, and the programs
//! that read its files.
//!
//! These parts are Python, and so are the tests. This file builds the executables, runs pytest once,
//! and reports each Python test as a test of its own. `.ci/run` creates the virtual environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Trial};
use serde::Deserialize;

use crate::needs::{self, Need};

/// Name other virtual environments than those that `.ci/run` creates: the platform's, and the Azure CLI's.
const VENV: &str = "ACR_SYNC_PLATFORM_VENV";
const AZ_VENV: &str = "ACR_SYNC_AZ_VENV";
/// Python tests at the same time: they wait for the platform's timers more than they compute.
const WORKERS: &str = "4";

/// The Python tests; those that cargo's arguments choose run together, in one call of pytest.
pub fn trials(arguments: &Arguments) -> Vec<Trial> {
    let python = venv().join("bin/python");
    let names = tests();
    let chosen: Vec<String> = names
        .iter()
        .filter(|name| is_chosen(name, arguments))
        .cloned()
        .collect();
    let results = Arc::new(OnceLock::new());
    names
        .into_iter()
        .map(|name| {
            let (python, chosen, results) = (python.clone(), chosen.clone(), Arc::clone(&results));
            needs::test(&name.clone(), &needs_of(&name, &python), move || {
                results
                    .get_or_init(|| run(&python, &chosen))
                    .assert_passed(&name)
            })
        })
        .collect()
}

/// Every test needs the platform's packages. The name of a test says which program it also needs.
fn needs_of(name: &str, python: &Path) -> Vec<Need> {
    let mut needs = vec![Need::file(
        python,
        "the platform's Python packages",
        "bash .ci/run test",
    )];
    let needs_program = |program: &str| name.split('_').any(|word| word == program);
    if needs_program("az") {
        let file = az_venv().join("bin/az");
        needs.push(Need::file(&file, "the Azure CLI", "bash .ci/run test"));
    }
    if needs_program("kubectl") {
        needs.push(Need::tool("kubectl", "kubernetes-client"));
    }
    if needs_program("shellcheck") {
        needs.push(Need::tool("shellcheck", "shellcheck"));
    }
    needs
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn venv() -> PathBuf {
    std::env::var_os(VENV).map_or_else(|| root().join("target/platform-venv"), PathBuf::from)
}

fn az_venv() -> PathBuf {
    std::env::var_os(AZ_VENV).map_or_else(|| root().join("target/az-venv"), PathBuf::from)
}

/// The Python tests as pytest names them, `file::function`, read from the files so that they are listed without Python.
fn tests() -> Vec<String> {
    let folder = root().join("tests/platform");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("tests/platform") {
        let path = entry.expect("a file").path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if !(file.starts_with("test_") && file.ends_with(".py")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let functions = text
            .lines()
            .filter_map(|line| line.strip_prefix("def "))
            .filter(|rest| rest.starts_with("test_"))
            .filter_map(|rest| rest.split('(').next());
        names.extend(functions.map(|function| format!("{file}::{function}")));
    }
    names.sort();
    assert!(!names.is_empty(), "tests/platform holds no Python test");
    names
}

/// Whether cargo's arguments choose this test, so that pytest runs only the requested tests.
fn is_chosen(name: &str, arguments: &Arguments) -> bool {
    let matches = |pattern: &String| {
        if arguments.exact {
            name == pattern
        } else {
            name.contains(pattern.as_str())
        }
    };
    arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
}

/// One report of pytest: a phase of a test with one set of parameters. `conftest.py` writes them.
#[derive(Deserialize)]
struct Phase {
    test: String,
    outcome: String,
    text: String,
}

/// What pytest reported.
struct Results {
    phases: BTreeMap<String, Vec<Phase>>,
    output: String,
}

impl Results {
    fn assert_passed(&self, name: &str) {
        let phases = self.phases.get(name).map_or(&[][..], Vec::as_slice);
        assert!(
            !phases.is_empty(),
            "pytest did not run {name}:\n{}",
            self.output
        );
        let failures: Vec<_> = phases
            .iter()
            .filter(|phase| phase.outcome != "passed")
            .map(|phase| format!("{} {}:\n{}", phase.test, phase.outcome, phase.text))
            .collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

/// Builds the executables and runs the chosen Python tests.
fn run(python: &Path, chosen: &[String]) -> Results {
    // Cargo builds only the executables of this test's own package for it.
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--workspace"])
        .args(["--bin", "sli", "--bin", "taskset", "--bin", "sandbox"])
        .current_dir(root());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo runs").success());
    let executables = Path::new(crate::TASKSET)
        .parent()
        .expect("an executable is in a folder");
    let folder = tempfile::tempdir().expect("a folder");
    let reports = folder.path().join("reports.jsonl");
    let output = Command::new(python)
        .args([
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
        ])
        .args(["-n", WORKERS])
        .args(chosen)
        .current_dir(root().join("tests/platform"))
        .env("ACR_SYNC_EXECUTABLES", executables)
        .env(AZ_VENV, az_venv())
        .env("ACR_SYNC_REPORTS", &reports)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python runs");
    let mut phases: BTreeMap<String, Vec<Phase>> = BTreeMap::new();
    for line in std::fs::read_to_string(&reports)
        .unwrap_or_default()
        .lines()
    {
        let phase: Phase = serde_json::from_str(line).expect("a report of conftest.py");
        // Without the parameters: `file::function[parameters]`.
        let function = phase.test.split('[').next().unwrap_or_default().to_owned();
        phases.entry(function).or_default().push(phase);
    }
    Results {
        phases,
        output: format!(
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}
