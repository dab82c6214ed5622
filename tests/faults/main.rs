//! The fault matrix: every endpoint × every fault × once, thrice, always (`docs/faults.md`).
//!
//! `just faults` runs it whole and writes the page. `cargo test` runs a fixed part of it and compares the
//! results with the page. `FAULTS` selects cases: unset for this part, `all`, or a part of the titles.

mod case;
mod check;
mod endpoint;
mod failure;
mod gap;
mod network;
mod page;
mod setup;
mod statement;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;

use case::{Case, Destination, Finding, Fixture, Known, Program, Truth};
use check::images;
use gap::Gap;
use page::Findings;
use sandbox::{Sandbox, Scenario};
use setup::Setup;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");
/// Concurrent runs: those that mostly wait, and those that mostly compute.
const AT_ONCE: (usize, usize) = (32, 20);
const FEW_AT_ONCE: (usize, usize) = (4, 2);
/// Without `FAULTS`, every seventh case is run. Seven is prime to the columns of a row, so that all columns are run.
const PART: usize = 7;

#[test]
fn no_fault_makes_an_unknown_image_known_or_changes_another() {
    let choice = std::env::var("FAULTS").ok();
    let cases: Vec<_> = match choice.as_deref() {
        Some("all") => page::cases(),
        Some(piece) => {
            let cases = page::cases().into_iter();
            cases.filter(|case| case.title().contains(piece)).collect()
        }
        None => page::cases().into_iter().step_by(PART).collect(),
    };
    let fixture = fixture();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md");
    let written = page::read(&std::fs::read_to_string(&file).unwrap_or_default());
    let mut found = run_all(&fixture, cases.iter().collect(), AT_ONCE);
    // On a busy machine a run may miss its deadline, so unexpected cases are run again with few others. A row that is not on the
    // page yet has no expected result.
    let is_unexpected = |case: &&Case| {
        let (title, finding) = (case.title(), &found[&case.title()]);
        let expected = written.get(&title);
        !finding.broken.is_empty()
            || expected.is_some_and(|text| !text.is_empty() && *text != finding.text)
    };
    let unexpected: Vec<_> = cases.iter().filter(is_unexpected).collect();
    found.extend(run_all(&fixture, unexpected, FEW_AT_ONCE));
    let peak = found.values().filter_map(|finding| finding.peak).max();
    let peak = peak.unwrap_or_default() >> 20;
    log(&format!("peak memory with a response of 100 MB: {peak} MB"));
    let broken: Vec<_> = found
        .iter()
        .filter(|(_, finding)| !finding.broken.is_empty())
        .map(|(title, finding)| describe(title, finding))
        .collect();
    let findings: Findings = found
        .into_iter()
        .map(|(title, finding)| (title, finding.text))
        .collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        // Cases that were not run keep their text.
        let mut known = written;
        known.extend(findings.clone());
        let titles: BTreeSet<_> = page::cases().iter().map(Case::title).collect();
        known.retain(|title, _| titles.contains(title));
        std::fs::write(&file, page::page(&known)).expect("the page is written");
    }
    assert!(
        broken.is_empty(),
        "{} of {} cases break the rule:\n{}",
        broken.len(),
        cases.len(),
        broken.join("\n")
    );
    compare(&findings, &file, choice.as_deref() == Some("all"));
}

/// A wrong clock changes neither the validity of tokens nor the dates of images.
#[test]
fn clock_offset_of_an_hour_changes_no_verdict() {
    let fixture = fixture();
    let sandbox = Sandbox::start(Scenario::default()).expect("a sandbox");
    for (setup, offset) in Setup::CHECKED
        .into_iter()
        .flat_map(|setup| [(setup, 3600), (setup, -3600)])
    {
        for program in [Program::Sli, Program::Taskset] {
            fixture.reset(&sandbox, setup, offset);
            let (ended, _) = fixture.execute(&sandbox, program, setup, 60, false);
            ended.expect(0, &[]);
            let found = truth(&images(&ended, program));
            assert_eq!(found, fixture.truths[&setup], "{setup:?}, {offset} s");
        }
    }
}

