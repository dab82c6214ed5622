//! `--version`, which names the source.

use std::process::Command;

use crate::ACR_SYNC;

fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[test]
fn version_names_commit_and_date_of_the_source() {
    let short = format!("acr-sync {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(ACR_SYNC, &["-V"]), Some(short.clone()));
    let long = printed(ACR_SYNC, &["--version"]).expect("a version");
    let source = long.strip_prefix(&short).expect("the short version first");
    let is_given = ["SOURCE_COMMIT", "SOURCE_DATE_EPOCH"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let of_git = |format| {
        let format = format!("--format={format}");
        let environment = [
            "TZ=UTC",
            "git",
            "-C",
            folder,
            "log",
            "-1",
            "--date=format-local:%Y-%m-%d",
        ];
        printed("env", &[&environment[..], &[&format]].concat())
    };
    match (of_git("%H"), of_git("%cd")) {
        (Some(commit), Some(date)) if !is_given => {
            assert_eq!(source, format!(" ({} {date})", &commit[..7]));
        }
        // A copy of the source without git.
        _ => assert!(source.is_empty() || source.starts_with(" ("), "{long}"),
    }
}
