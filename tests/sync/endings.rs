//! How the deadline and signals end a run of `taskset`, also while a chart renders.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::TASKSET;
use crate::support::waiting::{wait_until, wait_until_answered};
use crate::support::{ACR, Ended, ONE, Run, SOURCE, run, signal};
use sandbox::{Fault, ReplacedResponse, Sandbox, Scenario};

fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// A chart that computes the two passwords that the engine's limits allow, which takes about ten seconds in a
/// debug build; an optimized one is too fast for these tests.
fn slow_chart(folder: &Path) {
    let password = "{{ derivePassword 1 \"long\" \"a\" \"b\" \"c\" }}\n";
    let template = format!("# {password}# {password}");
    fs::create_dir_all(folder.join("templates")).expect("a folder");
    fs::write(
        folder.join("Chart.yaml"),
        "apiVersion: v2\nname: slow\nversion: 0.1.0\n",
    )
    .expect("a file");
    fs::write(folder.join("templates/a.yaml"), template).expect("a file");
}

fn with_chart<'a>(world: &'a Sandbox, chart: &Path) -> Run<'a> {
    run(TASKSET, world)
        .set("IMAGES", "all")
        .set("HELM_REPO_URL", chart.display().to_string())
}

fn count(ended: &Ended, field: &str, value: &str) -> usize {
    let images = ended.json("taskset.json")["images"].clone();
    let images = images.as_array().expect("images");
    images.iter().filter(|image| image[field] == value).count()
}

/// Every file that a run documents.
#[track_caller]
fn has_all_files(ended: &Ended) {
    for name in [
        "azure-rw-acr-sync/taskset.json",
        "azure-rw-acr-sync/cc_images_to_update.json",
        "azure-rw-acr-sync/issues.json",
        "images_to_update.json",
        "azure-rw-acr-sync/sync-report.md",
        "azure-rw-acr-sync/sync-report.html",
    ] {
        assert!(ended.folder.path().join(name).is_file(), "{name}");
    }
}

/// The five CodeCollections are imported, and the chart is the only unknown row.
#[track_caller]
fn only_the_chart_is_unknown(ended: &Ended, what: &str) {
    ended.expect(3, &[what, "the deadline", "CHART_VERSION"]);
    assert_eq!(count(ended, "outcome", "imported"), 5, "{}", ended.stderr);
    assert_eq!(count(ended, "verdict", "Unknown"), 1);
    has_all_files(ended);
}

#[test]
fn chart_that_renders_too_long_does_not_stop_the_codecollections() {
    if !cfg!(debug_assertions) {
        return;
    }
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    slow_chart(folder.path());
    let ended = with_chart(&world, folder.path())
        .set("TIMEOUT_SECONDS", "16")
        .end();
    only_the_chart_is_unknown(&ended, "rendering chart slow 0.1.0");
    assert!(ended.took < Duration::from_secs(16), "{:?}", ended.took);
}

#[test]
fn signal_ends_a_run_whose_chart_still_renders() {
    if !cfg!(debug_assertions) {
        return;
    }
    for (name, imports, code) in [
        ("TERM", "false", 3),
        ("INT", "false", 3),
        ("HUP", "false", 3),
        ("TERM", "true", 4),
    ] {
        let world = world();
        let folder = tempfile::tempdir().expect("a folder");
        slow_chart(folder.path());
        let run = with_chart(&world, folder.path()).set("SYNC_IMAGES", imports);
        let started = Instant::now();
        let child = run.spawn();
        wait_until_answered(&world, ACR, 5, |request| request.method == "HEAD");
        let sent = Instant::now();
        signal(&child, name);
        let ended = run.wait(child, started);
        ended.expect(code, &["stopping", "stopped by a signal"]);
        assert!(sent.elapsed() < Duration::from_secs(15));
        assert_eq!(count(&ended, "verdict", "Missing"), 5, "{}", ended.stderr);
        has_all_files(&ended);
    }
}

/// A full pipe that is not read, and its end for writing.
fn full_pipe() -> (std::io::PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // The capacity of a pipe on Linux.
    writer.write_all(&[b' '; 65_536]).expect("a full pipe");
    (reader, writer.into())
}

/// Waits until the run has written its last file, so that it is about to print its report.
fn wait_until_it_prints(run: &Run<'_>) {
    let report = run
        .folder()
        .join("azure-rw-acr-sync/codecollection/sync-report.html");
    wait_until("the report", || report.is_file());
    sleep(Duration::from_millis(500));
}

