//! The settings of every executable: flags and variables, their help, and the configuration that is read from them.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use acr_sync_core::config::{
    Color, Config, Inputs, LogFormat, Mistakes, Program, VARIABLES, Variable,
};
use acr_sync_core::file::read_text;
use acr_sync_core::planned::PlanFile;
use acr_sync_core::report::Status;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::progress::Progress;
use crate::{bundle, docker_login, log, signal};

/// The result of parsing a command line. Without matches, the exit code; help or the mistake is printed already.
pub(crate) fn matches(command: Command) -> Result<ArgMatches, ExitCode> {
    command.try_get_matches().map_err(|message| {
        // Help goes to stdout and is a success; a wrong flag goes to stderr and is a failure.
        let is_printed = match message.print() {
            // A closed pipe is not an error.
            Err(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
            Ok(()) => true,
        };
        let failed = !is_printed || message.use_stderr();
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
    reported(program, read(program, matches, subcommand))
}

/// The same for a subcommand with a plan, which may be unreadable; that is reported later. `read` is [`Config::read`], or
/// [`Config::read_without_destination`].
pub(crate) fn config_with_plan(
    program: Program,
    matches: &ArgMatches,
    subcommand: &str,
    plan: Option<&PlanFile>,
    read: fn(Program, &Inputs<'_>) -> Result<Config, Mistakes>,
) -> Result<Config, ExitCode> {
    let read = with_inputs(program, matches, Some(subcommand), plan, |inputs| {
        read(program, inputs)
    });
    reported(program, read)
}

fn reported(program: Program, read: Result<Config, Mistakes>) -> Result<Config, ExitCode> {
    read.map_err(|mistakes| {
        report(program, &mistakes);
        Status::Configuration.code().into()
    })
}

/// The same as [`config`], with the mistakes as the error.
pub(crate) fn read(
    program: Program,
    matches: &ArgMatches,
    subcommand: Option<&str>,
) -> Result<Config, Mistakes> {
    with_inputs(program, matches, subcommand, None, |inputs| {
        Config::read(program, inputs)
    })
}

fn with_inputs<T>(
    program: Program,
    matches: &ArgMatches,
    subcommand: Option<&str>,
    plan: Option<&PlanFile>,
    read: impl FnOnce(&Inputs<'_>) -> T,
) -> T {
    let variable = |name: &str| {
        let given = flag_value(matches, name).or_else(|| level_of_flags(matches, name));
        given.or_else(|| environment(std::env::var_os(name)?))
    };
    let names: Vec<_> = std::env::vars_os()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    let executable = std::env::current_exe().map(|path| path.display().to_string());
    let executable = executable.unwrap_or_else(|_| program.name().to_owned());
    let argument = subcommand.and_then(|name| argument(matches, name));
    read(&Inputs {
        executable: &executable,
        subcommand,
        argument: argument.as_deref(),
        names: &names,
        variable: &variable,
        file: &read_text,
        docker_login: &docker_login::find,
        planned_sources: plan.map(PlanFile::private_sources).unwrap_or_default(),
    })
}

/// The file that a subcommand takes.
fn argument(matches: &ArgMatches, subcommand: &str) -> Option<String> {
    let name = match subcommand {
        "apply" => "plan-file",
        bundle::IMPORT => "bundle",
        _ => return None,
    };
    let file: Option<&PathBuf> = matches.get_one(name);
    file.map(|file| file.display().to_string())
}

/// Reports mistakes in the configuration. The log has not started yet: its level is a part of the configuration.
fn report(program: Program, mistakes: &Mistakes) {
    match mistakes.log_format {
        LogFormat::Text => {
            let _ = writeln!(std::io::stderr(), "error: {mistakes}");
        }
        LogFormat::Json => {
            let settings = log::Settings {
                program,
                level: "error",
                format: LogFormat::Json,
                color: Color::Refused,
            };
            log::start(&settings, Progress::new(&[]).display());
            tracing::error!("{mistakes}");
        }
    }
}

fn flag_value(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_one::<String>(name).ok().flatten().cloned()
}

/// The level that `--quiet` or `--verbose` selects.
fn level_of_flags(matches: &ArgMatches, name: &str) -> Option<String> {
    let is_given = |flag| matches.try_get_one::<bool>(flag).ok().flatten() == Some(&true);
    let level = match name {
        "LOG_LEVEL" if is_given(QUIET) => "error",
        "LOG_LEVEL" if is_given(VERBOSE) => "debug",
        _ => return None,
    };
    Some(level.to_owned())
}

/// Replaces bytes that are not UTF-8, so that the run reports a mistake instead of using the default.
fn environment(value: OsString) -> Option<String> {
    Some(value.to_string_lossy().into_owned())
}

/// The flags of an executable: one for every variable that it reads, except secrets, and two for the level of the log.
pub(crate) fn flags(program: Program) -> impl Iterator<Item = Arg> {
    let variables = VARIABLES
        .iter()
        .filter(move |variable| variable.is_read_by(program))
        .filter_map(move |variable| flag(variable, program));
    variables.chain(level_flags())
}

const QUIET: &str = "quiet";
const VERBOSE: &str = "verbose";
/// The heading of the settings that `-h` has too.
const HOW_TO_RUN: &str = "How to run";

fn level_flags() -> [Arg; 2] {
    let flag = |name, letter, help, other| {
        Arg::new(name)
            .long(name)
            .short(letter)
            .action(ArgAction::SetTrue)
            .conflicts_with_all([other, "LOG_LEVEL"])
            .help(help)
            .help_heading(HOW_TO_RUN)
    };
    [
        flag(
            QUIET,
            'q',
            "Log errors only; the result is still printed.",
            VERBOSE,
        ),
        flag(VERBOSE, 'v', "Log every request.", QUIET),
    ]
}

/// The settings in the short help (`-h`), with shorter texts.
const IN_SHORT_HELP: [(&str, &str); 6] = [
    ("REGISTRY_NAME", "The registry; required."),
    ("SYNC_IMAGES", "Import, or only check."),
    ("IMAGES", "The category."),
    ("EXCLUDE_IMAGES", "Images to leave out."),
    ("SYNC_METHOD", "How images are synced."),
    ("OUTPUT_DIR", "Where reports go."),
];

/// Leaves settings that a subcommand seldom needs out of its short help, which is one screen.
pub(crate) fn without_in_short_help(command: Command, names: &[&str]) -> Command {
    names.iter().fold(command, |command, name| {
        // A program does not read all settings.
        let mut arguments = command.get_arguments();
        let is_read = arguments.any(|one| one.get_id() == name);
        drop(arguments);
        match is_read {
            true => command.mut_arg(name, |argument| argument.hide_short_help(true)),
            false => command,
        }
    })
}

/// A command line, and a comment.
pub(crate) type Example = (&'static str, &'static str);

/// Adds examples to the short help, and before the notes of the whole one.
pub(crate) fn with_examples(command: Command, examples: &[Example]) -> Command {
    let width = examples
        .iter()
        .map(|(line, _)| line.len())
        .max()
        .unwrap_or_default();
    let mut text = "Examples:\n".to_owned();
    for (line, comment) in examples {
        text.push_str(&format!("  {line:width$}  # {comment}\n"));
    }
    let notes = command.get_after_long_help().map(ToString::to_string);
    let whole = format!("{text}\n{}", notes.unwrap_or_default());
    command.after_help(text).after_long_help(whole)
}

fn flag(variable: &Variable, program: Program) -> Option<Arg> {
    let argument = Arg::new(variable.name)
        .long(variable.flag()?)
        .value_name(variable.value)
        .long_help(describe(variable, program))
        .help_heading(variable.heading);
    let mut shown = IN_SHORT_HELP.iter();
    let argument = match shown.find(|(name, _)| *name == variable.name) {
        Some((_, help)) => argument.help(*help),
        None => argument.hide_short_help(true),
    };
    // `--use-date-tag` without a value means true.
    Some(if variable.is_switch() {
        argument.num_args(0..=1).default_missing_value("true")
    } else {
        argument
    })
}

/// Fails if the short help does not fit on a screen of 24 lines and 80 columns, or lacks examples.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_short_help_fits(command: Command) {
    let name = command.get_name().to_owned();
    let help = command.clone().term_width(80).render_help().to_string();
    let help = help.trim_end();
    assert!(help.lines().count() <= 24, "{help}");
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let examples = help.split("Examples:\n").nth(1).unwrap_or_default();
    assert_eq!(examples.lines().count(), 3, "{name}: {help}");
    let whole = command.term_width(80).render_long_help().to_string();
    assert!(whole.contains(examples.trim_end()), "{whole}");
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
