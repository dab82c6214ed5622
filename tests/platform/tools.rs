//! `taskset` on a terminal, and with the published chart.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::TASKSET;
use crate::needs::{self, Need, newest_chart, published_charts};
use crate::support::{ACR, run};
use libtest_mimic::Trial;
use sandbox::runwhen_local::{CHART_HOST, publish_chart};
use sandbox::{Sandbox, Scenario};

pub fn trials() -> Vec<Trial> {
    vec![
        needs::test(
            "terminal_shows_progress",
            &[Need::tool("script", "bsdutils")],
            terminal_shows_progress,
        ),
        needs::test(
            "terminal_shows_levels_in_colors_unless_no_color_is_set",
            &[Need::tool("script", "bsdutils")],
            terminal_shows_levels_in_colors_unless_no_color_is_set,
        ),
        needs::test(
            "terminal_shows_a_bar_for_each_copy",
            &[Need::tool("script", "bsdutils")],
            terminal_shows_a_bar_for_each_copy,
        ),
        needs::test(
            "published_chart_names_three_images",
            &[Need::published_charts()],
            published_chart_names_three_images,
        ),
        needs::test(
            "newest_chart_names_the_images_of_runwhen_local",
            &[Need::newest_chart()],
            newest_chart_names_the_images_of_runwhen_local,
        ),
    ]
}

fn terminal_shows_progress() {
    let world = Sandbox::start(Scenario::default()).expect("a sandbox");
    let text = on_a_terminal(&world, &[]);
    // The number of all images is shown when it is known, and not that of one list before.
    for part in ["of 5 done", "of 3 done"] {
        assert!(!text.contains(part), "{part:?} is in {text:?}");
    }
    for part in [
        "checking images: 8 of 8 done",
        "importing images: 0 of 8 done",
        "importing images: 8 of 8 done",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn terminal_shows_levels_in_colors_unless_no_color_is_set() {
    let world = Sandbox::start(Scenario::default()).expect("a sandbox");
    let check = ("SYNC_IMAGES", "false");
    for (setting, is_colored) in [
        (("NO_COLOR", ""), true),
        (("NO_COLOR", "1"), false),
        (("LOG_FORMAT", "json"), false),
    ] {
        let text = on_a_terminal(&world, &[check, setting]);
        let found = text.contains("\u{1b}[32m INFO\u{1b}[0m ");
        assert_eq!(found, is_colored, "{setting:?}: {text:?}");
        assert!(text.contains("checking 8 images"), "{text:?}");
    }
}

fn terminal_shows_a_bar_for_each_copy() {
    let world = Sandbox::start(Scenario::copy()).expect("a sandbox");
    world.set_latency(std::time::Duration::from_millis(100));
    let text = on_a_terminal(&world, &[("SYNC_METHOD", "copy")]);
    for part in [
        "runwhen-local:0.11.5",
        "iB/s",
        " copied (",
        "importing images: 8 of 8 done",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// The text that a run writes to a terminal.
fn on_a_terminal(world: &Sandbox, settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new("script")
        .args(["-qec", TASKSET, "/dev/null"])
        .envs(world.environment())
        .env("REGISTRY_NAME", ACR)
        .env("OUTPUT_DIR", folder.path())
        .env("SYNC_METHOD", "import")
        .env("COPY_REFERRERS", "false")
        .env_remove("NO_COLOR")
        .envs(settings.iter().copied())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script starts");
    let mut text = String::new();
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("UTF-8");
    assert!(child.wait().expect("it ends").success());
    text
}

fn published_chart_names_three_images() {
    let archive = published_charts().join("packages/runwhen-local-0.6.7.tgz");
    assert_eq!(
        sources_of_chart(&archive, "0.6.7"),
        [
            "docker.io/otel/opentelemetry-collector:0.153.0",
            "ghcr.io/runwhen-contrib/runwhen-local:0.11.5",
            "us-docker.pkg.dev/runwhen-nonprod-shared/public-images/runner:2026-07-23.1",
        ]
    );
}

fn newest_chart_names_the_images_of_runwhen_local() {
    let version = std::fs::read_to_string(newest_chart().join("version")).expect("a version");
    let sources = sources_of_chart(&newest_chart().join("chart.tgz"), &version);
    for name in ["/opentelemetry-collector:", "/runwhen-local:", "/runner:"] {
        let is_named = sources.iter().any(|source| source.contains(name));
        assert!(is_named, "{name} is not in {sources:?}");
    }
}

/// The sources that `taskset` finds in a chart. The sandbox may not have them: `NotPublished` is a result, too.
fn sources_of_chart(archive: &Path, version: &str) -> Vec<String> {
    let archive = std::fs::read(archive).expect("a published chart");
    let world = Sandbox::start(Scenario::default()).expect("a sandbox");
    world.edit(|state| {
        publish_chart(
            state,
            CHART_HOST,
            "/helm-charts",
            "runwhen-contrib",
            "runwhen-local",
            version,
            archive,
        )
    });
    let run = run(TASKSET, &world).set("IMAGES", "runwhen-local");
    let run = run.set("CHART_VERSION", version);
    let ended = run.set("SYNC_IMAGES", "false").end();
    ended.expect(0, &[]);
    let images = ended.json("taskset.json")["images"].clone();
    let sources = images.as_array().expect("images").iter();
    sources
        .map(|image| image["source"].as_str().unwrap_or_default().to_owned())
        .collect()
}
