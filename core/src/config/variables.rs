//! Every variable that a user can set: the one table behind parsing, `--help` and the documents.

use super::Program;

/// A variable, and the flag that says the same.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// Other names under which it is read when it is unset.
    pub aliases: &'static [&'static str],
    /// The default as `--help` shows it; empty when there is none.
    pub default: &'static str,
    /// What a value looks like.
    pub value: &'static str,
    /// What it is for: one sentence.
    pub help: &'static str,
    /// The heading it stands under in `--help`.
    pub heading: &'static str,
    /// The one executable that reads it; none when both do.
    pub only: Option<Program>,
    /// A secret is never taken from an argument and never shown.
    pub secret: bool,
}

impl Variable {
    /// The flag's name without its dashes; none for a secret.
    pub fn flag(&self) -> Option<String> {
        (!self.secret).then(|| self.name.to_ascii_lowercase().replace('_', "-"))
    }

    /// Whether the flag may stand alone and then means `true`.
    pub fn is_switch(&self) -> bool {
        self.value == BOOLEAN
    }

    /// Whether an executable reads it.
    pub fn is_read_by(&self, program: Program) -> bool {
        self.only.is_none_or(|only| only == program)
    }

    /// The default for one of the executables.
    pub fn default_for(&self, program: Program) -> &'static str {
        match (self.name, program) {
            (SYNC_IMAGES, Program::Taskset) => "true",
            (SYNC_IMAGES, Program::Sli) => "false",
            _ => self.default,
        }
    }
}

const BOOLEAN: &str = "true|false";
const WHAT: &str = "What to keep in step";
const CHART: &str = "The RunWhen Local chart";
const HOW: &str = "How to run";
const AZURE: &str = "Azure credentials (the first form that is begun is used)";
const NETWORK: &str = "Network";
const METRIC: &str = "The metric, outside the RunWhen platform (sli only)";

pub(super) const REGISTRY_NAME: &str = "REGISTRY_NAME";
pub(super) const REGISTRY_REPOSITORY_PATH: &str = "REGISTRY_REPOSITORY_PATH";
pub(super) const AZURE_RESOURCE_SUBSCRIPTION_ID: &str = "AZURE_RESOURCE_SUBSCRIPTION_ID";
pub(super) const SYNC_IMAGES: &str = "SYNC_IMAGES";
pub(super) const REF: &str = "REF";
pub(super) const SYNC_REF_LATEST: &str = "SYNC_REF_LATEST";
pub(super) const IMAGES: &str = "IMAGES";
pub(super) const IMAGE_ARCHITECTURE: &str = "IMAGE_ARCHITECTURE";
pub(super) const VERIFY_CHILDREN: &str = "VERIFY_CHILDREN";
pub(super) const USE_DATE_TAG: &str = "USE_DATE_TAG";
pub(super) const USE_DOCKER_AUTH: &str = "USE_DOCKER_AUTH";
pub(super) const DOCKER_USERNAME: &str = "DOCKER_USERNAME";
pub(super) const DOCKER_TOKEN: &str = "DOCKER_TOKEN";
pub(super) const HELM_REPO_URL: &str = "HELM_REPO_URL";
pub(super) const HELM_CHART_NAME: &str = "HELM_CHART_NAME";
pub(super) const CHART_VERSION: &str = "CHART_VERSION";
pub(super) const CHART_VALUES: &str = "CHART_VALUES";
pub(super) const CHART_SET: &str = "CHART_SET";
pub(super) const OUTPUT_DIR: &str = "OUTPUT_DIR";
pub(super) const CODEBUNDLE_TEMP_DIR: &str = "CODEBUNDLE_TEMP_DIR";
pub(super) const TIMEOUT_SECONDS: &str = "TIMEOUT_SECONDS";
pub(super) const LOG_LEVEL: &str = "LOG_LEVEL";
pub(super) const AZURE_CLOUD: &str = "AZURE_CLOUD";
pub(super) const AZURE_AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
pub(super) const AZURE_CONFIG_DIR: &str = "AZURE_CONFIG_DIR";
pub(super) const AZURE_FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
pub(super) const AZURE_CREDENTIALS: &str = "azure_credentials";
pub(super) const HTTPS_PROXY: &str = "HTTPS_PROXY";
pub(super) const NO_PROXY: &str = "NO_PROXY";
pub(super) const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
pub(super) const PUSH_METRIC: &str = "PUSH_METRIC";
pub(super) const OTEL_EXPORTER_OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
pub(super) const OTEL_EXPORTER_OTLP_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
pub(super) const RW_OTEL_COLLECTOR_ENDPOINT: &str = "RW_OTEL_COLLECTOR_ENDPOINT";
pub(super) const RW_SLI_METRIC_NAME: &str = "RW_SLI_METRIC_NAME";
pub(super) const RW_WORKSPACE: &str = "RW_WORKSPACE";

