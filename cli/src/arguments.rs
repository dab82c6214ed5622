//! The command line: every variable except secrets has a flag, and `--help` lists all variables.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use acr_sync_core::config::{Config, Inputs, Program, VARIABLES, Variable};
use acr_sync_core::file::read_text;
use acr_sync_core::report::Status;
use clap::{Arg, ArgMatches, Command};

use crate::{docker_login, signal};

/// Reads flags and environment. Without a configuration, returns the exit code; the reason is printed already.
pub(crate) fn read(program: Program) -> Result<Config, ExitCode> {
    let matches = command(program).try_get_matches().map_err(|message| {
        // Help goes to stdout and is a success; a wrong flag goes to stderr and is a failure.
        let failed = message.print().is_err() || message.use_stderr();
        if failed {
            Status::Configuration.code().into()
        } else {
            ExitCode::SUCCESS
        }
    })?;
    let variable =
        |name: &str| flag_value(&matches, name).or_else(|| environment(std::env::var_os(name)?));
    let executable = std::env::current_exe().map(|path| path.display().to_string());
    let executable = executable.unwrap_or_else(|_| program.name().to_owned());
    Config::read(
        program,
        &Inputs {
            executable: &executable,
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

fn command(program: Program) -> Command {
    let about = match program {
        Program::Sli => {
            "Prints the number of RunWhen images that need a sync to an Azure Container Registry."
        }
        Program::Taskset => {
            "Syncs RunWhen images into an Azure Container Registry and reports on it."
        }
    };
    Command::new(program.name())
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .after_help(after_help(program))
        .args(
            VARIABLES
                .iter()
                .filter(|variable| variable.is_read_by(program))
                .filter_map(|variable| argument(variable, program)),
        )
}

fn argument(variable: &Variable, program: Program) -> Option<Arg> {
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

fn after_help(program: Program) -> String {
    let mut text = "Secrets (environment only, never an argument):\n".to_owned();
    let secrets = VARIABLES.iter().filter(|variable| variable.secret);
    for secret in secrets.filter(|variable| variable.is_read_by(program)) {
        text.push_str(&format!("  {:<20} {}\n", secret.name, secret.help));
    }
    text.push_str(
        "\nAn empty value, and 'missing_workspaceInfo_custom_variable', mean unset.\n\nOutput:\n",
    );
    text.push_str(match program {
        Program::Sli => "  stdout: one number, or nothing when something is unknown; everything else goes to stderr\n",
        Program::Taskset => {
            "  stdout: the report as Markdown; everything else goes to stderr\n"
        }
    });
    let reports = match program {
        Program::Sli => "",
        Program::Taskset => ", sync-report.md, sync-report.html",
    };
    text.push_str(&format!(
        "  OUTPUT_DIR/azure-rw-acr-sync: {}.json, issues.json{reports};\n  \
           with IMAGES=codecollection or runwhen-local, in a folder of that name there\n  \
         OUTPUT_DIR/azure-rw-acr-sync: cc_images_to_update.json\n  \
         CODEBUNDLE_TEMP_DIR: images_to_update.json\n",
        program.name()
    ));
    text.push_str(
        "\nUp to date: the image's tag in the registry, or another tag of its repository, has its digest.\n\
         Build dates choose between Outdated and Missing or Drifted; they alone decide only for a 'latest' that the ACR lacks.\n",
    );
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_in_the_help_and_no_secret_is_a_flag() {
        for program in [Program::Sli, Program::Taskset] {
            command(program).debug_assert();
            let help = command(program).render_long_help().to_string();
            for variable in VARIABLES {
                let is_listed = help.contains(variable.name);
                assert_eq!(is_listed, variable.is_read_by(program), "{}", variable.name);
                let flag = format!(
                    "--{} ",
                    variable.name.to_ascii_lowercase().replace('_', "-")
                );
                assert!(!variable.secret || !help.contains(&flag), "{flag}");
            }
            for status in Status::ALL {
                assert!(help.contains(status.meaning()));
            }
        }
    }
}
