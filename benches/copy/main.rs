//! Compares copies of images by `taskset` with those of other tools: one machine, each run into an empty registry, medians.
//!
//! Run `cargo bench -p taskset --bench copy`, or with the name of a load (`images`, `large`, `layer`, `bundle`). The sandbox in this process
//! has the sources and the destination, over real TLS on loopback. A tool that is not installed is left out, and so is
//! `taskset` as long as it does not have SYNC_METHOD. BENCH_RUNS sets the number of runs. With UPDATE_DOCS=1, the benchmark
//! updates the tables of `docs/performance.md`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod bundle;
#[path = "../sli/document.rs"]
mod document;
#[path = "../../tests/support/executables.rs"]
mod executables;
mod load;
#[path = "../sli/measure.rs"]
mod measure;
mod run;
mod table;
mod tool;

use anyhow::Result;

use load::Load;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == measure::MEASURE)
    {
        return measure::measure(&arguments[1..]);
    }
    // Cargo passes flags such as --bench.
    let chosen: Vec<_> = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let runs = std::env::var("BENCH_RUNS").map_or(Ok(5), |runs| runs.parse())?;
    let tools = tool::installed()?;
    let mut text = String::new();
    for load in Load::ALL {
        if chosen.is_empty() || chosen.contains(&load.name()) {
            let section = table::of(load, &tools, runs)?;
            println!("\n{section}");
            text.push_str(&section);
            text.push('\n');
        }
    }
    if chosen.is_empty() || chosen.contains(&"bundle") {
        let section = bundle::table(runs)?;
        println!("\n{section}");
        text.push_str(&section);
        text.push('\n');
    }
    document::update("copy", &text)
}