/// Tenant, client, secret and subscription, as Azure's tools name them and as the platform does.
pub(super) const EXPLICIT: [[&str; 4]; 2] = [
    [
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_SUBSCRIPTION_ID",
    ],
    [
        "az_tenantId",
        "az_clientId",
        "az_clientSecret",
        "az_subscriptionId",
    ],
];

const fn public(
    name: &'static str,
    heading: &'static str,
    default: &'static str,
    value: &'static str,
    help: &'static str,
) -> Variable {
    Variable {
        name,
        aliases: &[],
        default,
        value,
        help,
        heading,
        only: None,
        secret: false,
    }
}

const fn of_metric(
    name: &'static str,
    default: &'static str,
    value: &'static str,
    help: &'static str,
) -> Variable {
    Variable {
        only: Some(Program::Sli),
        ..public(name, METRIC, default, value, help)
    }
}

const fn secret(name: &'static str, heading: &'static str, help: &'static str) -> Variable {
    Variable {
        name,
        aliases: &[],
        default: "",
        value: "SECRET",
        help,
        heading,
        only: None,
        secret: true,
    }
}

/// All variables, in the order of `--help`.
pub const VARIABLES: &[Variable] = &[
    public(
        REGISTRY_NAME,
        WHAT,
        "",
        "NAME|LOGIN_SERVER",
        "The Azure Container Registry: its name (myacr) or its login server (myacr.azurecr.io). Required.",
    ),
    public(
        REGISTRY_REPOSITORY_PATH,
        WHAT,
        "runwhen",
        "PATH",
        "The path inside the registry under which the images stand.",
    ),
    public(
        AZURE_RESOURCE_SUBSCRIPTION_ID,
        WHAT,
        "",
        "UUID",
        "The subscription that holds the registry. Detected when unset.",
    ),
    Variable {
        default: "false (sli), true (taskset)",
        ..public(
            SYNC_IMAGES,
            WHAT,
            "",
            BOOLEAN,
            "Whether to import what is missing or outdated, or only to look.",
        )
    },
    public(
        IMAGES,
        WHAT,
        "all",
        "all|codecollection|runwhen-local",
        "Which category of images to look at.",
    ),
    public(
        REF,
        WHAT,
        "main",
        "PREFIX",
        "The branch of the CodeCollections, as it stands in their tags (main of main-latest).",
    ),
    public(
        SYNC_REF_LATEST,
        WHAT,
        "false",
        BOOLEAN,
        "Also keep ${REF}-latest of the CodeCollections in the registry, on the stable tag's digest.",
    ),
    public(
        IMAGE_ARCHITECTURE,
        WHAT,
        "amd64",
        "PLATFORM",
        "The platform whose manifest decides which tags are the same image, such as amd64, arm64 or linux/arm/v7.",
    ),
    Variable {
        only: Some(Program::Sli),
        ..public(
            VERIFY_CHILDREN,
            WHAT,
            "false",
            BOOLEAN,
            "Also check that an up-to-date index still has its manifest for IMAGE_ARCHITECTURE; taskset always does.",
        )
    },
    public(
        USE_DATE_TAG,
        WHAT,
        "false",
        BOOLEAN,
        "Import a source tag 'latest' under a date tag (YYYYMMDDHHMMSS).",
    ),
    public(
        USE_DOCKER_AUTH,
        WHAT,
        "false",
        BOOLEAN,
        "Use DOCKER_USERNAME and DOCKER_TOKEN with Docker Hub.",
    ),
    Variable {
        value: "NAME",
        ..secret(
            DOCKER_USERNAME,
            WHAT,
            "Docker Hub user, required with USE_DOCKER_AUTH.",
        )
    },
    secret(
        DOCKER_TOKEN,
        WHAT,
        "Docker Hub access token, required with USE_DOCKER_AUTH.",
    ),
    public(
        HELM_REPO_URL,
        CHART,
        "https://runwhen-contrib.github.io/helm-charts",
        "URL|PATH",
        "Where the RunWhen Local chart is: a chart repository, oci://…, a folder or a .tgz.",
    ),
    public(
        HELM_CHART_NAME,
        CHART,
        "runwhen-local",
        "NAME",
        "The chart's name in its repository.",
    ),
    Variable {
        default: "the highest release",
        ..public(
            CHART_VERSION,
            CHART,
            "",
            "VERSION|RANGE",
            "Another version of the chart, or a range of them.",
        )
    },
    public(
        CHART_VALUES,
        CHART,
        "",
        "FILE",
        "Values for the chart, as YAML.",
    ),
    public(
        CHART_SET,
        CHART,
        "",
        "A.B=C,…",
        "More values, as Helm's --set takes them; runner.enabled=true is always set first.",
    ),
    public(
        OUTPUT_DIR,
        HOW,
        ".",
        "DIR",
        "Where report.md and report.html go, and the JSON artifacts, in a folder azure-rw-acr-sync.",
    ),
    Variable {
        default: "OUTPUT_DIR",
        ..public(
            CODEBUNDLE_TEMP_DIR,
            HOW,
            "",
            "DIR",
            "Where images_to_update.json goes.",
        )
    },
    public(
        TIMEOUT_SECONDS,
        HOW,
        "540",
        "SECONDS",
        "Deadline of the whole run; what is known by then is written and reported.",
    ),
    public(
        LOG_LEVEL,
        HOW,
        "info",
        "error|warn|info|debug",
        "How much is logged to stderr.",
    ),
    public(
        EXPLICIT[0][0],
        AZURE,
        "",
        "ID",
        "Tenant of the service principal.",
    ),
    public(
        EXPLICIT[0][1],
        AZURE,
        "",
        "ID",
        "Application (client) id of the service principal or managed identity.",
    ),
    secret(EXPLICIT[0][2], AZURE, "Secret of the service principal."),
    public(
        EXPLICIT[0][3],
        AZURE,
        "",
        "UUID",
        "Subscription of the service principal.",
    ),
    secret(
        EXPLICIT[1][0],
        AZURE,
        "AZURE_TENANT_ID as the platform names it.",
    ),
    secret(
        EXPLICIT[1][1],
        AZURE,
        "AZURE_CLIENT_ID as the platform names it.",
    ),
    secret(
        EXPLICIT[1][2],
        AZURE,
        "AZURE_CLIENT_SECRET as the platform names it.",
    ),
    secret(
        EXPLICIT[1][3],
        AZURE,
        "AZURE_SUBSCRIPTION_ID as the platform names it.",
    ),
    secret(
        AZURE_CREDENTIALS,
        AZURE,
        "The same four as JSON or KEY=VALUE lines, or the path of a file that holds them.",
    ),
    public(
        AZURE_FEDERATED_TOKEN_FILE,
        AZURE,
        "",
        "FILE",
        "Token of a workload identity, with AZURE_TENANT_ID and AZURE_CLIENT_ID.",
    ),
    public(
        AZURE_CONFIG_DIR,
        AZURE,
        "",
        "DIR",
        "Folder of a login made with the Azure CLI as a service principal or managed identity.",
    ),
    Variable {
        default: "detected",
        ..public(
            AZURE_CLOUD,
            AZURE,
            "",
            "AzureCloud|AzureUSGovernment|AzureChinaCloud",
            "The Azure cloud; follows from the login server when that is given.",
        )
    },
    Variable {
        default: "the cloud's",
        ..public(
            AZURE_AUTHORITY_HOST,
            AZURE,
            "",
            "URL",
            "Where tokens come from; https only.",
        )
    },
    Variable {
        value: "URL",
        aliases: &["https_proxy"],
        ..secret(
            HTTPS_PROXY,
            NETWORK,
            "The proxy for every https connection; may hold user and password.",
        )
    },
    Variable {
        aliases: &["no_proxy"],
        ..public(
            NO_PROXY,
            NETWORK,
            "",
            "HOSTS",
            "Hosts to reach without the proxy (example.com, *.example.com, 10.0.0.0/8, *; with :port where wanted).",
        )
    },
    Variable {
        default: "the system's",
        aliases: &["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"],
        ..public(
            SSL_CERT_FILE,
            NETWORK,
            "",
            "FILE",
            "PEM bundle of the authorities to trust (also REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE).",
        )
    },
    of_metric(
        PUSH_METRIC,
        "false",
        BOOLEAN,
        "Also push the number over OTLP/HTTP, to the collector that one of the next variables names.",
    ),
    of_metric(
        OTEL_EXPORTER_OTLP_ENDPOINT,
        "",
        "URL",
        "The collector's base address, to which OpenTelemetry adds /v1/metrics.",
    ),
    Variable {
        value: "NAME=VALUE,…",
        only: Some(Program::Sli),
        ..secret(
            OTEL_EXPORTER_OTLP_HEADERS,
            METRIC,
            "Headers for that collector, as NAME=VALUE,…; a token, for one.",
        )
    },
    of_metric(
        RW_OTEL_COLLECTOR_ENDPOINT,
        "",
        "URL",
        "The platform's collector: the whole address; used when the other is unset.",
    ),
    of_metric(
        RW_SLI_METRIC_NAME,
        "rw_acr_images_needing_sync",
        "NAME",
        "Name of the metric; those of the categories follow after two underscores.",
    ),
    of_metric(
        RW_WORKSPACE,
        "",
        "NAME",
        "The metric's attribute workspace; required with RW_OTEL_COLLECTOR_ENDPOINT.",
    ),
];

/// The variable of this name.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_secrets_have_no_flag() {
        let mut names: Vec<_> = VARIABLES
            .iter()
            .flat_map(|v| [&[v.name][..], v.aliases].concat())
            .collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(VARIABLES.iter().all(|v| v.secret == v.flag().is_none()));
        assert_eq!(variable("DOCKER_TOKEN").unwrap().flag(), None);
        assert_eq!(
            variable("USE_DATE_TAG").unwrap().flag().unwrap(),
            "use-date-tag"
        );
    }
}
