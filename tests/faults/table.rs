//! `docs/faults.md`: what the cells came to, as a page that people read and that the test compares itself with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use acr_sync_core::config::Program;

use super::cell::Cell;
use super::endpoint::{Endpoint, Phase, endpoints};
use super::meaning::MEANINGS;
use super::trouble::{Count, Trouble};

/// What the cells came to, by their titles.
pub type Findings = BTreeMap<String, String>;

/// The columns of an endpoint's table. A run that imports looks as `sli` does: its last column tells that the other
/// images are imported all the same.
pub fn columns(endpoint: &Endpoint) -> Vec<(Program, Count)> {
    let all = |program| Count::ALL.map(|count| (program, count));
    match endpoint.phase {
        Phase::Looking => {
            let mut columns = all(Program::Sli).to_vec();
            columns.push((Program::Taskset, Count::Always));
            columns
        }
        Phase::Importing => all(Program::Taskset).to_vec(),
    }
}

/// Every cell there is, in the order of the page.
pub fn cells() -> Vec<Cell> {
    let endpoints = endpoints();
    let mut cells = Vec::new();
    for (at, endpoint) in endpoints.iter().enumerate() {
        let host = |endpoint: &Endpoint| (endpoint.place)("").host;
        let before = &endpoints[..at];
        let is_first = before.iter().all(|other| host(other) != host(endpoint));
        for trouble in Trouble::every().filter(|trouble| trouble.applies_to(endpoint, is_first)) {
            cells.extend(columns(endpoint).into_iter().map(|(program, count)| Cell {
                endpoint: *endpoint,
                trouble,
                count,
                program,
            }));
        }
    }
    cells
}

/// The page.
pub fn page(findings: &Findings) -> String {
    let cells = cells();
    let mut page = introduction(findings);
    for endpoint in endpoints() {
        let own: Vec<_> = cells
            .iter()
            .filter(|cell| cell.endpoint.name == endpoint.name)
            .collect();
        let _ = write!(page, "\n## {}\n\n`{}`\n\n", endpoint.name, endpoint.request);
        page.push_str(&section(&endpoint, &own, findings));
    }
    page
}

/// The troubles of an endpoint that lead to the same share a row.
fn section(endpoint: &Endpoint, cells: &[&Cell], findings: &Findings) -> String {
    let columns = columns(endpoint);
    let mut rows: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for trouble in Trouble::every() {
        let own = cells.iter().filter(|cell| cell.trouble == trouble);
        let results: Vec<_> = own
            .map(|cell| findings.get(&cell.title()).cloned().unwrap_or_default())
            .collect();
        if results.is_empty() {
            continue;
        }
        match rows.iter_mut().find(|(_, other)| *other == results) {
            Some((names, _)) => names.push(trouble.name()),
            None => rows.push((vec![trouble.name()], results)),
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
        count(&|text| text == "✔"),
        count(&|text| text.starts_with('?')),
    );
    let failed = count(&|text| text.starts_with('✘'));
    let others = findings.len() - known - unknown - failed;
    let mut text = format!(
        "# The fault matrix

Every endpoint that the program talks to × everything that can go wrong there × once, thrice, always: {} runs of the
executables against the sandbox. `just faults` makes them all and writes this page; `cargo test` makes some of them and
compares them with it.

The rule that no cell may break: **what is not known is never counted as up to date or as outdated, and one image's
trouble never changes another's verdict.** Every run is held to it, and to this: the number is right or there is none;
the exit code says what the verdicts say; the run ends by its deadline, in less memory than the body that is thrown at
it; nothing is imported twice or by another digest; what is called imported is there; no secret is in any output; no
token follows a redirect; a run without the fault brings in the rest and nothing that is there already.

| | means | cells |
|---|---|---|
| ✔ | the verdict is the true one, and the import done: it did not matter, or trying again healed it | {known} |
| ? | unknown: no number, the reason in report and issue; the digit is the exit code | {unknown} |
| ✘ | not imported, or not known to be: told with the exit code, and no number where the end is not known | {failed} |
| a verdict | the answer is a statement, and is believed: see the end | {others} |

`sli` once, thrice, always: how often it goes wrong before the endpoint is well again. A stall is given up after 20 s and
tried again, so one is outlived where the deadline allows it (26 s here); three and more are not waited for (8 s here).
`taskset` looks as `sli` does; its column stands for a run in which the other images are imported all the same.
",
        findings.len()
    );
    text.push_str(
        "
Clocks that are an hour ahead or behind, and nothing else, change no verdict in any of the worlds; dates in `Retry-After` are
among the faults.

What is left out would be no fault: a body that is cut where there is none (HEAD), a wrong digest where none is given. A
connection is refused to a host, so that stands at the host's first endpoint. Not in here are a virtual machine's identity
service (its address is not on loopback; App Service's stands for it), a token service that is found by a registry's challenge
(`tests/hostile.rs`), and the collector that `sli` may push its number to, after all else is done
(`tests/platform/test_native_push.py`).

## Answers that are believed

| answer | endpoint | verdict | why |
|---|---|---|---|
",
    );
    for meaning in &MEANINGS {
        let _ = writeln!(text, "| {} |", meaning.row().join(" | "));
    }
    text
}

/// What a page says of each cell.
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
        for trouble in
            Trouble::every().filter(|trouble| names.split("; ").any(|name| name == trouble.name()))
        {
            for ((program, count), text) in columns(endpoint).into_iter().zip(results) {
                let endpoint = *endpoint;
                let cell = Cell {
                    endpoint,
                    trouble,
                    count,
                    program,
                };
                findings.insert(cell.title(), (*text).to_owned());
            }
        }
    }
    findings
}
