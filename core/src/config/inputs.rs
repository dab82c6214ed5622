//! Where a configuration is read from.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::Variable;
use crate::name::Registry;
use crate::registry::RegistryCredentials;

/// The platform's templates print this for a value that the user did not set.
pub(super) const PLACEHOLDER: &str = "missing_workspaceInfo_custom_variable";

/// The sources of a configuration.
pub struct Inputs<'a> {
    /// The path of the executable, for the command that repeats the run.
    pub executable: &'a str,
    /// Its subcommand.
    pub subcommand: Option<&'a str>,
    /// The file that the subcommand takes, for the command that repeats the run.
    pub argument: Option<&'a str>,
    /// The names of all variables of the environment, to find those that are mistyped.
    pub names: &'a [String],
    /// Returns the value of a variable if it is set.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Returns the text of a file that a variable names.
    pub file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Returns the login for a host from the text of Docker's configuration file, which may name a program to run. The
    /// error says what is wrong, without secrets.
    pub docker_login: DockerLogin<'a>,
    /// The registries that the images of a plan come from, if the run has a plan.
    pub planned_sources: BTreeSet<Registry>,
}

/// Finds the login for a host in the text of Docker's configuration file.
pub type DockerLogin<'a> = &'a dyn Fn(&str, &str) -> Result<Option<RegistryCredentials>, String>;

impl Inputs<'_> {
    /// Returns the value under the first name that is set. An empty value and the platform's placeholder are unset.
    pub(super) fn get(&self, variable: &Variable) -> Option<String> {
        self.named(variable).map(|(_, value)| value)
    }

    /// The first name that is set, which may be an alias, and its value.
    pub(super) fn named(&self, variable: &Variable) -> Option<(&'static str, String)> {
        let names = std::iter::once(&variable.name).chain(variable.aliases);
        names
            .filter_map(|name| Some((*name, (self.variable)(name)?.trim().to_owned())))
            .find(|(_, value)| !value.is_empty() && value != PLACEHOLDER)
    }
}
