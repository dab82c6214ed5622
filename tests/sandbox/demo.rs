//! The demo, which is the first command of the README.

use std::process::Command;

#[test]
fn demo_syncs_eight_images_and_writes_a_report() {
    let folder = tempfile::tempdir().unwrap();
    // The variables of cargo are set for tests too, so the demo builds the executables.
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
        "escape sequences without a terminal"
    );
    for name in ["sync-report.md", "sync-report.html"] {
        assert!(
            folder.path().join("azure-rw-acr-sync").join(name).is_file(),
            "{name}"
        );
    }
}