fn is_running(child: &mut Child) -> bool {
    child.try_wait().expect("a process").is_none()
}

#[test]
fn second_signal_ends_a_run_that_waits_for_stdout() {
    for (first, second, code) in [
        ("INT", "INT", 130),
        ("TERM", "TERM", 143),
        ("TERM", "INT", 130),
        ("HUP", "TERM", 143),
    ] {
        let world = world();
        let run = run(TASKSET, &world).set("SYNC_IMAGES", "false");
        let started = Instant::now();
        let (_reader, stdout) = full_pipe();
        let mut child = run.spawn_with_stdout(stdout);
        wait_until_it_prints(&run);
        signal(&child, first);
        sleep(Duration::from_millis(500));
        assert!(is_running(&mut child), "{first} ended the run");
        signal(&child, second);
        let sent = Instant::now();
        let ended = run.wait(child, started);
        assert_eq!(ended.code, code, "{first}, then {second}");
        assert!(sent.elapsed() < Duration::from_secs(15));
    }
}

#[test]
fn second_hangup_does_not_end_a_run_at_once() {
    let world = world();
    let run = run(TASKSET, &world).set("SYNC_IMAGES", "false");
    let started = Instant::now();
    let (_reader, stdout) = full_pipe();
    let mut child = run.spawn_with_stdout(stdout);
    wait_until_it_prints(&run);
    // A terminal that is closed sends two; a service manager may send one after SIGTERM.
    for name in ["HUP", "HUP", "HUP"] {
        signal(&child, name);
        sleep(Duration::from_millis(200));
    }
    assert!(is_running(&mut child));
    signal(&child, "TERM");
    assert_eq!(run.wait(child, started).code, 143);
}

#[test]
fn signal_after_the_last_result_does_not_change_the_exit_code() {
    let world = world();
    let run = run(TASKSET, &world).set("SYNC_IMAGES", "false");
    let started = Instant::now();
    let (mut reader, stdout) = full_pipe();
    let child = run.spawn_with_stdout(stdout);
    wait_until_it_prints(&run);
    signal(&child, "TERM");
    let drained = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    let ended = run.wait(child, started);
    ended.expect(0, &[]);
    assert_eq!(ended.json("taskset.json")["status"], "complete");
    assert!(drained.join().expect("a thread").is_ok());
}

#[test]
fn hangup_that_nohup_ignores_stays_ignored() {
    let world = world();
    world.inject(
        Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list")),
        ReplacedResponse::Stall,
    );
    let run = run("/bin/sh", &world)
        .arguments(&["-c", "trap '' HUP; exec \"$0\"", TASKSET])
        .set("SYNC_IMAGES", "false");
    let started = Instant::now();
    let mut child = run.spawn();
    wait_until("the request that stalls", || world.faults()[0].hits > 0);
    signal(&child, "HUP");
    sleep(Duration::from_secs(1));
    assert!(is_running(&mut child), "SIGHUP ended the run");
    signal(&child, "TERM");
    run.wait(child, started).expect(3, &["stopped by a signal"]);
}

#[test]
fn old_temporary_files_of_a_killed_run_are_removed() {
    let world = world();
    let run = run(TASKSET, &world).set("SYNC_IMAGES", "false");
    let output = run.folder().to_owned();
    let artifacts = output.join("azure-rw-acr-sync");
    fs::create_dir(&artifacts).expect("a folder");
    let aged = |folder: &Path, name: &str, hours: u64| {
        let path = folder.join(name);
        let file = fs::File::create(&path).expect("a file");
        let age = Duration::from_secs(hours * 3600);
        file.set_modified(SystemTime::now() - age).expect("a date");
        path
    };
    let gone = [
        aged(&output, ".tmp-azure-rw-acr-sync-Ab3xYz", 2),
        aged(&artifacts, ".tmp-azure-rw-acr-sync-Ab3xYz", 2),
        aged(&artifacts, ".tmpAb3xYz", 2),
    ];
    let kept = [
        aged(&output, ".tmp-azure-rw-acr-sync-Ab3xYw", 0),
        aged(&output, ".tmpAb3xYz", 2),
        aged(&output, "notes.tmp", 2),
    ];
    let ended = run.end();
    ended.expect(0, &[]);
    assert!(gone.iter().all(|path| !path.exists()), "{gone:?}");
    assert!(kept.iter().all(|path| path.exists()), "{kept:?}");
}
