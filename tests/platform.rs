//! The codebundle on the real parts of the platform: Robot Framework with RunWhen's keywords, Jinja, and what reads its files.
//!
//! They are Python, so the tests are too, in `platform/`; this builds what they run and starts them. The virtual
//! environment that holds the parts is made by `.ci/run`.

#![allow(
    clippy::print_stdout,
    reason = "a panic is how a test fails; the platform's tests and why they were skipped are told"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names another virtual environment than the one that `.ci/run` makes.
const VENV: &str = "ACR_SYNC_PLATFORM_VENV";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The virtual environment's Python; without it the test is skipped, except where continuous integration must have it.
fn python() -> Option<PathBuf> {
    let venv =
        std::env::var_os(VENV).map_or_else(|| root().join("target/platform-venv"), PathBuf::from);
    let python = venv.join("bin/python");
    if python.is_file() {
        return Some(python);
    }
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !required,
        "{} is not there, and CI=true wants it: see .ci/run",
        python.display()
    );
    println!(
        "skipped: {} is not there; .ci/run makes it, or set {VENV}",
        python.display()
    );
    None
}

#[test]
fn the_codebundle_works_with_the_real_parts_of_the_platform() {
    let Some(python) = python() else { return };
    let executables = Path::new(env!("CARGO_BIN_EXE_taskset"))
        .parent()
        .expect("an executable is in a folder");
    // Cargo builds only the executables of this test's own package for it.
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "-p", "sli", "-p", "sandbox"])
        .current_dir(root());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo runs").success());
    let output = Command::new(python)
        .args([
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
        ])
        .current_dir(root().join("tests/platform"))
        .env("ACR_SYNC_EXECUTABLES", executables)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python runs");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{}", String::from_utf8_lossy(&output.stdout));
}
