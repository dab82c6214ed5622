//! `check`, `sync`, and what the command prints about itself.

use std::process::Command;

use serde_json::Value;

use crate::support::{ACR, ONE};
use crate::{ACR_SYNC, acr_sync, world};

#[test]
fn check_says_what_it_would_import_and_writes_nothing() {
    let world = world();
    let run = acr_sync(&world, &["check"]);
    let folder = run.folder().to_owned();
    let ended = run.end();
    ended.expect(0, &[]);
    assert_eq!(
        ended.stdout.matches("would import").count(),
        5,
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains(ONE) && ended.stdout.contains("5 to be synced"));
    assert!(
        world
            .requests()
            .iter()
            .all(|request| !request.path.contains("importImage"))
    );
    assert_eq!(
        std::fs::read_dir(folder)
            .map(Iterator::count)
            .unwrap_or_default(),
        0
    );
    assert!(
        ended.stdout.contains("Run acr-sync sync") && !ended.stdout.contains("taskset"),
        "{}",
        ended.stdout
    );
}

/// With the longest names, a line fits a terminal of 120 columns.
#[test]
fn lines_of_images_are_short() {
    let verdicts = ["Missing", "Outdated", "Drifted", "UpToDate"];
    for (scenario, parts) in [
        (
            "drifted",
            &["has 64eda6cee97a, since 2026-09-29", "newest is 0.150.1 of"][..],
        ),
        ("outdated", &["absent, at least since 2026-10-13"]),
        ("up-to-date", &["same digest"]),
    ] {
        let world = crate::world_of(scenario);
        let ended = acr_sync(&world, &["check"]).unset(&["IMAGES"]).end();
        ended.expect(0, &[]);
        let is_of_image = |line: &&str| verdicts.iter().any(|name| line.trim().starts_with(name));
        let lines: Vec<_> = ended.stdout.lines().filter(is_of_image).collect();
        assert_eq!(lines.len(), 8, "{}", ended.stdout);
        for line in lines {
            assert!(line.chars().count() <= 118, "{line}");
        }
        for part in parts {
            assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
        }
    }
}

#[test]
fn sync_imports_and_a_second_sync_has_nothing_to_do() {
    let world = world();
    let ended = acr_sync(&world, &["sync"]).end();
    ended.expect(0, &[]);
    assert_eq!(
        ended.stdout.matches("imported in").count(),
        5,
        "{}",
        ended.stdout
    );
    let ended = acr_sync(&world, &["sync", "--fail-on-outdated"]).end();
    ended.expect(0, &[]);
    assert!(ended.stdout.contains("5 up to date"), "{}", ended.stdout);
}

#[test]
fn output_is_json_or_markdown_and_files_go_to_the_given_folder() {
    let world = world();
    let ended = acr_sync(&world, &["check", "--output", "json"]).end();
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(result["program"], "acr-sync");
    assert_eq!(result["needs_sync"], 5);
    assert_eq!(result["registry"], ACR);
    let run = acr_sync(&world, &["check", "--format", "markdown"]);
    let folder = run.folder().display().to_string();
    let ended = run.set("OUTPUT_DIR", folder).end();
    assert_eq!(ended.stdout, ended.report("sync-report.md"));
    assert_eq!(ended.json("acr-sync.json")["needs_sync"], 5);
}

#[test]
fn outdated_images_have_an_exit_code_of_their_own() {
    let world = world();
    let arguments = &["check", "--fail-on-outdated"];
    acr_sync(&world, arguments).end().expect(7, &[]);
    // A problem counts more.
    let wrong = acr_sync(&world, arguments).set("REF", "absent").end();
    wrong.expect(2, &[]);
}

fn prints(arguments: &[&str]) -> String {
    let output = Command::new(ACR_SYNC).args(arguments).env_clear().output();
    let output = output.expect("acr-sync runs");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn completions_and_manual_name_every_subcommand() {
    for document in ["bash", "zsh", "fish"]
        .map(|shell| prints(&["completions", shell]))
        .into_iter()
        .chain([prints(&["man"])])
    {
        for name in [
            "check",
            "sync",
            "doctor",
            "completions",
            "registry-name",
            "fail-on-outdated",
        ] {
            // The manual writes a dash as `\-`.
            assert!(document.replace("\\-", "-").contains(name), "{name}");
        }
    }
}
