//! The declaration of a variable: its documentation, its parser and its line in the report.

use std::ops::Deref;

use secrecy::SecretString;

use super::{Config, Program, values};

/// A variable, and the flag with the same meaning.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// Other names under which it is read when it is unset.
    pub aliases: &'static [&'static str],
    /// Applies when the variable is unset under all names.
    pub unset: Unset,
    /// The form of a value, as `--help` shows it.
    pub value: &'static str,
    /// One sentence for `--help`.
    pub help: &'static str,
    /// The heading of its section in `--help`.
    pub heading: &'static str,
    /// The executables that read it.
    pub readers: &'static [Program],
    /// A secret has no flag, and its value is never shown.
    pub secret: bool,
    /// Renders the value for the report; none for a variable that the report does not contain.
    pub(super) in_report: Option<fn(&Config) -> String>,
}

/// How an unset variable is read.
#[derive(Clone, Copy, Debug)]
pub enum Unset {
    /// A mistake; the text describes the required value.
    Required(&'static str),
    /// As these texts.
    Default {
        /// The default of the indicator.
        sli: &'static str,
        /// The default of the task.
        taskset: &'static str,
        /// The default of the command; no value if it is empty.
        acr_sync: &'static str,
    },
    /// As no value. `--help` shows this text as the default, unless it is empty.
    Nothing(&'static str),
}

impl Variable {
    /// The flag's name without its dashes; none for a secret.
    pub fn flag(&self) -> Option<String> {
        (!self.secret).then(|| self.name.to_ascii_lowercase().replace('_', "-"))
    }

    /// True if the flag needs no value and then means `true`.
    pub fn is_switch(&self) -> bool {
        self.value == BOOLEAN
    }

    /// True if this executable reads the variable.
    pub fn is_read_by(&self, program: Program) -> bool {
        self.readers.contains(&program)
    }

    /// True if it must be set.
    pub fn is_required(&self) -> bool {
        matches!(self.unset, Unset::Required(_))
    }

    /// The default for one executable, as `--help` shows it; empty without a default.
    pub fn default_for(&self, program: Program) -> &'static str {
        match (self.unset, program) {
            (Unset::Default { sli, .. }, Program::Sli) => sli,
            (Unset::Default { taskset, .. }, Program::Taskset) => taskset,
            (Unset::Default { acr_sync, .. }, Program::AcrSync) => acr_sync,
            (Unset::Nothing(text), _) => text,
            (Unset::Required(_), _) => "",
        }
    }

    /// The default for the executables that read the variable, as the README shows it; empty without a default.
    pub fn default(&self) -> String {
        let [sli, taskset] = [Program::Sli, Program::Taskset].map(|p| self.default_for(p));
        match self.readers {
            [program] => self.default_for(*program).to_owned(),
            _ if sli == taskset => sli.to_owned(),
            _ => format!("{sli} (sli), {taskset} (taskset)"),
        }
    }
}

const BOOLEAN: &str = "true|false";

/// A variable with the type of its value. It is built in a `const` of [`super::variables`].
pub(super) struct Setting<T> {
    pub variable: Variable,
    /// The error completes a sentence about the value: "it must be …".
    pub parse: fn(&str) -> Result<T, String>,
}

impl<T> Deref for Setting<T> {
    type Target = Variable;

    fn deref(&self) -> &Variable {
        &self.variable
    }
}

impl<T> Setting<T> {
    pub const fn new(
        name: &'static str,
        value: &'static str,
        parse: fn(&str) -> Result<T, String>,
        help: &'static str,
    ) -> Self {
        let variable = Variable {
            name,
            aliases: &[],
            unset: Unset::Nothing(""),
            value,
            help,
            heading: "",
            readers: &Program::ALL,
            secret: false,
            in_report: None,
        };
        Self { variable, parse }
    }

    /// An unset variable is a mistake.
    pub const fn required(mut self, what: &'static str) -> Self {
        self.variable.unset = Unset::Required(what);
        self
    }

    /// An unset variable is read as this text.
    pub const fn default(self, text: &'static str) -> Self {
        self.defaults(text, text)
    }

    /// An unset variable is read as one of these texts.
    pub const fn defaults(mut self, sli: &'static str, taskset: &'static str) -> Self {
        self.variable.unset = Unset::Default {
            sli,
            taskset,
            acr_sync: taskset,
        };
        self
    }

    /// An unset variable is read as this text, and has no value in `acr-sync`.
    pub const fn default_except_in_acr_sync(mut self, text: &'static str) -> Self {
        self.variable.unset = Unset::Default {
            sli: text,
            taskset: text,
            acr_sync: "",
        };
        self
    }

    /// An unset variable is read as this text in `acr-sync`.
    pub const fn default_in_acr_sync(mut self, text: &'static str) -> Self {
        if let Unset::Default { sli, taskset, .. } = self.variable.unset {
            self.variable.unset = Unset::Default {
                sli,
                taskset,
                acr_sync: text,
            };
        }
        self
    }

    /// An unset variable has no value; `--help` shows this text as the default.
    pub const fn unset_means(mut self, text: &'static str) -> Self {
        self.variable.unset = Unset::Nothing(text);
        self
    }

    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.variable.aliases = aliases;
        self
    }

    pub const fn only(mut self, readers: &'static [Program]) -> Self {
        self.variable.readers = readers;
        self
    }

    pub const fn secret(mut self) -> Self {
        self.variable.secret = true;
        self
    }

    pub const fn in_report(mut self, render: fn(&Config) -> String) -> Self {
        self.variable.in_report = Some(render);
        self
    }

    pub const fn under(mut self, heading: &'static str) -> Self {
        self.variable.heading = heading;
        self
    }
}

impl Setting<bool> {
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self::new(name, BOOLEAN, values::boolean, help).default("false")
    }
}

impl Setting<SecretString> {
    pub const fn hidden(name: &'static str, help: &'static str) -> Self {
        Self::new(name, "SECRET", values::secret, help).secret()
    }
}

/// Declares one constant for each setting, and the list of all variables.
macro_rules! settings {
    ($( $heading:literal { $( $name:ident: $type:ty = $setting:expr; )+ } )+) => {
        $($( pub(super) const $name: Setting<$type> = $setting.under($heading); )+)+

        /// All variables, in the order of the report's settings. `--help` has them in the same order, by heading.
        pub const VARIABLES: &[Variable] = &[$($( $name.variable, )+)+];
    };
}
pub(super) use settings;
