//! Suggestions for names and values that are probably mistyped.

use std::collections::BTreeSet;
use std::fmt;

use super::reader::Reader;
use super::{PLACEHOLDER, Variable, variables};
use crate::text::shortened;

/// A variable of the environment that nothing reads, and the variable that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistyped {
    /// The name in the environment, without control characters.
    pub name: String,
    pub meant: &'static str,
}

impl fmt::Display for Mistyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, meant } = self;
        write!(
            f,
            "the variable {name} is set, but not read: perhaps {meant} is meant"
        )
    }
}

/// The most characters of a name in a message.
const LONGEST_NAME: usize = 80;

/// Below this length, names of other programs are too close.
const SHORTEST_NAME: usize = 8;
/// From this length on, two mistakes are recognized.
const LONG_NAME: usize = 12;

/// Variables of other programs that are close to one that this program reads.
const OF_OTHERS: [&str; 5] = [
    "AZURE_CREDENTIALS",
    "HTTP_PROXY",
    "http_proxy",
    "LOGLEVEL",
    "LOGFORMAT",
];

impl Reader<'_> {
    /// The variables that are set under a name that is close to one that is read, ordered by name.
    pub(super) fn mistyped(&self) -> Vec<Mistyped> {
        let names: BTreeSet<&String> = self.inputs.names.iter().collect();
        let is_set = |name: &&&String| {
            let value = (self.inputs.variable)(name).unwrap_or_default();
            !matches!(value.trim(), "" | PLACEHOLDER)
        };
        let found = |name: &String| {
            Some(Mistyped {
                meant: meant_by(name)?,
                name: shortened(name, LONGEST_NAME),
            })
        };
        names
            .iter()
            .filter(is_set)
            .filter_map(|name| found(name))
            .collect()
    }
}

fn all_names(variable: &Variable) -> impl Iterator<Item = &'static str> {
    std::iter::once(variable.name).chain(variable.aliases.iter().copied())
}

/// The variable that this name probably means; `None` for a name that is read, or that is not close to one.
fn meant_by(name: &str) -> Option<&'static str> {
    let known = || variables::VARIABLES.iter().flat_map(all_names);
    if OF_OTHERS.contains(&name) || known().any(|known| known == name) {
        return None;
    }
    let close = known().filter_map(|known| Some((mistakes_in(name, known)?, known)));
    close
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, it)| it)
}

/// The number of mistakes in a name; `None` if they are too many.
fn mistakes_in(name: &str, known: &str) -> Option<usize> {
    if known.len() < SHORTEST_NAME {
        return None;
    }
    let plain = |text: &str| text.replace(['_', '-', '.', ' '], "").to_ascii_uppercase();
    if plain(name) == plain(known) {
        return Some(0);
    }
    let most = if known.len() < LONG_NAME { 1 } else { 2 };
    let upper = (name.to_ascii_uppercase(), known.to_ascii_uppercase());
    // The distance takes a product of both lengths to compute.
    if name.len().abs_diff(known.len()) > most {
        return None;
    }
    let mistakes = strsim::osa_distance(&upper.0, &upper.1);
    (mistakes <= most).then_some(mistakes)
}

/// `; perhaps "import"` for a value that is close to one of these; otherwise empty.
pub(super) fn perhaps(value: &str, choices: &[&str]) -> String {
    match closest(value, choices) {
        Some(choice) => format!("; perhaps {choice:?}"),
        None => String::new(),
    }
}

