//! Reads variables, and collects all mistakes.

use super::setting::{Setting, Unset};
use super::{Inputs, Mistake, Program, VARIABLES, Variable, misplaced, variables};
use crate::registry::{Account, SourceLogins};
use crate::wire::{CaBundle, Network, NoProxy};

pub(super) struct Reader<'a> {
    pub program: Program,
    pub inputs: &'a Inputs<'a>,
    pub mistakes: Vec<Mistake>,
    /// Faults that do not end the run.
    pub warnings: Vec<Mistake>,
}

/// Builds a struct whose fields are given as `Option`s. All fields are evaluated before the first `None` is returned,
/// so that the mistakes of all variables are collected.
macro_rules! build {
    ($type:ident { $($field:ident: $value:expr),+ $(,)? }) => {{
        $( let $field = $value; )+
        Some($type { $( $field: $field? ),+ })
    }};
}
pub(super) use build;

impl Reader<'_> {
    pub fn mistake(&mut self, variable: &Variable, value: Option<&str>, reason: impl Into<String>) {
        let mistake = Mistake::new(variable, value, reason);
        // Several registries have the same login.
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    /// A secret may have been put into the wrong variable.
    pub fn mistakes_without_secrets(&mut self) -> Vec<Mistake> {
        let mistakes = std::mem::take(&mut self.mistakes);
        self.without_secrets(mistakes)
    }

    pub fn warnings_without_secrets(&mut self) -> Vec<Mistake> {
        let warnings = std::mem::take(&mut self.warnings);
        self.without_secrets(warnings)
    }

    fn without_secrets(&self, mistakes: Vec<Mistake>) -> Vec<Mistake> {
        let secrets = misplaced::secrets(self.inputs);
        let given = |mistake: &Mistake| {
            let mut variables = VARIABLES.iter();
            let variable = variables.find(|variable| variable.name == mistake.variable)?;
            // The value of a secret variable is never shown.
            (!variable.secret).then(|| self.inputs.get(variable))?
        };
        mistakes
            .into_iter()
            .map(|mistake| {
                let given = given(&mistake);
                mistake.without(&secrets, given.as_deref())
            })
            .collect()
    }

    /// Returns the value or the default; none after a mistake, and for an unset variable without a default.
    pub fn read<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let given = self.inputs.get(setting);
        let value = match (given, setting.unset) {
            (Some(value), _) if setting.is_read_by(self.program) => value,
            (_, Unset::Default { .. }) => match setting.default_for(self.program) {
                "" => return None,
                default => default.to_owned(),
            },
            (_, Unset::Nothing(_)) => return None,
            (_, Unset::Required(what)) => {
                self.mistake(setting, None, format!("it is required: {what}"));
                return None;
            }
        };
        match (setting.parse)(&value) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                self.mistake(setting, Some(&value), reason);
                None
            }
        }
    }

    /// Reads a variable that is required because of another setting.
    pub fn read_required<T>(&mut self, setting: &Setting<T>, with: &str) -> Option<T> {
        if self.inputs.get(setting).is_none() {
            self.mistake(setting, None, format!("it is required with {with}"));
            return None;
        }
        self.read(setting)
    }

    pub fn source_logins(&mut self) -> Option<SourceLogins> {
        if !self.read(&variables::USE_DOCKER_AUTH)? {
            return Some(SourceLogins::default());
        }
        let with = "USE_DOCKER_AUTH=true";
        let account = build!(Account {
            username: self.read_required(&variables::DOCKER_USERNAME, with),
            token: self.read_required(&variables::DOCKER_TOKEN, with),
        })?;
        Some(SourceLogins::default().with_docker_hub(account))
    }

    fn ca_bundle(&mut self) -> Option<CaBundle> {
        let named = self.inputs.named(&variables::SSL_CERT_FILE);
        Some(CaBundle {
            file: self.read(&variables::SSL_CERT_FILE)?,
            variable: named?.0,
        })
    }

    pub fn network(&mut self) -> Network {
        let no_proxy = self.read(&variables::NO_PROXY).unwrap_or_default();
        let no_proxy = NoProxy::parse(&no_proxy);
        Network {
            proxy: self.read(&variables::HTTPS_PROXY),
            no_proxy: no_proxy.unwrap_or_else(|reason| {
                // The reason contains the entries that are wrong.
                self.mistake(&variables::NO_PROXY, None, reason);
                NoProxy::default()
            }),
            ca_bundle: self.ca_bundle(),
            insecure: self.read(&variables::REGISTRY_INSECURE).unwrap_or_default(),
            copy_concurrency: self.read(&variables::COPY_CONCURRENCY).unwrap_or(1),
        }
    }
}