/// Compares the results with the page.
fn compare(findings: &Findings, file: &Path, is_whole: bool) {
    let page = std::fs::read_to_string(file).expect("docs/faults.md");
    let written = page::read(&page);
    let others: Vec<_> = findings
        .iter()
        .filter(|(title, text)| written.get(*title) != Some(*text))
        .map(|(title, text)| format!("{title}: {text}, and the page has {:?}", written.get(title)))
        .collect();
    assert!(
        others.is_empty(),
        "docs/faults.md differs from the results (`just faults` writes it):\n{}",
        others.join("\n")
    );
    if is_whole {
        assert!(
            page == page::page(findings),
            "docs/faults.md is outdated: run `just faults`"
        );
    }
}

/// Runs cases concurrently, and returns the result of each by its title.
fn run_all(
    fixture: &Fixture,
    cases: Vec<&Case>,
    at_once: (usize, usize),
) -> BTreeMap<String, Finding> {
    let count = cases.len();
    let (waiting, working): (VecDeque<&Case>, VecDeque<&Case>) =
        cases.into_iter().partition(|case| case.is_slow());
    let (waiting, working) = (Mutex::new(waiting), Mutex::new(working));
    let results = Mutex::new(BTreeMap::new());
    let work = |queue: &Mutex<VecDeque<&Case>>| {
        let sandbox = Sandbox::start(Scenario::default()).expect("a sandbox");
        loop {
            // Not in a `while let`: the lock must not be held meanwhile.
            let next = queue.lock().expect("the queue").pop_front();
            let Some(case) = next else { return };
            let finding = catch_unwind(AssertUnwindSafe(|| fixture.run(&sandbox, case)));
            let finding = finding.unwrap_or_else(|panic| Finding {
                text: "panic".to_owned(),
                broken: vec![panic_text(&*panic)],
                peak: None,
            });
            let mut results = results.lock().expect("the results");
            results.insert(case.title(), finding);
            if results.len() % 100 == 0 {
                log(&format!("{} of {count} cases", results.len()));
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

#[expect(clippy::print_stderr, reason = "progress of a run of minutes")]
fn log(text: &str) {
    eprintln!("{text}");
}

fn describe(title: &str, finding: &Finding) -> String {
    format!(
        "{title} [{}]:\n  {}",
        finding.text,
        finding.broken.join("\n  ")
    )
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic".to_owned())
}

/// The fixture; its verdicts are those of runs without a fault.
fn fixture() -> Fixture {
    let sandbox = Sandbox::start(Scenario::default()).expect("a sandbox");
    let worlds = world::worlds();
    sandbox.edit(|world| *world = worlds[&Setup::Export].clone());
    let acr_sync = support::executables::next_to(TASKSET, "acr-sync");
    let mut fixture = Fixture {
        sli: support::executables::next_to(TASKSET, "sli"),
        taskset: TASKSET.to_owned(),
        gap: Gap::new(&acr_sync, TASKSET, &sandbox),
        worlds,
        truths: BTreeMap::new(),
        stored: BTreeMap::new(),
    };
    for setup in Setup::CHECKED {
        fixture.reset(&sandbox, setup, 0);
        let (ended, _) = fixture.execute(&sandbox, Program::Sli, setup, 60, false);
        ended.expect(0, &[]);
        let truth = truth(&images(&ended, Program::Sli));
        check_mixture(setup, &truth);
        for request in sandbox.requests() {
            if let Some((repository, digest)) = request.path.split_once("/blobs/sha256:") {
                let repository = repository.trim_start_matches("/v2/").to_owned();
                fixture
                    .stored
                    .insert((request.host, repository), digest.to_owned());
            }
        }
        fixture.truths.insert(setup, truth);
    }
    for setup in Setup::BUNDLES {
        fixture.reset(&sandbox, setup, 0);
        let (ended, _) = fixture.execute(&sandbox, Program::Taskset, setup, 60, false);
        ended.expect(0, &[]);
        let of_bundle = truth(&images(&ended, Program::Taskset));
        check_mixture(setup, &of_bundle);
        fixture.truths.insert(setup, of_bundle);
    }
    fixture
}

fn truth(images: &BTreeMap<String, serde_json::Value>) -> Truth {
    let text = |value: &serde_json::Value| value.as_str().map(ToOwned::to_owned);
    let known = |row: &serde_json::Value| Known {
        verdict: text(&row["verdict"]).unwrap_or_default(),
        digest: text(&row["digest"]),
        destination: destination(row),
    };
    images
        .iter()
        .map(|(name, row)| (name.clone(), known(row)))
        .collect()
}

fn destination(row: &serde_json::Value) -> Destination {
    let text = row["destination"].as_str().unwrap_or_default();
    let (registry, target) = text.split_once('/').unwrap_or_default();
    Destination {
        registry: registry.to_owned(),
        target: target.to_owned(),
    }
}

/// Every verdict occurs, as otherwise the matrix would prove little.
fn check_mixture(setup: Setup, truth: &Truth) {
    let five = [
        (setup::MISSING, "Missing"),
        (setup::ALSO_MISSING, "Missing"),
        (setup::CURRENT, "UpToDate"),
        (setup::DRIFTED, "Drifted"),
        (setup::UNPUBLISHED, "NotPublished"),
    ];
    let six = [
        (setup::CATALOG_MISSING, "Missing"),
        (setup::CATALOG_ALSO_MISSING, "Missing"),
        (setup::CATALOG_CURRENT, "UpToDate"),
        (setup::CATALOG_ALSO_CURRENT, "UpToDate"),
        (setup::CATALOG_DRIFTED, "Drifted"),
        (setup::CATALOG_UNPUBLISHED, "NotPublished"),
    ];
    let three = [
        (setup::COLLECTOR, "Outdated"),
        (setup::RUNNER, "UpToDate"),
        (setup::LOCAL, "UpToDate"),
    ];
    let mut seven = three.to_vec();
    seven.extend(setup::OF_OPERATOR.map(|name| match name {
        setup::OPERATOR => (name, "Missing"),
        _ => (name, "UpToDate"),
    }));
    let of_chart: &[_] = match setup {
        Setup::All | Setup::BareChart | Setup::ChartInRegistry => &three,
        Setup::ExtraChart | Setup::ExtraChartInRegistry => &seven,
        Setup::NotNeeded => &three[2..],
        Setup::CodeCollections
        | Setup::ShortName
        | Setup::AnySubscription
        | Setup::ManagedIdentity
        | Setup::PlainList
        | Setup::SameChildren
        | Setup::PagedList
        | Setup::TwoRegistries
        | Setup::Catalog
        | Setup::Mirror
        | Setup::Copies
        | Setup::CopiesWithoutMounts
        | Setup::CopiesWithReferrers
        | Setup::CopiesInChunks
        | Setup::OtherRegistry
        | Setup::ExtraImages
        | Setup::Bundle
        | Setup::BundleWithBase
        | Setup::BundleWithBaseWithoutMounts
        | Setup::Export => &[],
    };
    let of_second: Vec<_> = five
        .iter()
        .filter(|_| setup == Setup::TwoRegistries)
        .map(|(name, verdict)| {
            // The second registry has the right image under every tag that it has.
            let verdict = match *verdict {
                "Drifted" => "UpToDate",
                other => other,
            };
            (format!("{}{name}", setup::SECOND), verdict)
        })
        .collect();
    let of_second = of_second.iter();
    let of_second = of_second.map(|(name, verdict)| (name.as_str(), *verdict));
    let extra = [
        (setup::EXTRA_CURRENT, "UpToDate"),
        (setup::EXTRA_PRIVATE, "UpToDate"),
        (setup::EXTRA_MISSING, "Missing"),
        (setup::EXTRA_DATE, "Missing"),
    ];
    let collections = match setup {
        Setup::Catalog => &six[..],
        Setup::ExtraImages => &extra,
        Setup::Bundle | Setup::BundleWithBase | Setup::BundleWithBaseWithoutMounts => {
            &[five[0], five[1], five[3]]
        }
        _ => &five,
    };
    let wanted = collections.iter().chain(of_chart);
    let wanted: BTreeMap<_, _> = wanted.copied().chain(of_second).collect();
    let found = truth
        .iter()
        .map(|(name, known)| (name.as_str(), known.verdict.as_str()));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), wanted, "{setup:?}");
}
