//! Tests that need a tool or a folder which a machine may not have.
//!
//! Rust's own harness cannot skip a test while it runs, and a test that returns early counts as passed. These tests run
//! under `libtest-mimic` instead: if something is missing, the test is listed as `ignored` together with the command
//! that installs it. With CI=true nothing may be missing, and the test fails.

// Each test binary uses a part of this file.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Trial};

/// Names the folder of published charts; without it, `../shared/charts` next to the checkout is used.
const PUBLISHED_CHARTS: &str = "PUBLISHED_CHARTS";
/// Names the folder with the newest chart, which `.ci/published-chart` downloads.
const NEWEST_CHART: &str = "NEWEST_CHART";

/// The arguments of the test binary. As in Rust's own harness, RUST_TEST_THREADS sets the number of concurrent tests.
pub fn arguments() -> Arguments {
    let mut arguments = Arguments::from_args();
    let threads = std::env::var("RUST_TEST_THREADS").ok();
    let threads = threads.and_then(|threads| threads.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads);
    arguments
}

/// A tool, file or folder that a test requires.
#[derive(Clone, Debug)]
pub struct Need {
    /// Why the test cannot run, and what to do; `None` if nothing is missing.
    missing: Option<String>,
    /// Whether a test without it fails with CI=true.
    required_in_ci: bool,
}

impl Need {
    /// A program on the PATH, and its Debian package.
    pub fn tool(name: &str, package: &str) -> Self {
        let found = Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        Self {
            missing: (!found).then(|| format!("needs {name}: apt-get install {package}")),
            required_in_ci: true,
        }
    }

    /// A file, what it is, and the command that creates it.
    pub fn file(path: &Path, what: &str, command: &str) -> Self {
        Self {
            missing: (!path.is_file()).then(|| format!("needs {what}: {command}")),
            required_in_ci: true,
        }
    }

    /// The published charts. They are not part of the project: CI requires them only where the variable names a folder.
    pub fn published_charts() -> Self {
        let folder = published_charts();
        Self {
            missing: (!folder.is_dir()).then(|| {
                format!("needs published charts: set {PUBLISHED_CHARTS} to a folder with them")
            }),
            required_in_ci: std::env::var_os(PUBLISHED_CHARTS).is_some(),
        }
    }

    /// The newest chart: only the scheduled workflow has it.
    pub fn newest_chart() -> Self {
        let is_set = std::env::var_os(NEWEST_CHART).is_some();
        Self {
            missing: (!is_set)
                .then(|| "needs the newest chart: bash .ci/run published-chart".to_owned()),
            required_in_ci: false,
        }
    }
}

/// The folder of the newest chart.
pub fn newest_chart() -> PathBuf {
    std::env::var_os(NEWEST_CHART).map_or_else(PathBuf::new, PathBuf::from)
}

/// The folder of the published charts, which may be absent.
pub fn published_charts() -> PathBuf {
    std::env::var_os(PUBLISHED_CHARTS).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/charts"),
        PathBuf::from,
    )
}

/// A test that runs if nothing is missing. Otherwise it fails in CI, and is ignored elsewhere.
pub fn test(name: &str, needs: &[Need], run: impl FnOnce() + Send + 'static) -> Trial {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let missing = needs
        .iter()
        .find_map(|need| Some((need.missing.clone()?, need.required_in_ci)));
    let Some((missing, required_in_ci)) = missing else {
        return Trial::test(name, move || {
            run();
            Ok(())
        });
    };
    let failure = missing.clone();
    Trial::test(name, move || Err(failure.into()))
        .with_kind(missing)
        .with_ignored_flag(!(in_ci && required_in_ci))
}
