//! The fault matrix: every endpoint × every fault × once, thrice, always (`docs/faults.md`).
//!
//! `just faults` runs it whole and writes the page. `cargo test` runs a part of it that is the same every time, and
//! compares what it finds with the page. `FAULTS` chooses: unset for the part, `all`, or a piece of the cells' titles.

mod cell;
mod check;
mod endpoint;
mod meaning;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;

use acr_sync_core::config::Program;
use cell::{Cell, Finding, Ground, Known, Truth};
use check::images;
use sandbox::{Sandbox, Scenario};
use stage::Stage;
use table::Findings;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");
/// Runs that mostly wait, at once; and runs that mostly work.
const AT_ONCE: (usize, usize) = (32, 20);
const FEW_AT_ONCE: (usize, usize) = (4, 2);
/// Without `FAULTS`, one of so many cells is run; prime to the columns of a row, so that all of them have a turn.
const PART: usize = 7;

#[test]
fn no_fault_makes_the_unknown_known_or_touches_another_image() {
    let choice = std::env::var("FAULTS").ok();
    let cells: Vec<_> = match choice.as_deref() {
        Some("all") => table::cells(),
        Some(piece) => {
            let cells = table::cells().into_iter();
            cells.filter(|cell| cell.title().contains(piece)).collect()
        }
        None => table::cells().into_iter().step_by(PART).collect(),
    };
    let ground = ground();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md");
    let written = table::read(&std::fs::read_to_string(&file).unwrap_or_default());
    let mut found = run_all(&ground, cells.iter().collect(), AT_ONCE);
    // On a machine that is busy a run may come too late for its cell: what is odd has a second go, with few others.
    let is_odd = |cell: &&Cell| {
        let (title, finding) = (cell.title(), &found[&cell.title()]);
        !finding.broken.is_empty() || written.get(&title) != Some(&finding.text)
    };
    let odd: Vec<_> = cells.iter().filter(is_odd).collect();
    found.extend(run_all(&ground, odd, FEW_AT_ONCE));
    let peak = found.values().filter_map(|finding| finding.peak).max();
    let peak = peak.unwrap_or_default() >> 20;
    tell(&format!("most memory under 100 MB of answer: {peak} MB"));
    let broken: Vec<_> = found
        .iter()
        .filter(|(_, finding)| !finding.broken.is_empty())
        .map(|(title, finding)| told(title, finding))
        .collect();
    let findings: Findings = found
        .into_iter()
        .map(|(title, finding)| (title, finding.text))
        .collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        // What was not run stays as it was written.
        let mut known = written;
        known.extend(findings.clone());
        let titles: BTreeSet<_> = table::cells().iter().map(Cell::title).collect();
        known.retain(|title, _| titles.contains(title));
        std::fs::write(&file, table::page(&known)).expect("the page is written");
    }
    assert!(
        broken.is_empty(),
        "{} of {} cells break the rule:\n{}",
        broken.len(),
        cells.len(),
        broken.join("\n")
    );
    compare(&findings, &file, choice.as_deref() == Some("all"));
}

/// A clock that is off takes nothing away: not the services' tokens, nor the dates of images.
#[test]
fn clocks_an_hour_off_change_no_verdict() {
    let ground = ground();
    let sandbox = Sandbox::start(Scenario::default()).expect("a sandbox");
    for (stage, offset) in Stage::ALL
        .into_iter()
        .flat_map(|stage| [(stage, 3600), (stage, -3600)])
    {
        for program in [Program::Sli, Program::Taskset] {
            ground.reset(&sandbox, stage, offset);
            let (ended, _) = ground.execute(&sandbox, program, stage, 60, false);
            ended.expect(0, &[]);
            let found = truth(&images(&ended, program));
            assert_eq!(found, ground.truths[&stage], "{stage:?}, {offset} s");
        }
    }
}

/// The page says what was found.
fn compare(findings: &Findings, file: &Path, is_whole: bool) {
    let page = std::fs::read_to_string(file).expect("docs/faults.md");
    let written = table::read(&page);
    let others: Vec<_> = findings
        .iter()
        .filter(|(title, text)| written.get(*title) != Some(*text))
        .map(|(title, text)| format!("{title}: {text}, and the page has {:?}", written.get(title)))
        .collect();
    assert!(
        others.is_empty(),
        "docs/faults.md is not what was found (`just faults` writes it anew):\n{}",
        others.join("\n")
    );
    if is_whole {
        assert!(
            page == table::page(findings),
            "docs/faults.md is to be written anew: `just faults`"
        );
    }
}

