//! The sandbox's executable: `sandbox` runs the demo, `sandbox serve` runs the sandbox for any client.

#![forbid(unsafe_code)]

mod demo;
mod serve;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Simulates Entra, ARM, an ACR and the public registries on loopback, through one proxy.
///
/// Without a command, it runs the demo: `sli`, `taskset` and `sli` again, against a registry in which eight images are
/// outdated.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the demo, which is also the default: sli, taskset and sli; the number goes from 8 to 0.
    Demo(DemoArguments),
    /// Run the sandbox, print the environment variables for clients, and log requests to stderr.
    Serve(serve::Arguments),
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// The folder for the report and the artifacts; by default a new temporary folder.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => demo::run(None),
        Some(Command::Demo(arguments)) => demo::run(arguments.output),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the executable reports its failure")]
fn print_error(message: &str) {
    eprintln!("sandbox: {message}");
}
