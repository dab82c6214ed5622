//! The declarations of all variables. Parsing, `--help`, docs/reference.md and the report's settings follow them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderName;
use secrecy::SecretString;
use url::Url;

use super::codecollections::Named;
use super::setting::{Setting, Variable, settings};
use super::{
    AllowedImages, CatalogPointer, CatalogRequest, CatalogUrl, ChartSource, CodeCollectionSource,
    ExcludedName, LogFormat, Program, RegistryType, SyncMethod, catalog, chart, codecollections,
    exclusion, metric_push, values,
};
use crate::category::Category;
use crate::cloud::Cloud;
use crate::name::{ImageName, Registry, Repository, Tag};
use crate::platform::Platform;

settings! {
    "What to keep in sync" {
        REGISTRY_NAME: String = Setting::new(
            "REGISTRY_NAME",
            "NAME|LOGIN_SERVER,…",
            values::text,
            "The Azure Container Registry: its name (myacr) or its login server (myacr.azurecr.io); with REGISTRY_TYPE=oci \
             the host of the registry (host[:port]). Several are separated by commas. Required.",
        )
        .required(
            "the registry's name (myacr) or login server (myacr.azurecr.io), or its host with REGISTRY_TYPE=oci",
        )
        .in_report(|config| super::targets::names(&config.targets));

        REGISTRY_TYPE: RegistryType = Setting::new(
            "REGISTRY_TYPE",
            "acr|oci",
            values::registry_type,
            "The kind of the registry: an Azure Container Registry, or any other registry of the OCI specification.",
        )
        .default("acr")
        .in_report(|config| config.registry_type.name().to_owned());

        REGISTRY_REPOSITORY_PATH: Repository = Setting::new(
            "REGISTRY_REPOSITORY_PATH",
            "PATH",
            values::repository_path,
            "The path inside the registry under which the images are stored.",
        )
        .default("runwhen")
        .in_report(|config| config.repository_path.to_string());

        AZURE_RESOURCE_SUBSCRIPTION_ID: String = Setting::new(
            "AZURE_RESOURCE_SUBSCRIPTION_ID",
            "UUID",
            values::uuid,
            "The subscription that holds the registry. Detected when unset.",
        )
        .in_report(|config| {
            let login = config.targets.first().and_then(|target| target.login.azure());
            let of_login = login.and_then(|login| login.subscription.as_ref());
            let given = config.subscription.as_ref().or(of_login);
            config.of_azure(given.map_or("detected", String::as_str))
        });

        SYNC_IMAGES: bool = Setting::switch(
            "SYNC_IMAGES",
            "Whether to sync images that are missing or outdated, or only to check.",
        )
        .only(&[Program::Sli, Program::Taskset])
        .defaults("false", "true")
        .in_report(|config| config.sync_images.to_string());

        SYNC_METHOD: SyncMethod = Setting::new(
            "SYNC_METHOD",
            "auto|import|copy",
            values::sync_method,
            "How images are synced: imported by Azure, copied by this program, or (auto) copied if an import is refused.",
        )
        .default("auto")
        .in_report(|config| config.sync_method.name().to_owned());

        IMAGES: BTreeSet<Category> = Setting::new(
            "IMAGES",
            "all|codecollection|runwhen-local|extra",
            values::images,
            "Which category of images to check.",
        )
        .default("all")
        .in_report(|config| values::images_option(&config.images));

        EXCLUDE_IMAGES: Vec<ExcludedName> = Setting::new(
            "EXCLUDE_IMAGES",
            "NAMES",
            exclusion::parse,
            "Images to leave out, by the last part of their name or the whole repository, separated by commas; a name may begin \
             or end with *.",
        )
        .in_report(|config| {
            let names: Vec<_> = config.exclude.iter().map(ToString::to_string).collect();
            names.join(", ")
        });

        REF: Tag = Setting::new(
            "REF",
            "PREFIX",
            values::git_ref,
            "The branch of the CodeCollections, as it appears in their tags (main of main-latest).",
        )
        .default("main")
        .in_report(|config| config.git_ref.to_string());

        SYNC_REF_LATEST: bool = Setting::switch(
            "SYNC_REF_LATEST",
            "Also keep ${REF}-latest of the CodeCollections in the registry, on the stable tag's digest, for \
             azure-rw-acr-helm-update at 80f8ef7; not with CODECOLLECTION_SOURCE=catalog.",
        )
        .in_report(|config| config.sync_ref_latest.to_string());

        CODECOLLECTION_SOURCE: CodeCollectionSource = Setting::new(
            "CODECOLLECTION_SOURCE",
            "tags|catalog",
            catalog::parse_source,
            "Where the CodeCollections are found: five repositories by their tags, or RunWhen's catalog.",
        )
        .default("tags")
        .in_report(|config| config.codecollection_source.name().to_owned());

        CODECOLLECTIONS: Vec<Named> = Setting::new(
            "CODECOLLECTIONS",
            "NAME,…",
            codecollections::parse_names,
            "The CodeCollections to check instead of all: names, or whole repositories (registry/repository) of any registry.",
        )
        .unset_means("all of them")
        .in_report(|config| config.chosen_codecollections());

        CODECOLLECTION_REGISTRY: ImageName = Setting::new(
            "CODECOLLECTION_REGISTRY",
            "HOST/PATH",
            codecollections::parse_place,
            "Where the repositories of the CodeCollections are: RunWhen's registry, or your mirror of it.",
        )
        .default(codecollections::RUNWHEN);

        CODECOLLECTION_REGISTRY_USERNAME: SecretString = Setting::new(
            "CODECOLLECTION_REGISTRY_USERNAME",
            "NAME",
            values::secret,
            "User of that mirror, if it requires a login.",
        )
        .secret();

        CODECOLLECTION_REGISTRY_PASSWORD: SecretString = Setting::hidden(
            "CODECOLLECTION_REGISTRY_PASSWORD",
            "Password or access token of that user.",
        );

        REGISTRY_CATALOG_URL: CatalogUrl = Setting::new(
            "REGISTRY_CATALOG_URL",
            "URL",
            CatalogUrl::parse,
            "The address of the catalog; https only.",
        )
        .default("https://registry.runwhen.com")
        .in_report(|config| config.of_catalog(|catalog| catalog.url.to_string()));

        CATALOG_POINTER: CatalogPointer = Setting::new(
            "CATALOG_POINTER",
            "latest|stable",
            catalog::parse_pointer,
            "Take the images that the catalog calls latest or stable instead of those of REF.",
        )
        .in_report(|config| {
            let name = |catalog: &CatalogRequest| Some(catalog.wanted.pointer()?.name().to_owned());
            config.of_catalog(|catalog| name(catalog).unwrap_or_default())
        });

        CATALOG_HOSTS: Vec<AllowedImages> = Setting::new(
            "CATALOG_HOSTS",
            "HOST/PATH,…",
            catalog::parse_hosts,
            "The hosts, or hosts with the beginning of a path, from which the catalog's images may come.",
        )
        .default("ghcr.io/runwhen-contrib")
        .in_report(|config| {
            config.of_catalog(|catalog| {
                let hosts = catalog.hosts.iter().map(ToString::to_string);
                hosts.collect::<Vec<_>>().join(",")
            })
        });
    }

    "The RunWhen Local chart" {
        HELM_REPO_URL: ChartSource = Setting::new(
            "HELM_REPO_URL",
            "URL|PATH",
            ChartSource::parse,
            "Where the RunWhen Local chart is: a chart repository, oci://…, a folder or a .tgz.",
        )
        .default("https://runwhen-contrib.github.io/helm-charts")
        .in_report(|config| config.chart.source.to_string());

        HELM_CHART_NAME: String = Setting::new(
            "HELM_CHART_NAME",
            "NAME",
            chart::parse_name,
            "The chart's name in its repository.",
        )
        .default("runwhen-local")
        .in_report(|config| config.chart.name.clone());

        CHART_VERSION: String = Setting::new(
            "CHART_VERSION",
            "VERSION|RANGE",
            chart::parse_version,
            "Another version of the chart, or a range of them.",
        )
        .unset_means("the highest release")
        .in_report(|config| config.chart.version.as_deref().unwrap_or("the highest release").to_owned());

        CHART_VALUES: String = Setting::new(
            "CHART_VALUES",
            "FILE",
            values::text,
            "Values for the chart, as YAML.",
        );

        CHART_SET: String = Setting::new(
            "CHART_SET",
            "A.B=C,…",
            values::text,
            "More values, as Helm's --set takes them; runner.enabled=true is always set first.",
        );
    }

    "Extra images and charts" {
        EXTRA_IMAGES: String = Setting::new(
            "EXTRA_IMAGES",
            "REFERENCES|YAML|FILE",
            values::text,
            "More images to keep in sync: references separated by commas, or YAML with a rule for each tag, inline or the path of a \
             file.",
        )
        .in_report(|config| match config.extra_images.len() {
            0 => String::new(),
            1 => "1 image".to_owned(),
            count => format!("{count} images"),
        });

        EXTRA_CHARTS: String = Setting::new(
            "EXTRA_CHARTS",
            "YAML|FILE",
            values::text,
            "Other Helm charts whose images are kept in sync: a list of repository, name, version and values, as YAML or in a file.",
        )
        .in_report(|config| config.shown_extra_charts());
    }

    "What to keep in sync" {
        IMAGE_ARCHITECTURE: Platform = Setting::new(
            "IMAGE_ARCHITECTURE",
            "PLATFORM",
            str::parse,
            "The platform whose manifest decides which tags are the same image, such as amd64, arm64 or linux/arm/v7.",
        )
        .default("amd64")
        .in_report(|config| config.architecture.to_string());

        VERIFY_CHILDREN: bool = Setting::switch(
            "VERIFY_CHILDREN",
            "Also check that an up-to-date index still has its manifest for IMAGE_ARCHITECTURE; taskset always does.",
        )
        .only(&[Program::Sli])
        .defaults("false", "true")
        .in_report(|config| config.verify_children.to_string());

        USE_DATE_TAG: bool = Setting::switch(
            "USE_DATE_TAG",
            "Store a source tag 'latest' under a date tag (YYYYMMDDHHMMSS).",
        )
        .in_report(|config| config.use_date_tag.to_string());

        USE_DOCKER_AUTH: bool = Setting::switch(
            "USE_DOCKER_AUTH",
            "Use DOCKER_USERNAME and DOCKER_TOKEN with Docker Hub.",
        )
        .in_report(|config| config.source_logins.uses_docker_auth().to_string());

        DOCKER_USERNAME: SecretString = Setting::new(
            "DOCKER_USERNAME",
            "NAME",
            values::secret,
            "Docker Hub user, required with USE_DOCKER_AUTH.",
        )
        .secret();

        DOCKER_TOKEN: SecretString = Setting::hidden(
            "DOCKER_TOKEN",
            "Docker Hub access token, required with USE_DOCKER_AUTH.",
        );
    }

    "How to run" {
        OUTPUT_DIR: PathBuf = Setting::new(
            "OUTPUT_DIR",
            "DIR",
            values::folder,
            "Where reports and artifacts go, in a folder azure-rw-acr-sync. Without it, acr-sync writes none.",
        )
        .default_except_in_acr_sync(".");

        CODEBUNDLE_TEMP_DIR: PathBuf = Setting::new(
            "CODEBUNDLE_TEMP_DIR",
            "DIR",
            values::folder,
            "Where images_to_update.json goes.",
        )
        .unset_means("OUTPUT_DIR");

        METRICS_FILE: PathBuf = Setting::new(
            "METRICS_FILE",
            "FILE",
            values::output_file,
            "Also write the results to this file in Prometheus's text format; node_exporter reads files that end in .prom.",
        );

        TIMEOUT_SECONDS: Duration = Setting::new(
            "TIMEOUT_SECONDS",
            "SECONDS",
            values::timeout,
            "Deadline of the whole run; what is known by then is written and reported.",
        )
        .default("540")
        .in_report(|config| config.timeout.as_secs().to_string());

        FAIL_ON_OUTDATED: bool = Setting::switch(
            "FAIL_ON_OUTDATED",
            "End with exit code 7 if images need a sync when the run ends, for pipelines.",
        );

        LOG_LEVEL: String = Setting::new(
            "LOG_LEVEL",
            "error|warn|info|debug",
            values::log_level,
            "How much is logged to stderr. See also --quiet and --verbose.",
        )
        .default("info")
        .default_in_acr_sync("warn");

        LOG_FORMAT: LogFormat = Setting::new(
            "LOG_FORMAT",
            "text|json",
            values::log_format,
            "The form of the log: lines for people, or a JSON object in each line.",
        )
        .default("text");
    }

    "Copying, and registries that are not in Azure" {
        COPY_REFERRERS: bool = Setting::switch(
            "COPY_REFERRERS",
            "Whether to copy signatures, SBOMs and other artifacts that refer to an image.",
        )
        .default("true")
        .in_report(|config| config.copy_referrers.to_string());

        COPY_CONCURRENCY: usize = Setting::new(
            "COPY_CONCURRENCY",
            "COUNT",
            values::copy_concurrency,
            "The most requests of a copy to one registry at the same time, each for reading and for writing.",
        )
        .default("24")
        .in_report(|config| config.network.copy_concurrency.to_string());

        REGISTRY_INSECURE: BTreeSet<Registry> = Setting::new(
            "REGISTRY_INSECURE",
            "HOSTS",
            values::registries,
            "Registries (host:port, separated by commas) to reach over plain HTTP.",
        )
        .in_report(|config| {
            let names: Vec<_> = config.network.insecure.iter().map(Registry::as_str).collect();
            names.join(", ")
        });

        REGISTRY_USERNAME: SecretString = Setting::new(
            "REGISTRY_USERNAME",
            "NAME",
            values::secret,
            "User of the registry, with REGISTRY_TYPE=oci.",
        )
        .secret();

        REGISTRY_PASSWORD: SecretString = Setting::hidden(
            "REGISTRY_PASSWORD",
            "Password or access token of the registry, with REGISTRY_TYPE=oci.",
        );

        DOCKER_CONFIG: PathBuf = Setting::new(
            "DOCKER_CONFIG",
            "DIR",
            values::path,
            "Folder of Docker's config.json. Its logins are used for the hosts that EXTRA_IMAGES, EXTRA_CHARTS, CODECOLLECTIONS, \
             CODECOLLECTION_REGISTRY, HELM_REPO_URL or a plan names, and with REGISTRY_TYPE=oci if REGISTRY_USERNAME is unset.",
        )
        .unset_means("~/.docker");
    }

    "Azure credentials (the first form that is begun is used)" {
        AZURE_TENANT_ID: String = Setting::new(
            "AZURE_TENANT_ID",
            "ID",
            values::text,
            "Tenant of the service principal.",
        );

        AZURE_CLIENT_ID: String = Setting::new(
            "AZURE_CLIENT_ID",
            "ID",
            values::text,
            "Application (client) id of the service principal or managed identity.",
        );

        AZURE_CLIENT_SECRET: SecretString = Setting::hidden(
            "AZURE_CLIENT_SECRET",
            "Secret of the service principal.",
        );

        AZURE_SUBSCRIPTION_ID: String = Setting::new(
            "AZURE_SUBSCRIPTION_ID",
            "UUID",
            values::text,
            "Subscription of the service principal.",
        );

        PLATFORM_TENANT_ID: SecretString = Setting::hidden(
            "az_tenantId",
            "AZURE_TENANT_ID as the platform names it.",
        );

        PLATFORM_CLIENT_ID: SecretString = Setting::hidden(
            "az_clientId",
            "AZURE_CLIENT_ID as the platform names it.",
        );

        PLATFORM_CLIENT_SECRET: SecretString = Setting::hidden(
            "az_clientSecret",
            "AZURE_CLIENT_SECRET as the platform names it.",
        );

        PLATFORM_SUBSCRIPTION_ID: SecretString = Setting::hidden(
            "az_subscriptionId",
            "AZURE_SUBSCRIPTION_ID as the platform names it.",
        );

        AZURE_CREDENTIALS: SecretString = Setting::hidden(
            "azure_credentials",
            "The same four as JSON or KEY=VALUE lines, or the path of a file that holds them.",
        );

        AZURE_FEDERATED_TOKEN_FILE: String = Setting::new(
            "AZURE_FEDERATED_TOKEN_FILE",
            "FILE",
            values::text,
            "Token of a workload identity, with AZURE_TENANT_ID and AZURE_CLIENT_ID.",
        );

        AZURE_CONFIG_DIR: PathBuf = Setting::new(
            "AZURE_CONFIG_DIR",
            "DIR",
            values::path,
            "Folder of a login made with the Azure CLI as a service principal or managed identity.",
        );

        AZURE_CLOUD: Cloud = Setting::new(
            "AZURE_CLOUD",
            "AzureCloud|AzureUSGovernment|AzureChinaCloud",
            values::cloud,
            "The Azure cloud; follows from the login server when that is given.",
        )
        .unset_means("detected")
        .in_report(|config| config.of_azure(config.cloud.name()));

        AZURE_AUTHORITY_HOST: String = Setting::new(
            "AZURE_AUTHORITY_HOST",
            "URL",
            values::https_url,
            "Where tokens come from; https only.",
        )
        .unset_means("the cloud's");

        RW_SECRETS_KEYS: String = Setting::new(
            "RW_SECRETS_KEYS",
            "JSON",
            values::text,
            "Where the platform reads each secret; the wrappers pass it, and next steps name these places.",
        );
    }

    "Network" {
        HTTPS_PROXY: SecretString = Setting::new(
            "HTTPS_PROXY",
            "URL",
            values::proxy,
            "The proxy for every https connection; may hold user and password.",
        )
        .secret()
        .aliases(&["https_proxy"]);

        NO_PROXY: String = Setting::new(
            "NO_PROXY",
            "HOSTS",
            values::text,
            "Hosts to reach without the proxy (example.com, *.example.com, 10.0.0.0/8, *; with :port where wanted).",
        )
        .aliases(&["no_proxy"]);

        SSL_CERT_FILE: PathBuf = Setting::new(
            "SSL_CERT_FILE",
            "FILE",
            values::path,
            "PEM bundle of the authorities to trust (also REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE).",
        )
        .unset_means("the system's")
        .aliases(&["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]);
    }

    "The metric, outside the RunWhen platform (sli only)" {
        PUSH_METRIC: bool = Setting::switch(
            "PUSH_METRIC",
            "Also push the number over OTLP/HTTP, to the collector that one of the next variables names.",
        )
        .only(&[Program::Sli]);

        OTEL_EXPORTER_OTLP_ENDPOINT: Url = Setting::new(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "URL",
            metric_push::parse_endpoint,
            "The collector's base address, to which OpenTelemetry adds /v1/metrics.",
        )
        .only(&[Program::Sli]);

        OTEL_EXPORTER_OTLP_HEADERS: Vec<(HeaderName, SecretString)> = Setting::new(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "NAME=VALUE,…",
            metric_push::parse_headers,
            "Headers for that collector, as NAME=VALUE,…; a token, for one.",
        )
        .secret()
        .only(&[Program::Sli]);

        RW_OTEL_COLLECTOR_ENDPOINT: Url = Setting::new(
            "RW_OTEL_COLLECTOR_ENDPOINT",
            "URL",
            metric_push::parse_endpoint,
            "The platform's collector: the whole address; used when the other is unset.",
        )
        .only(&[Program::Sli]);

        RW_SLI_METRIC_NAME: String = Setting::new(
            "RW_SLI_METRIC_NAME",
            "NAME",
            metric_push::parse_metric_name,
            "Name of the metric; those of the categories follow after two underscores.",
        )
        .default("rw_acr_images_needing_sync")
        .only(&[Program::Sli]);

        RW_WORKSPACE: String = Setting::new(
            "RW_WORKSPACE",
            "NAME",
            values::text,
            "The metric's attribute workspace; required with RW_OTEL_COLLECTOR_ENDPOINT.",
        )
        .only(&[Program::Sli]);
    }
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
        assert_eq!(DOCKER_TOKEN.flag(), None);
        assert_eq!(USE_DATE_TAG.flag().unwrap(), "use-date-tag");
    }
}