/// Runs cells, so many of those that wait and of those that work at once; what each came to.
fn run_all(
    ground: &Ground,
    cells: Vec<&Cell>,
    at_once: (usize, usize),
) -> BTreeMap<String, Finding> {
    let count = cells.len();
    let (waiting, working): (VecDeque<&Cell>, VecDeque<&Cell>) =
        cells.into_iter().partition(|cell| cell.is_slow());
    let (waiting, working) = (Mutex::new(waiting), Mutex::new(working));
    let results = Mutex::new(BTreeMap::new());
    let work = |queue: &Mutex<VecDeque<&Cell>>| {
        let sandbox = Sandbox::start(Scenario::default()).expect("a sandbox");
        loop {
            // Not in a `while let`: the lock must not be held meanwhile.
            let next = queue.lock().expect("the queue").pop_front();
            let Some(cell) = next else { return };
            let finding = catch_unwind(AssertUnwindSafe(|| ground.run(&sandbox, cell)));
            let finding = finding.unwrap_or_else(|panic| Finding {
                text: "panic".to_owned(),
                broken: vec![said(&*panic)],
                peak: None,
            });
            let mut results = results.lock().expect("the results");
            results.insert(cell.title(), finding);
            if results.len() % 100 == 0 {
                tell(&format!("{} of {count} cells", results.len()));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once.0 {
            scope.spawn(|| work(&waiting));
        }
        for _ in 0..at_once.1 {
            scope.spawn(|| work(&working));
        }
    });
    results.into_inner().expect("the results")
}

#[expect(clippy::print_stderr, reason = "minutes pass, and somebody waits")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn told(title: &str, finding: &Finding) -> String {
    format!(
        "{title} [{}]:\n  {}",
        finding.text,
        finding.broken.join("\n  ")
    )
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic".to_owned())
}

/// Worlds, executables, and what is true: found by runs without a fault.
fn ground() -> Ground {
    let mut ground = Ground {
        sli: support::executables::next_to(TASKSET, "sli"),
        taskset: TASKSET.to_owned(),
        worlds: stage::worlds(),
        truths: BTreeMap::new(),
        stored: BTreeMap::new(),
    };
    let sandbox = Sandbox::start(Scenario::default()).expect("a sandbox");
    for stage in Stage::ALL {
        ground.reset(&sandbox, stage, 0);
        let (ended, _) = ground.execute(&sandbox, Program::Sli, stage, 60, false);
        ended.expect(0, &[]);
        let truth = truth(&images(&ended, Program::Sli));
        check_mixture(stage, &truth);
        for request in sandbox.requests() {
            if let Some((repository, digest)) = request.path.split_once("/blobs/sha256:") {
                let repository = repository.trim_start_matches("/v2/").to_owned();
                ground
                    .stored
                    .insert((request.host, repository), digest.to_owned());
            }
        }
        ground.truths.insert(stage, truth);
    }
    ground
}

fn truth(images: &BTreeMap<String, serde_json::Value>) -> Truth {
    let text = |value: &serde_json::Value| value.as_str().map(ToOwned::to_owned);
    let known = |row: &serde_json::Value| Known {
        verdict: text(&row["verdict"]).unwrap_or_default(),
        digest: text(&row["digest"]),
        destination: in_the_acr(row),
    };
    images
        .iter()
        .map(|(name, row)| (name.clone(), known(row)))
        .collect()
}

/// `repository:tag` of a row's destination.
fn in_the_acr(row: &serde_json::Value) -> String {
    let destination = row["destination"].as_str().unwrap_or_default();
    let inside = destination.split_once('/').map(|(_, inside)| inside);
    inside.unwrap_or(destination).to_owned()
}

/// The matrix proves nothing in a world where all is one.
fn check_mixture(stage: Stage, truth: &Truth) {
    let five = [
        (stage::MISSING, "Missing"),
        (stage::ALSO_MISSING, "Missing"),
        (stage::CURRENT, "UpToDate"),
        (stage::DRIFTED, "Drifted"),
        (stage::UNPUBLISHED, "NotPublished"),
    ];
    let three = [
        (stage::COLLECTOR, "Outdated"),
        (stage::RUNNER, "UpToDate"),
        (stage::LOCAL, "UpToDate"),
    ];
    let has_chart = matches!(
        stage,
        Stage::All | Stage::BareChart | Stage::ChartInRegistry
    );
    let wanted = five.iter().chain(three.iter().filter(|_| has_chart));
    let wanted: BTreeMap<_, _> = wanted.copied().collect();
    let found = truth
        .iter()
        .map(|(name, known)| (name.as_str(), known.verdict.as_str()));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), wanted, "{stage:?}");
}
