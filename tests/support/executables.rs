//! The executable of another package: cargo builds only those of the package that a test is part of.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Cargo builds the executables one after the other, so their times differ by less than this.
const ONE_BUILD: Duration = Duration::from_secs(300);

/// The executable of this name in the folder of `own`. It is built if it is absent or older than `own`, as after
/// `cargo test --package taskset`.
pub fn next_to(own: &str, name: &str) -> String {
    let own = Path::new(own);
    let other = own.with_file_name(name);
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let is_fresh = modified(&other)
        .zip(modified(own))
        .is_some_and(|(other, own)| other + ONE_BUILD > own);
    if !is_fresh {
        build(own);
    }
    assert!(other.is_file(), "there is no {}", other.display());
    other.display().to_string()
}

/// Builds all executables, as one call of cargo: the features of a package depend on what is built with it.
fn build(own: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let folder = own.parent().expect("an executable is in a folder");
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "--package",
        "sli",
        "--package",
        "taskset",
        "--package",
        "acr-sync",
    ]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let target: PathBuf = folder.parent().expect("a target folder").to_owned();
    let status = command.arg("--target-dir").arg(target).status();
    assert!(
        status.expect("cargo runs").success(),
        "cargo cannot build the executables"
    );
}
