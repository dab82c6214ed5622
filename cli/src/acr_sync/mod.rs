//! `acr-sync`, the command for people: its subcommands and their options.

mod check;
mod doctor;
mod documents;
mod examples;
mod explain;
mod plan;
mod transfers;

use std::path::PathBuf;
use std::process::ExitCode;

use acr_sync_core::config::{Config, Program};
use acr_sync_core::planned::PlanFile;
use acr_sync_core::report::Status;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::bundle::{self, Transfer};
use crate::commands::Session;
use crate::{plan_file, settings, version};

/// A subcommand with its options.
pub(crate) struct Invocation {
    verb: Verb,
    format: Format,
}

enum Verb {
    Check,
    Doctor,
    Sync,
    Plan(Option<PathBuf>),
    Apply(anyhow::Result<Box<PlanFile>>),
    /// The image; `None` for all.
    Explain(Option<String>),
    Transfer(Transfer),
}

/// The form of the result on stdout.
#[derive(Clone, Copy)]
enum Format {
    Text,
    Json,
    Markdown,
}

impl Format {
    const NAMES: [&str; 3] = ["text", "json", "markdown"];

    fn of(matches: &ArgMatches) -> Self {
        match matches.get_one::<String>("output").map(String::as_str) {
            Some("json") => Self::Json,
            Some("markdown") => Self::Markdown,
            Some(_) | None => Self::Text,
        }
    }
}

impl Invocation {
    /// Runs the subcommand.
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let Self { verb, format } = self;
        match verb {
            Verb::Check => check::check(session, format).await,
            Verb::Doctor => doctor::doctor(session, format).await,
            Verb::Sync => check::sync(session, format).await,
            Verb::Plan(file) => plan::plan(session, format, file.as_deref()).await,
            Verb::Apply(file) => plan::apply(session, format, file).await,
            Verb::Explain(image) => explain::explain(session, image.as_deref(), format).await,
            Verb::Transfer(transfer) => transfers::run(session, transfer, format).await,
        }
    }
}

/// Reads the command line. Without a run, returns the exit code; everything is printed already.
pub(crate) fn read() -> Result<(Config, Invocation), ExitCode> {
    let matches = settings::matches(command())?;
    let Some((name, options)) = matches.subcommand() else {
        // clap prints the help if the subcommand is missing.
        return Err(Status::Configuration.code().into());
    };
    let verb = match name {
        "completions" => return Err(documents::completions(command(), options)),
        "man" => return Err(documents::man(command())),
        "doctor" => Verb::Doctor,
        "sync" => Verb::Sync,
        "plan" => Verb::Plan(plan::file(options)),
        "apply" => Verb::Apply(plan_file::read(options, "plan-file", "applied")),
        "explain" => Verb::Explain(explain::image(options)),
        _ => Transfer::of(name, options).map_or(Verb::Check, Verb::Transfer),
    };
    let program = Program::AcrSync;
    let config = match &verb {
        Verb::Doctor => doctor::config(options)?,
        Verb::Transfer(Transfer::Export(files)) => {
            let read = Config::read_without_destination;
            settings::config_with_plan(program, options, name, files.plan(), read)?
        }
        Verb::Apply(plan) => {
            let plan = plan.as_deref().ok();
            settings::config_with_plan(program, options, name, plan, Config::read)?
        }
        Verb::Check
        | Verb::Sync
        | Verb::Plan(_)
        | Verb::Explain(_)
        | Verb::Transfer(Transfer::Import(_)) => settings::config(program, options, Some(name))?,
    };
    let format = Format::of(options);
    Ok((config, Invocation { verb, format }))
}

fn command() -> Command {
    let command = Command::new(Program::AcrSync.name())
        .version(version::SHORT)
        .long_version(version::LONG)
        .disable_version_flag(true)
        .arg(version_flag())
        .about("Keeps a registry in sync with the images that RunWhen publishes.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            run("check", "Check all images and change nothing: a dry run."),
            run("sync", "Import the images that are missing or outdated."),
            plan::with_plan_options(run(
                "plan",
                "Write what a sync would do, for a review; change nothing.",
            )),
            plan::with_apply_options(run(
                "apply",
                "Import what a plan says, where nothing has moved since.",
            )),
            explain::with_image(run(
                "explain",
                "Explain why an image is up to date, missing or not known.",
            )),
            transfers::export_command(run(bundle::EXPORT, bundle::ABOUT_EXPORT)),
            transfers::import_command(run(bundle::IMPORT, bundle::ABOUT_IMPORT)),
            run(
                "doctor",
                "Examine everything that a run needs, and change nothing.",
            ),
            documents::completions_command(),
            documents::man_command(),
        ]);
    examples::with_examples(command)
}

/// The usual flag. The short help has no room for it.
fn version_flag() -> Arg {
    Arg::new("version")
        .short('V')
        .long("version")
        .action(ArgAction::Version)
        .hide_short_help(true)
        .help("Print version")
}

/// A subcommand that reads the settings.
fn run(name: &'static str, about: &'static str) -> Command {
    let output = Arg::new("output")
        .long("output")
        .visible_alias("format")
        .value_name(Format::NAMES.join("|"))
        .value_parser(PossibleValuesParser::new(Format::NAMES))
        .hide_possible_values(true)
        .default_value("text")
        .hide_default_value(true)
        .help("The form of the result.")
        .long_help("The form of the result on stdout [default: text]");
    let after_help = format!(
        "{}\n{}",
        settings::secrets_help(Program::AcrSync),
        settings::rules_help()
    );
    Command::new(name)
        .about(about)
        .after_long_help(after_help)
        .arg(output)
        .args(settings::flags(Program::AcrSync))
}

#[cfg(test)]
mod tests {
    use acr_sync_core::config::VARIABLES;

    use super::*;

    #[test]
    fn short_help_of_every_command_is_one_screen_with_three_examples() {
        let mut command = command();
        command.build();
        settings::assert_short_help_fits(command.clone());
        for subcommand in command.get_subcommands() {
            if subcommand.get_name() != "help" {
                settings::assert_short_help_fits(subcommand.clone());
            }
        }
    }

    #[test]
    fn every_variable_is_in_the_help_of_every_run() {
        command().debug_assert();
        for name in [
            "check", "sync", "plan", "apply", "explain", "doctor", "export", "import",
        ] {
            let mut command = command();
            let command = command.find_subcommand_mut(name).expect("a subcommand");
            let help = command.render_long_help().to_string();
            for variable in VARIABLES {
                let is_listed = help.contains(variable.name);
                let is_read = variable.is_read_by(Program::AcrSync);
                assert_eq!(is_listed, is_read, "{name}: {}", variable.name);
            }
        }
    }
}
