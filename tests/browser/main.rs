//! The HTML report in a real browser, in five states.
//!
//! `check.mjs` opens all pages in one Chromium; each state is a test. They run under `libtest-mimic`, which reports them as
//! ignored if a program is absent (`support/needs.rs`).

#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use needs::Need;
use sandbox::{ImportResult, ImportRule, Sandbox, Scenario};
use support::{Ended, ONE, one_list, run};
use tempfile::TempDir;

const TASKSET: &str = env!("CARGO_BIN_EXE_taskset");

/// The states of a report, and the number of images that each page shows in a state, the most urgent first.
const STATES: [State; 5] = [
    State {
        name: "all_fine",
        scenario: "up-to-date",
        prepare: |_| {},
        sync: true,
        code: 0,
        images: &[("up-to-date", 8)],
    },
    State {
        name: "outdated",
        scenario: "outdated",
        prepare: |_| {},
        sync: false,
        code: 0,
        images: &[("waiting", 8)],
    },
    State {
        name: "imported",
        scenario: "drifted",
        prepare: |_| {},
        sync: true,
        code: 0,
        images: &[("imported", 8)],
    },
    State {
        name: "failing",
        scenario: "outdated",
        prepare: fail_one,
        sync: true,
        code: 4,
        images: &[("failed", 1), ("imported", 7)],
    },
    State {
        name: "unknown",
        scenario: "outdated",
        prepare: hide_one,
        sync: false,
        code: 3,
        images: &[("unknown", 1), ("waiting", 7)],
    },
];

#[derive(Clone, Copy)]
struct State {
    name: &'static str,
    scenario: &'static str,
    prepare: fn(&Sandbox),
    sync: bool,
    code: i32,
    images: &'static [(&'static str, usize)],
}

/// The import of [`ONE`] is canceled.
fn fail_one(world: &Sandbox) {
    world.edit(|state| {
        state.azure.imports.rules.push(ImportRule {
            contains: ONE.to_owned(),
            result: ImportResult::Cancel,
            duration_milliseconds: None,
            times: None,
        });
    });
}

/// The source of [`ONE`] cannot be read.
fn hide_one(world: &Sandbox) {
    let refusal = support::status(403, r#"{"errors":[{"code":"DENIED"}]}"#);
    world.inject(one_list(), refusal);
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let results = Arc::new(OnceLock::new());
    let trial = |state: State| -> Trial {
        let results = Arc::clone(&results);
        needs::test(state.name, &programs(), move || {
            let results: &Result<Results, String> = results.get_or_init(check);
            let results = results.as_ref().unwrap_or_else(|error| panic!("{error}"));
            let problems = results.get(state.name).expect("the state is checked");
            assert!(problems.is_empty(), "{}", problems.join("\n"));
        })
    };
    libtest_mimic::run(&arguments, STATES.map(trial).into()).exit_code()
}

fn programs() -> [Need; 3] {
    let packages = folder().join("node_modules/playwright-core/package.json");
    [
        Need::tool("chromium", "chromium"),
        Need::tool("node", "nodejs"),
        Need::file(
            &packages,
            "playwright-core and axe-core",
            "npm ci --prefix tests/browser",
        ),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser")
}

/// The problems of each page.
type Results = BTreeMap<String, Vec<String>>;

/// Writes the pages and checks them.
fn check() -> Result<Results, String> {
    let pages = TempDir::new().expect("a folder");
    for state in &STATES {
        let path = pages.path().join(format!("{}.html", state.name));
        std::fs::write(path, page(state)?).expect("a page");
    }
    let expected: BTreeMap<_, _> = STATES
        .iter()
        .map(|state| (state.name, state.images))
        .collect();
    let output = Command::new("node")
        .arg(folder().join("check.mjs"))
        .arg(pages.path())
        .arg(serde_json::to_string(&expected).expect("JSON"))
        .output()
        .expect("node runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&stdout).map_err(|error| format!("{error}: {stdout}\n{stderr}"))
}

/// The page that `taskset` writes in a state.
fn page(state: &State) -> Result<String, String> {
    let scenario = Scenario::named(state.scenario).expect("a scenario");
    let world = Sandbox::start(scenario).expect("a sandbox");
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.duration = Duration::from_millis(300);
    });
    (state.prepare)(&world);
    let run = run(TASKSET, &world).unset(&["IMAGES"]);
    let ended: Ended = run.set("SYNC_IMAGES", state.sync.to_string()).end();
    match ended.code == state.code {
        true => Ok(ended.report("sync-report.html")),
        false => Err(format!(
            "{}: exit code {}\n{}",
            state.name, ended.code, ended.stderr
        )),
    }
}
