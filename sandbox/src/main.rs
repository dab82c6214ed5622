//! The sandbox's executable: `sandbox` runs the demo, `sandbox serve` stays up for any client.

#![forbid(unsafe_code)]

mod demo;
mod serve;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The outside world on loopback: Entra, ARM, an ACR and RunWhen's public registry behind one proxy.
///
/// Without a command it runs the demo: the real `sli`, `taskset` and `sli` again, against a registry in which eight images
/// are out of date.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run sli, taskset and sli against the sandbox, and show the number go from 8 to 0 (what no command does too).
    Demo(DemoArguments),
    /// Stay up and print what a client needs in its environment; requests are logged to stderr.
    Serve(ServeArguments),
}

#[derive(Debug, Args)]
struct DemoArguments {
    /// Where report and artifacts go; a new temporary folder when it is not given.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// What the world holds when it starts; `help` lists the names.
    #[arg(long, default_value = "outdated", value_name = "NAME")]
    scenario: String,
    /// The port on 127.0.0.1; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How long a round trip takes, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
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
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is the executable's last word")]
fn complain(message: &str) {
    eprintln!("sandbox: {message}");
}
