//! The settings of every executable: flags and variables, their help, and the configuration that is read from them.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use acr_sync_core::config::{Config, Inputs, Program, VARIABLES, Variable};
use acr_sync_core::file::read_text;
use acr_sync_core::report::Status;
use clap::{Arg, ArgMatches, Command};

use crate::{docker_login, signal};

/// The result of parsing a command line. Without matches, the exit code; help or the mistake is printed already.
pub(crate) fn matches(command: Command) -> Result<ArgMatches, ExitCode> {
    command.try_get_matches().map_err(|message| {
        // Help goes to stdout and is a success; a wrong flag goes to stderr and is a failure.
        let failed = message.print().is_err() || message.use_stderr();
        if failed {
            Status::Configuration.code().into()
        } else {
            ExitCode::SUCCESS
        }
    })
}

/// Reads flags and environment. Without a configuration, returns the exit code; the reason is printed already.
pub(crate) fn config(
    program: Program,
    matches: &ArgMatches,
    subcommand: Option<&str>,
) -> Result<Config, ExitCode> {
    let variable =
        |name: &str| flag_value(matches, name).or_else(|| environment(std::env::var_os(name)?));
    let executable = std::env::current_exe().map(|path| path.display().to_string());
    let executable = executable.unwrap_or_else(|_| program.name().to_owned());
    Config::read(
        program,
        &Inputs {
            executable: &executable,
            subcommand,
            variable: &variable,
            file: &read_text,
            docker_login: &docker_login::find,
        },
    )
    .map_err(|mistakes| {
        // The log starts later: its level is a part of the configuration.
        let _ = writeln!(std::io::stderr(), "error: {mistakes}");
        Status::Configuration.code().into()
    })
}

fn flag_value(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_one::<String>(name).ok().flatten().cloned()
}

/// Replaces bytes that are not UTF-8, so that the run reports a mistake instead of using the default.
fn environment(value: OsString) -> Option<String> {
    Some(value.to_string_lossy().into_owned())
}

/// The flags of an executable: one for every variable that it reads, except secrets.
pub(crate) fn flags(program: Program) -> impl Iterator<Item = Arg> {
    VARIABLES
        .iter()
        .filter(move |variable| variable.is_read_by(program))
        .filter_map(move |variable| flag(variable, program))
}

fn flag(variable: &Variable, program: Program) -> Option<Arg> {
    let argument = Arg::new(variable.name)
        .long(variable.flag()?)
        .value_name(variable.value)
        .help(describe(variable, program))
        .help_heading(variable.heading);
    // `--use-date-tag` without a value means true.
    Some(if variable.is_switch() {
        argument.num_args(0..=1).default_missing_value("true")
    } else {
        argument
    })
}

fn describe(variable: &Variable, program: Program) -> String {
    let mut text = format!("{} [env: {}]", variable.help, variable.name);
    let default = variable.default_for(program);
    if !default.is_empty() {
        text.push_str(&format!(" [default: {default}]"));
    }
    text
}

/// The secrets, which are variables only.
pub(crate) fn secrets_help(program: Program) -> String {
    let mut text = "Secrets (environment only, never an argument):\n".to_owned();
    let secrets = VARIABLES.iter().filter(|variable| variable.secret);
    let secrets: Vec<_> = secrets
        .filter(|variable| variable.is_read_by(program))
        .collect();
    let width = secrets.iter().map(|secret| secret.name.len()).max();
    let width = width.unwrap_or_default();
    for secret in secrets {
        text.push_str(&format!("  {:<width$}  {}\n", secret.name, secret.help));
    }
    text.push_str("\nAn empty value, and 'missing_workspaceInfo_custom_variable', mean unset.\n");
    text
}

/// The rule of comparison, the exit codes and the signals.
pub(crate) fn rules_help() -> String {
    let mut text =
        "Up to date: the image's tag in the registry, or another tag of its repository, has its digest.\n\
         Build dates choose between Outdated and Missing or Drifted; they alone decide only for a 'latest' that the registry lacks.\n"
            .to_owned();
    text.push_str("\nExit codes:\n");
    for status in Status::ALL {
        text.push_str(&format!("  {}  {}\n", status.code(), status.meaning()));
    }
    text.push_str("\nSignals:\n");
    for line in signal::HELP.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}
