//! The command line of `sli` and `taskset`: every variable except secrets has a flag, and `--help` lists all variables.

use std::process::ExitCode;

use acr_sync_core::config::{Config, Program};
use clap::Command;

use crate::bundle::{self, Transfer};
use crate::{settings, version};

/// The configuration of `sli`. Without one, returns the exit code; the reason is printed already.
pub(crate) fn sli() -> Result<Config, ExitCode> {
    read(Program::Sli, sli_command())
}

/// The configuration of `taskset`. Without one, returns the exit code; the reason is printed already.
/// With a subcommand, also what it does.
pub(crate) fn taskset() -> Result<(Config, Option<Transfer>), ExitCode> {
    let program = Program::Taskset;
    let matches = settings::matches(taskset_command())?;
    let subcommand = matches.subcommand();
    let transfer = subcommand.and_then(|(name, options)| Transfer::of(name, options));
    let config = match (subcommand, &transfer) {
        (Some((name, options)), Some(Transfer::Export(files))) => {
            let read = Config::read_without_destination;
            settings::config_with_plan(program, options, name, files.plan(), read)
        }
        (Some((name, options)), Some(Transfer::Import(_)) | None) => {
            settings::config(program, options, Some(name))
        }
        (None, _) => settings::config(program, &matches, None),
    };
    Ok((config?, transfer))
}

fn read(program: Program, command: Command) -> Result<Config, ExitCode> {
    settings::config(program, &settings::matches(command)?, None)
}

fn sli_command() -> Command {
    let about = "Prints the number of RunWhen images that need a sync to a registry.";
    let examples = [
        ("sli --registry-name myacr", "print the number"),
        (
            "sli --sync-images --output-dir out",
            "import, then print the number",
        ),
        ("sli --log-format json 2> log.jsonl", "a log for programs"),
    ];
    let stdout = "one number, or nothing when something is unknown; everything else goes to stderr";
    let command = command(Program::Sli, stdout, "").about(about);
    settings::with_examples(command, &examples)
}

fn taskset_command() -> Command {
    let about = "Syncs RunWhen images into a registry and reports on it.";
    let examples = [
        ("taskset --registry-name myacr", "import what is missing"),
        ("taskset --sync-images=false", "only check"),
        (
            "taskset --exclude-images 'runner,otel*'",
            "leave two images out",
        ),
    ];
    let stdout = "the report as Markdown; everything else goes to stderr";
    let reports = ", sync-report.md, sync-report.html, report.junit.xml";
    let command = command(Program::Taskset, stdout, reports)
        .about(about)
        .override_usage("taskset [OPTIONS]  |  taskset <export|import> --help")
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommands([export_command(), import_command()]);
    let notes = command.get_after_long_help().map(ToString::to_string);
    let subcommands = format!(
        "Subcommands, each with its own --help:\n  {}  {}\n  {}  {}\n\n{}",
        bundle::EXPORT,
        bundle::ABOUT_EXPORT,
        bundle::IMPORT,
        bundle::ABOUT_IMPORT,
        notes.unwrap_or_default(),
    );
    settings::with_examples(command.after_long_help(subcommands), &examples)
}

fn export_command() -> Command {
    let examples = [
        (
            "taskset export --plan plan.json b.tar",
            "what the plan imports",
        ),
        (
            "taskset export --plan plan.json --base a.tar b.tar",
            "without a.tar",
        ),
        ("tar -xOf b.tar index.json", "what is in it"),
    ];
    let command = bundle::with_export_options(subcommand(bundle::EXPORT, bundle::ABOUT_EXPORT));
    let command = settings::without_in_short_help(command, &bundle::NOT_FOR_EXPORT);
    settings::with_examples(command, &examples)
}

fn import_command() -> Command {
    let examples = [
        (
            "taskset import b.tar --registry-name myacr.azurecr.io",
            "import it",
        ),
        ("taskset import b.tar --sync-images=false", "only compare"),
        ("taskset import b.tar --output-dir out", "keep the report"),
    ];
    let command = bundle::with_import_options(subcommand(bundle::IMPORT, bundle::ABOUT_IMPORT));
    let command = settings::without_in_short_help(command, &bundle::NOT_FOR_IMPORT);
    settings::with_examples(command, &examples)
}

/// A subcommand of `taskset`. The short help of `taskset` itself has no room for it.
fn subcommand(name: &'static str, about: &'static str) -> Command {
    let program = Program::Taskset;
    let after_help = format!(
        "{}\n{}",
        settings::secrets_help(program),
        settings::rules_help()
    );
    Command::new(name)
        .about(about)
        .hide(true)
        .after_long_help(after_help)
        .args(settings::flags(program))
}

fn command(program: Program, stdout: &str, reports: &str) -> Command {
    let name = program.name();
    let after_help = format!(
        "{}\nOutput:\n  \
           stdout: {stdout}\n  \
           OUTPUT_DIR/azure-rw-acr-sync: {name}.json, issues.json{reports};\n  \
           with IMAGES=codecollection, runwhen-local or extra, in a folder of that name there\n  \
         OUTPUT_DIR/azure-rw-acr-sync: cc_images_to_update.json, extra_images_to_update.json\n  \
         CODEBUNDLE_TEMP_DIR: images_to_update.json\n  \
         METRICS_FILE: the numbers in Prometheus's text format, if it is set\n\n{}",
        settings::secrets_help(program),
        settings::rules_help(),
    );
    Command::new(name)
        .version(version::SHORT)
        .long_version(version::LONG)
        .after_long_help(after_help)
        .args(settings::flags(program))
}

#[cfg(test)]
mod tests {
    use acr_sync_core::config::VARIABLES;
    use acr_sync_core::report::Status;

    use super::*;

    #[test]
    fn every_variable_is_in_the_help_and_no_secret_is_a_flag() {
        for (program, command) in [
            (Program::Sli, sli_command()),
            (Program::Taskset, taskset_command()),
        ] {
            command.clone().debug_assert();
            let help = command.clone().render_long_help().to_string();
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
            let mut command = command;
            command.build();
            for subcommand in command.get_subcommands() {
                settings::assert_short_help_fits(subcommand.clone());
            }
            settings::assert_short_help_fits(command);
        }
    }
}
