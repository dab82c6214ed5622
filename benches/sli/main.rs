//! Measures the cost of a run of `sli` (requests, round trips, connections, time, memory), its growth, and the cost of the
//! original's steps.
//!
//! Run `cargo bench -p sli`, or `cargo bench -p sli growth` for one section. The benchmark runs the shipped executable
//! against the sandbox, over real TLS on loopback. With UPDATE_DOCS=1, it updates the tables of `docs/performance.md` and
//! its plot.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod document;
mod extra;
mod fleet;
mod floor;
mod growth;
mod imports;
mod measure;
mod original;
mod process;

use anyhow::Result;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == measure::MEASURE)
    {
        return measure::measure(&arguments[1..]);
    }
    let sections = [
        ("floor", floor::section as fn() -> Result<String>),
        ("growth", growth::section),
        ("extra", extra::section),
        ("imports", imports::section),
        ("fleet", fleet::section),
        ("original", original::section),
    ];
    // Cargo passes flags such as --bench.
    let chosen: Vec<_> = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    for (name, section) in sections {
        if !chosen.is_empty() && !chosen.contains(&name) {
            continue;
        }
        let text = section()?;
        println!("\n## {name}\n\n{text}");
        document::update(name, &text)?;
    }
    Ok(())
}
