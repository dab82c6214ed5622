//! The settings of a run that contacts no destination.

use super::{Config, Inputs, Mistakes, Program, RegistryType, Variable, variables};

impl Config {
    /// Reads all variables for a run that contacts no destination: whose settings and login are ignored, so that a machine that
    /// only reads sources does not need them.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_without_destination(
        program: Program,
        inputs: &Inputs<'_>,
    ) -> Result<Self, Mistakes> {
        const NONE: &str = "not-used.invalid";
        let variable = |name: &str| {
            let is = |variable: &Variable| variable.name == name;
            if is(&variables::REGISTRY_TYPE) {
                return Some(RegistryType::Oci.name().to_owned());
            }
            if is(&variables::REGISTRY_NAME) {
                return Some(NONE.to_owned());
            }
            let is_ignored = is(&variables::REGISTRY_USERNAME)
                || is(&variables::REGISTRY_PASSWORD)
                || is(&variables::SYNC_METHOD);
            (inputs.variable)(name).filter(|_| !is_ignored)
        };
        let docker_login = |text: &str, host: &str| match host {
            NONE => Ok(None),
            _ => (inputs.docker_login)(text, host),
        };
        Self::read(
            program,
            &Inputs {
                executable: inputs.executable,
                subcommand: inputs.subcommand,
                argument: inputs.argument,
                names: inputs.names,
                variable: &variable,
                file: inputs.file,
                docker_login: &docker_login,
                planned_sources: inputs.planned_sources.clone(),
            },
        )
    }
}
