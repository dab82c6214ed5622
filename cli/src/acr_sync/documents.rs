//! What `acr-sync` writes about itself: completions for a shell, and its manual page.

use std::io::Write as _;
use std::process::ExitCode;

use acr_sync_core::report::Status;
use clap::builder::EnumValueParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;

use crate::outputs;

pub(super) fn completions_command() -> Command {
    Command::new("completions")
        .about("Print the completions for a shell, as a script that it reads.")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(EnumValueParser::<Shell>::new())
                .help("The shell."),
        )
}

pub(super) fn man_command() -> Command {
    Command::new("man").about("Print the manual page, for man -l -.")
}

pub(super) fn completions(mut command: Command, options: &ArgMatches) -> ExitCode {
    let Some(shell) = options.get_one::<Shell>("shell") else {
        return Status::Internal.code().into();
    };
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command, name, &mut script);
    print(&script)
}

/// The manual page of the command, followed by those of its subcommands.
pub(super) fn man(mut command: Command) -> ExitCode {
    command.build();
    let mut page = Vec::new();
    let subcommands = command.get_subcommands().cloned();
    let mut written = clap_mangen::Man::new(command.clone()).render(&mut page);
    for subcommand in subcommands.filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("{} {}", command.get_name(), subcommand.get_name());
        let subcommand = subcommand.display_name(name);
        written = written.and_then(|()| clap_mangen::Man::new(subcommand).render(&mut page));
    }
    match written {
        Ok(()) => print(&page),
        Err(_) => Status::Internal.code().into(),
    }
}

fn print(text: &[u8]) -> ExitCode {
    match outputs::print(&String::from_utf8_lossy(text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            Status::Internal.code().into()
        }
    }
}
