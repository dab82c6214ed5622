//! `docs/faults.md`: the results of the cases, for people and for the comparison in the test.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::case::{Case, Program};
use super::endpoint::{Endpoint, Phase, endpoints};
use super::failure::{Count, Failure};
use super::statement::STATEMENTS;

/// The results of the cases, by their titles.
pub type Findings = BTreeMap<String, String>;

/// The columns of the table of an endpoint. The check of `taskset` is that of `sli`; its column shows that the other
/// images are imported.
pub fn columns(endpoint: &Endpoint) -> Vec<(Program, Count)> {
    let all = |program| Count::ALL.map(|count| (program, count));
    match endpoint.phase {
        Phase::Check => {
            let mut columns = all(Program::Sli).to_vec();
            columns.push((Program::Taskset, Count::Always));
            columns
        }
        Phase::Import | Phase::Compare | Phase::Export => all(Program::Taskset).to_vec(),
    }
}

/// Every case, in the order of the page.
pub fn cases() -> Vec<Case> {
    let endpoints = endpoints();
    let mut cases = Vec::new();
    for (at, endpoint) in endpoints.iter().enumerate() {
        let host = |endpoint: &Endpoint| (endpoint.place)("").host;
        let before = &endpoints[..at];
        let is_gap = |endpoint: &Endpoint| endpoint.setup.is_gap();
        let is_first = before
            .iter()
            .all(|other| host(other) != host(endpoint) || is_gap(other) != is_gap(endpoint));
        for failure in Failure::every().filter(|failure| failure.applies_to(endpoint, is_first)) {
            cases.extend(columns(endpoint).into_iter().map(|(program, count)| Case {
                endpoint: *endpoint,
                failure,
                count,
                program,
            }));
        }
    }
    cases
}

/// The text of `docs/faults.md`.
pub fn page(findings: &Findings) -> String {
    let cases = cases();
    let mut page = introduction(findings);
    for endpoint in endpoints() {
        let own: Vec<_> = cases
            .iter()
            .filter(|case| case.endpoint.name == endpoint.name)
            .collect();
        let _ = write!(page, "\n## {}\n\n`{}`\n\n", endpoint.name, endpoint.request);
        page.push_str(&section(&endpoint, &own, findings));
    }
    page
}

/// The table of an endpoint. Failures with the same results share a row.
fn section(endpoint: &Endpoint, cases: &[&Case], findings: &Findings) -> String {
    let columns = columns(endpoint);
    let mut rows: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for failure in Failure::every() {
        let own = cases.iter().filter(|case| case.failure == failure);
        let results: Vec<_> = own
            .map(|case| findings.get(&case.title()).cloned().unwrap_or_default())
            .collect();
        if results.is_empty() {
            continue;
        }
        match rows.iter_mut().find(|(_, other)| *other == results) {
            Some((names, _)) => names.push(failure.name()),
            None => rows.push((vec![failure.name()], results)),
        }
    }
    let titles = columns
        .iter()
        .map(|(program, count)| format!("{} {}", program.name(), count.name()));
    let mut text = format!("| fault | {} |\n", titles.collect::<Vec<_>>().join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for (names, results) in rows {
        let _ = writeln!(text, "| {} | {} |", names.join("; "), results.join(" | "));
    }
    text
}

fn introduction(findings: &Findings) -> String {
    let count = |is: &dyn Fn(&str) -> bool| findings.values().filter(|text| is(text)).count();
    let (known, unknown) = (
        count(&|text| text.starts_with('✔')),
        count(&|text| text.starts_with('?')),
    );
    let failed = count(&|text| text.starts_with('✘'));
    let others = findings.len() - known - unknown - failed;
    let mut text = format!(
        "# The fault matrix

Every endpoint that the program uses × every failure that is possible there × once, thrice, always: {} runs of the
executables against the sandbox. `just faults` runs all of them and writes this page; `cargo test` runs a part of them
and compares the results with it.

The rule for every case: **an unknown image is never counted as up to date or as outdated, and the failure of one image
never changes the verdict of another.** Also, for every run: the number is right or absent; the exit code fits the
verdicts; the run ends by its deadline, and needs less memory than a huge response; no image is imported twice or by
another digest; an image that is reported as imported is present; no output contains a secret; no token follows a
redirect; the next run, without the fault, imports the missing images and no others.

| | meaning | cases |
|---|---|---|
| ✔ | the right verdict, and the image is imported: the failure had no effect, or a retry succeeded | {known} |
| ? | unknown: no number, and the reason is in report and issue; the digit is the exit code | {unknown} |
| ✘ | not imported, or not known to be: reported with the exit code, and without a number if the end is not known | {failed} |
| a verdict | the response is a statement that is trusted: see the last section of this introduction | {others} |

`sli` once, thrice, always: how often the failure happens before the endpoint works again. A request that stalls is
retried after 20 s, so a run survives one stall if its deadline allows it (26 s here); for three and more the deadline is
8 s. The check of `taskset` is that of `sli`; its column shows a run that imports the other images.

In the sections of the air gap, the run is `taskset export` or `taskset import`. After an export with a fault, the file has the same
bytes as without it (✔); or the exit code is not zero, and the file has the blobs of an export of the other images (?).
",
        findings.len()
    );
    text.push_str(
        "
A clock that is an hour fast or slow changes no verdict in any of the worlds; dates in `Retry-After` are among the
faults.

Impossible combinations are left out, such as a cut body without a body (HEAD). A refused connection affects a host, so
it is listed at the first endpoint of the host. Three endpoints are tested elsewhere: the identity service of a virtual
machine (its address is not on loopback; App Service's is used instead), a token service that a registry names in its
challenge (`tests/security/registries.rs`), and the collector of the metric (`tests/platform/test_native_push.py`).

## Responses that are trusted

| response | endpoint | verdict | why |
|---|---|---|---|
",
    );
    for statement in &STATEMENTS {
        let _ = writeln!(text, "| {} |", statement.row().join(" | "));
    }
    text
}

/// The results on a page, by the titles of the cases.
pub fn read(page: &str) -> Findings {
    let mut findings = Findings::new();
    let endpoints = endpoints();
    let mut endpoint = None;
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            endpoint = endpoints.iter().find(|endpoint| endpoint.name == name);
        }
        let (Some(endpoint), Some(row)) = (endpoint, line.strip_prefix("| ")) else {
            continue;
        };
        let parts: Vec<_> = row.trim_end_matches(" |").split(" | ").collect();
        let (Some(names), results) = (parts.first(), parts.get(1..).unwrap_or_default()) else {
            continue;
        };
        for failure in
            Failure::every().filter(|failure| names.split("; ").any(|name| name == failure.name()))
        {
            for ((program, count), text) in columns(endpoint).into_iter().zip(results) {
                let endpoint = *endpoint;
                let case = Case {
                    endpoint,
                    failure,
                    count,
                    program,
                };
                findings.insert(case.title(), (*text).to_owned());
            }
        }
    }
    findings
}