fn closest<'a>(value: &str, choices: &[&'a str]) -> Option<&'a str> {
    let value = value.to_ascii_lowercase();
    let longest = choices.iter().map(|choice| choice.len()).max()?;
    if value.len() < 3 || value.len() > longest + 8 {
        return None;
    }
    let close = choices.iter().filter_map(|choice| {
        let lower = choice.to_ascii_lowercase();
        let is_longer_form = lower.len() >= 3 && value.starts_with(&lower);
        if is_longer_form || lower.starts_with(&value) {
            return Some((1, *choice));
        }
        let most = if lower.len() < 5 { 1 } else { 2 };
        let mistakes = strsim::osa_distance(&value, &lower);
        (mistakes <= most && mistakes < lower.len()).then_some((mistakes, *choice))
    });
    close
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_name_is_recognized() {
        for (name, meant) in [
            ("REGISTRY_NAMES", "REGISTRY_NAME"),
            ("REGISTRYNAME", "REGISTRY_NAME"),
            ("REGISTRY-NAME", "REGISTRY_NAME"),
            ("registry_name", "REGISTRY_NAME"),
            ("REGISTRY_REPOSITORY_PAHT", "REGISTRY_REPOSITORY_PATH"),
            ("SYNC_IMAGE", "SYNC_IMAGES"),
            ("SYNC_METHODS", "SYNC_METHOD"),
            ("AZURE_CLIENTID", "AZURE_CLIENT_ID"),
            ("AZURE_TENANTID", "AZURE_TENANT_ID"),
            ("AZURE_CLIENT_SECRETS", "AZURE_CLIENT_SECRET"),
            ("AZURE_SUBSCRIPTION_IDS", "AZURE_SUBSCRIPTION_ID"),
            ("AZ_TENANT_ID", "az_tenantId"),
            ("TIMEOUT_SECOND", "TIMEOUT_SECONDS"),
            ("EXCLUDE_IMAGE", "EXCLUDE_IMAGES"),
            ("EXCLUDED_IMAGES", "EXCLUDE_IMAGES"),
            ("OUTPUT_DIRS", "OUTPUT_DIR"),
            ("CHART_VALUE", "CHART_VALUES"),
            ("HTTPS_PROXYS", "HTTPS_PROXY"),
            ("SSL_CERT_FLIE", "SSL_CERT_FILE"),
        ] {
            assert_eq!(meant_by(name), Some(meant), "{name}");
        }
    }

    /// Names that are usual on systems where this program runs.
    const USUAL: &str = "
        HOME PATH PWD OLDPWD USER LOGNAME SHELL SHLVL TERM COLUMNS LINES LANG LC_ALL LANGUAGE TZ TMPDIR TEMP TMP EDITOR PAGER
        HOSTNAME HOST MAIL DISPLAY _ LS_COLORS SSH_CLIENT SSH_CONNECTION SSH_AUTH_SOCK SUDO_USER XDG_RUNTIME_DIR DEBUG VERBOSE
        CHARSET IMAGE IMAGES_DIR REFS TAG TAGS LOGLEVEL LOG_FILE LOG_DIR RUST_LOG RUST_BACKTRACE PYTHONPATH PYTHONUNBUFFERED
        HTTP_PROXY http_proxy ALL_PROXY all_proxy FTP_PROXY ftp_proxy GRPC_PROXY NO_COLOR FORCE_COLOR CLICOLOR COLORTERM
        SSL_CERT_DIR NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO AWS_CA_BUNDLE PIP_CERT CARGO_HOME GOPROXY
        CI GITHUB_REF GITHUB_REF_NAME GITHUB_SHA GITHUB_TOKEN GITHUB_WORKSPACE RUNNER_OS BUILD_SOURCEBRANCH SYSTEM_ACCESSTOKEN
        KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT_443_TCP_ADDR KUBECONFIG POD_NAME POD_NAMESPACE
        REGISTRY_PORT REGISTRY_SERVICE_HOST REGISTRY_SERVICE_PORT REGISTRY_URL REGISTRY_HOST REGISTRY_USER REGISTRY_AUTH
        REGISTRY_AUTH_FILE DOCKER_HOST DOCKER_USER DOCKER_PASSWORD DOCKER_CONTENT_TRUST DOCKER_BUILDKIT CONTAINER_NAME
        HELM_HOME HELM_CACHE_HOME HELM_CONFIG_HOME HELM_REPOSITORY_CONFIG HELM_REGISTRY_CONFIG HELM_NAMESPACE CHART_NAME
        AZURE_CLIENT_CERTIFICATE_PATH AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_CLIENT_SEND_CERTIFICATE_CHAIN AZURE_USERNAME
        AZURE_PASSWORD AZURE_CREDENTIALS AZURE_RESOURCE_GROUP AZURE_LOCATION AZURE_CORE_OUTPUT AZURE_EXTENSION_DIR
        AZURE_TOKEN_CREDENTIALS AZURE_REGIONAL_AUTHORITY_NAME AZURE_HTTP_USER_AGENT AZURE_DEFAULTS_GROUP AZURE_CLOUD_NAME
        AZURE_SUBSCRIPTION AZURE_TENANT AZURE_DEVOPS_EXT_PAT AZURE_STORAGE_ACCOUNT AZURE_ACR_NAME
        ARM_CLIENT_ID ARM_CLIENT_SECRET ARM_TENANT_ID ARM_SUBSCRIPTION_ID IDENTITY_ENDPOINT IDENTITY_HEADER MSI_ENDPOINT
        IMDS_ENDPOINT WEBSITE_SITE_NAME ACR_NAME ACR_REGISTRY AKS_CLUSTER
        RW_WORKSPACE RW_LOCATION RW_MODE RW_PATH_TO_ROBOT RW_FROM_FILE RW_SECRET_REMAP RW_ENV_REMAP RW_SLX RW_SESSION_ID
        RW_RFNS RW_TASK_TITLES RW_API_URL RW_SLI_INTERVAL CODEBUNDLE_TEMP_DIR OUTPUT_DIR RW_SECRETS_KEYS RW_METRIC_NAME
        OTEL_SERVICE_NAME OTEL_RESOURCE_ATTRIBUTES OTEL_EXPORTER_OTLP_PROTOCOL OTEL_EXPORTER_OTLP_TIMEOUT
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT OTEL_EXPORTER_OTLP_METRICS_HEADERS OTEL_METRICS_EXPORTER
        ACR_SYNC_HOME SOURCE_COMMIT SOURCE_DATE_EPOCH TIMEOUT SYNC OUTPUT FORMAT LEVEL NAME VERSION";

    #[test]
    fn usual_names_of_other_programs_cause_no_warning() {
        for name in USUAL.split_whitespace() {
            assert_eq!(meant_by(name), None, "{name}");
        }
    }

    #[test]
    fn no_name_that_is_read_is_mistaken_for_another() {
        for name in variables::VARIABLES.iter().flat_map(all_names) {
            assert_eq!(meant_by(name), None, "{name}");
        }
    }

    #[test]
    fn mistyped_value_has_a_suggestion_and_another_word_has_none() {
        let levels = ["error", "warn", "info", "debug"];
        let methods = ["auto", "import", "copy"];
        for (value, choices, wanted) in [
            ("improt", &methods[..], Some("import")),
            ("Imports", &methods, Some("import")),
            ("cpy", &methods, Some("copy")),
            ("push", &methods, None),
            ("warning", &levels, Some("warn")),
            ("inf", &levels, Some("info")),
            ("trace", &levels, None),
            ("ture", &["true", "false"], Some("true")),
            ("flase", &["true", "false"], Some("false")),
            ("maybe", &["true", "false"], None),
            ("", &levels, None),
            (
                "AzureUSGoverment",
                &["AzureCloud", "AzureUSGovernment"],
                Some("AzureUSGovernment"),
            ),
        ] {
            assert_eq!(closest(value, choices), wanted, "{value}");
        }
    }
}
