//! The command that repeats a run, for issues: the given settings as a shell writes them, and the executable.

use super::reader::Reader;
use super::{Variable, variables};

/// Variables that the command leaves out. They describe the machine, the identity or the collector, or the command has
/// its own value.
const LEFT_OUT: &[&str] = &[
    variables::OUTPUT_DIR.variable.name,
    variables::CODEBUNDLE_TEMP_DIR.variable.name,
    variables::METRICS_FILE.variable.name,
    variables::LOG_LEVEL.variable.name,
    variables::LOG_FORMAT.variable.name,
    variables::AZURE_TENANT_ID.variable.name,
    variables::AZURE_CLIENT_ID.variable.name,
    variables::AZURE_SUBSCRIPTION_ID.variable.name,
    variables::AZURE_FEDERATED_TOKEN_FILE.variable.name,
    variables::AZURE_CONFIG_DIR.variable.name,
    variables::NO_PROXY.variable.name,
    variables::SSL_CERT_FILE.variable.name,
    variables::PUSH_METRIC.variable.name,
    variables::OTEL_EXPORTER_OTLP_ENDPOINT.variable.name,
    variables::RW_OTEL_COLLECTOR_ENDPOINT.variable.name,
    variables::RW_SLI_METRIC_NAME.variable.name,
    variables::RW_WORKSPACE.variable.name,
    variables::RW_SECRETS_KEYS.variable.name,
];

impl Reader<'_> {
    /// The command, with every setting that is given and differs from its default. Secrets are left out.
    pub(super) fn command(&self) -> String {
        let assignments = variables::VARIABLES
            .iter()
            .filter(|variable| variable.is_read_by(self.program))
            .filter(|variable| !variable.secret && !LEFT_OUT.contains(&variable.name))
            .filter_map(|variable| self.assignment(variable));
        assignments
            .chain([quoted(self.inputs.executable)])
            .chain(self.inputs.subcommand.map(quoted))
            .chain(self.inputs.argument.map(quoted))
            .chain(["--log-level debug".to_owned()])
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn assignment(&self, variable: &Variable) -> Option<String> {
        let value = self.inputs.get(variable)?;
        let name = variable.name;
        // A value of a chart may be a secret, and a text in YAML has several lines.
        let is_text = [
            &variables::CHART_SET.variable,
            &variables::EXTRA_IMAGES,
            &variables::EXTRA_CHARTS,
        ];
        if is_text.iter().any(|variable| variable.name == name) {
            return Some(format!("{name}=\"${name}\""));
        }
        (value != variable.default_for(self.program)).then(|| format!("{name}={}", quoted(&value)))
    }
}

/// The text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let text = crate::text::strip_control(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn shell_reads_a_quoted_text_as_one_word() {
        assert_eq!(quoted("main"), "main");
        assert_eq!(quoted(">=0.6, <1"), "'>=0.6, <1'");
        assert_eq!(quoted("a'$b"), r"'a'\''$b'");
        assert_eq!(quoted(""), "''");
    }
}
