//! Prints the same output as `helm template`.
//!
//! ```text
//! cargo run --release -p helm-render --example template -- CHART [--values FILE]… [--set K=V]… [--set-string K=V]…
//!     [--name release-name] [--namespace default] [--kube-version V] [--output-dir DIR]
//! ```
//!
//! CHART is a folder or a `.tgz`. With `--output-dir`, the program writes each rendered file to the path of its
//! template instead, including hooks, tests and notes, as Helm's engine returns them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program prints its results"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use helm_render::{Capabilities, Chart, Release, Values};

/// The parsed command line.
struct Options {
    chart: PathBuf,
    values: Values,
    release: Release,
    capabilities: Capabilities,
    output: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("template: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    let chart = Chart::load(&options.chart)?;
    let rendered = helm_render::render(
        &chart,
        &options.values,
        &options.release,
        &options.capabilities,
    )?;
    let Some(folder) = options.output else {
        print!("{}", rendered.manifest()?);
        return Ok(std::io::stdout().flush()?);
    };
    for (path, text) in rendered.files() {
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(target, text)?;
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut chart = None;
    let (mut files, mut sets) = (Values::new(), Vec::new());
    let (mut release, mut capabilities) = (Release::default(), Capabilities::default());
    let mut output = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => {
                (flag.to_owned(), Some(value.to_owned()))
            }
            _ => (argument, None),
        };
        if !flag.starts_with('-') {
            chart = Some(PathBuf::from(flag));
            continue;
        }
        let value = inline
            .or_else(|| arguments.next())
            .ok_or_else(|| format!("{flag} requires a value"))?;
        match flag.as_str() {
            "--values" | "-f" => {
                let text = std::fs::read_to_string(&value)
                    .map_err(|error| format!("cannot read {value}: {error}"))?;
                files.merge_yaml(&text)?;
            }
            "--set" => sets.push((value, false)),
            "--set-string" => sets.push((value, true)),
            "--name" => release.name = value,
            "--namespace" | "-n" => release.namespace = value,
            "--kube-version" => {
                capabilities.kube_version = format!("v{}", value.trim_start_matches('v'));
            }
            "--output-dir" => output = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    // Helm merges all files first, then the values of --set.
    let mut values = files;
    for (text, is_string) in sets {
        if is_string {
            values.set_string(&text)?
        } else {
            values.set(&text)?
        }
    }
    let chart = chart.ok_or("CHART is missing: give a folder or a .tgz")?;
    Ok(Options {
        chart,
        values,
        release,
        capabilities,
        output,
    })
}
