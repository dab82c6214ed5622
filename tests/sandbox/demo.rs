//! The demo: the one command that the README begins with, as a person would run it.

use std::process::Command;

#[test]
fn the_demo_goes_from_eight_to_zero_and_leaves_a_report() {
    let folder = tempfile::tempdir().unwrap();
    // Cargo's own variables are set for tests too, so it builds the executables that it shows.
    let output = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["demo", "--output"])
        .arg(folder.path())
        .output();
    let output = output.unwrap();
    let (text, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}\n{error}");
    for line in [
        "8 images need syncing",
        "8 images imported",
        "0 images need syncing",
        "From 8 to 0.",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    assert!(
        !text.contains('\u{1b}'),
        "no escapes where there is no terminal"
    );
    for name in ["report.md", "report.html"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}
