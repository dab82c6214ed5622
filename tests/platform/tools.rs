//! `taskset` on a terminal, and with the published chart.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::TASKSET;
use crate::needs::{self, Need, published_charts};
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
            "terminal_shows_a_bar_for_each_copy",
            &[Need::tool("script", "bsdutils")],
            terminal_shows_a_bar_for_each_copy,
        ),
        needs::test(
            "published_chart_names_three_images",
            &[Need::published_charts()],
            published_chart_names_three_images,
        ),
    ]
}

fn terminal_shows_progress() {
    let world = Sandbox::start(Scenario::default()).expect("a sandbox");
    let text = on_a_terminal(&world, "import");
    for part in [
        "checking images: 8 of 8 done",
        "importing images: 0 of 8 done",
        "importing images: 8 of 8 done",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn terminal_shows_a_bar_for_each_copy() {
    let world = Sandbox::start(Scenario::copy()).expect("a sandbox");
    world.set_latency(std::time::Duration::from_millis(100));
    let text = on_a_terminal(&world, "copy");
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
fn on_a_terminal(world: &Sandbox, method: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new("script")
        .args(["-qec", TASKSET, "/dev/null"])
        .envs(world.environment())
        .env("REGISTRY_NAME", ACR)
        .env("OUTPUT_DIR", folder.path())
        .env("SYNC_METHOD", method)
        .env("COPY_REFERRERS", "false")
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
    let archive = std::fs::read(&archive).expect("a published chart");
    let world = Sandbox::start(Scenario::default()).expect("a sandbox");
    world.edit(|state| {
        publish_chart(
            state,
            CHART_HOST,
            "/helm-charts",
            "runwhen-contrib",
            "runwhen-local",
            "0.6.7",
            archive,
        )
    });
    let run = run(TASKSET, &world).set("IMAGES", "runwhen-local");
    let ended = run.set("SYNC_IMAGES", "false").end();
    ended.expect(0, &[]);
    assert_eq!(ended.json("taskset.json")["needs_sync"], 3);
    let sources: Vec<String> = ended.json("taskset.json")["images"]
        .as_array()
        .expect("images")
        .iter()
        .map(|image| image["source"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        sources,
        [
            "docker.io/otel/opentelemetry-collector:0.153.0",
            "ghcr.io/runwhen-contrib/runwhen-local:0.11.5",
            "us-docker.pkg.dev/runwhen-nonprod-shared/public-images/runner:2026-07-23.1",
        ]
    );
}
