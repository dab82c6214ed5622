use std::collections::HashMap;
use std::io;
use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Config, Mistakes> {
    read_as(Program::Sli, variables)
}

fn read_as(program: Program, variables: &[(&str, &str)]) -> Result<Config, Mistakes> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let variable = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    Config::read(
        program,
        &Inputs {
            executable: "/opt/acr-sync/bin/taskset",
            subcommand: None,
            argument: None,
            names: &[],
            variable: &variable,
            file: &file,
            docker_login: &|_, _| Ok(None),
            planned_sources: Default::default(),
        },
    )
}

fn mistakes(variables: &[(&str, &str)]) -> String {
    read(variables).unwrap_err().to_string()
}

const NAME: (&str, &str) = ("REGISTRY_NAME", "myacr.azurecr.io");

#[test]
fn defaults_are_the_documented_ones() {
    let config = read(&[NAME]).unwrap();
    assert_eq!(config.repository_path.as_str(), "runwhen");
    assert_eq!(config.git_ref.as_str(), "main");
    assert_eq!(config.architecture.to_string(), "amd64");
    assert_eq!(config.timeout, Duration::from_secs(540));
    assert_eq!(
        config.images,
        [Category::CodeCollection, Category::RunWhenLocal].into()
    );
    assert_eq!(config.output_dir, Some(PathBuf::from(".")));
    assert_eq!(config.temp_dir, Some(PathBuf::from(".")));
    assert!(
        !config.sync_images
            && !config.use_date_tag
            && config.source_logins.docker_hub_origin().is_none()
    );
    for variable in VARIABLES.iter().filter(|variable| variable.is_switch()) {
        assert!(
            values::boolean(variable.default_for(Program::Taskset)).is_ok(),
            "{}",
            variable.name
        );
    }
}

#[test]
fn secret_in_another_variable_is_not_shown() {
    const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "Hunter2~hunter3*x.\"q");
    for (variable, value) in [
        ("IMAGES", SECRET.1.to_owned()),
        ("IMAGES", format!("codecollection,{}", SECRET.1)),
        ("EXCLUDE_IMAGES", SECRET.1.to_owned()),
        ("EXCLUDE_IMAGES", format!("runner {}", SECRET.1)),
        ("EXCLUDE_IMAGES", SECRET.1.to_ascii_lowercase()),
        ("NO_PROXY", format!("/{}", SECRET.1)),
        ("TIMEOUT_SECONDS", SECRET.1.to_owned()),
        ("REGISTRY_NAME", format!("https://{}", SECRET.1)),
        ("CHART_SET", SECRET.1.to_owned()),
    ] {
        let text = mistakes(&[NAME, SECRET, (variable, &value)]);
        let line = text.lines().find(|line| line.contains(variable));
        let line = line.unwrap_or_else(|| panic!("{variable} is not in {text}"));
        assert!(line.contains("the value of AZURE_CLIENT_SECRET"), "{line}");
        for part in ["hunter2", "hunter3"] {
            assert!(!text.to_ascii_lowercase().contains(part), "{text}");
        }
    }
    // The allowed values are shown nevertheless, and so is a value without a secret.
    let text = mistakes(&[NAME, SECRET, ("IMAGES", SECRET.1), ("SYNC_METHOD", "pull")]);
    let own = mistakes(&[NAME, ("IMAGES", "wrong")]);
    let own = own.rsplit_once("IMAGES=\"wrong\": ").unwrap().1;
    assert!(text.contains(&format!("IMAGES: {own}")), "{text} {own}");
    assert!(text.contains("SYNC_METHOD=\"pull\""), "{text}");
    // A short text, and the name of a user, may be a part of many values.
    for name in [
        ("DOCKER_TOKEN", "acr"),
        ("REGISTRY_USERNAME", "registry-of-mine"),
    ] {
        let text = mistakes(&[name, ("REGISTRY_NAME", "acr/registry-of-mine")]);
        assert!(
            text.contains("REGISTRY_NAME=\"acr/registry-of-mine\""),
            "{text}"
        );
    }
}

#[test]
fn variable_of_the_other_program_has_its_default() {
    let variables = [
        NAME,
        ("VERIFY_CHILDREN", "wrong"),
        ("PUSH_METRIC", "true"),
        ("RW_SLI_METRIC_NAME", "-"),
    ];
    let config = read_as(Program::Taskset, &variables).unwrap();
    assert!(config.verify_children && config.sync_images && config.metric_push.is_none());
    assert!(read(&variables).is_err());
}

#[test]
fn settings_of_the_report_keep_their_order() {
    let settings = read(&[NAME]).unwrap().settings();
    let names: Vec<_> = settings.into_iter().map(|(name, _)| name).collect();
    let expected = [
        "REGISTRY_NAME",
        "REGISTRY_TYPE",
        "REGISTRY_REPOSITORY_PATH",
        "AZURE_RESOURCE_SUBSCRIPTION_ID",
        "SYNC_IMAGES",
        "SYNC_METHOD",
        "IMAGES",
        "REF",
        "SYNC_REF_LATEST",
        "CODECOLLECTION_SOURCE",
        "CODECOLLECTIONS",
        "HELM_REPO_URL",
        "HELM_CHART_NAME",
        "CHART_VERSION",
        "IMAGE_ARCHITECTURE",
        "VERIFY_CHILDREN",
        "USE_DATE_TAG",
        "USE_DOCKER_AUTH",
        "TIMEOUT_SECONDS",
        "COPY_REFERRERS",
        "COPY_CONCURRENCY",
        "AZURE_CLOUD",
        "credentials",
    ];
    assert_eq!(names, expected);
}

#[test]
fn settings_of_the_catalog_apply_only_to_the_catalog() {
    let catalog = ("CODECOLLECTION_SOURCE", "catalog");
    let config = read(&[NAME]).unwrap();
    assert_eq!(config.codecollection_source, CodeCollectionSource::Tags);
    let config = read(&[NAME, catalog, ("REF", "feature/x")]).unwrap();
    assert_eq!(config.catalog.wanted.parameter(), ("ref", "feature-x"));
    let settings = config.settings();
    let value = |name| settings.iter().find(|(known, _)| *known == name);
    assert_eq!(
        value("REGISTRY_CATALOG_URL").unwrap().1,
        "https://registry.runwhen.com"
    );
    assert_eq!(value("CATALOG_HOSTS").unwrap().1, "ghcr.io/runwhen-contrib");
    assert!(value("CATALOG_POINTER").is_none());
    let config = read(&[NAME, catalog, ("CATALOG_POINTER", "Stable")]).unwrap();
    assert_eq!(config.catalog.wanted.parameter(), ("pointer", "stable"));
    for (wrong, part) in [
        (vec![NAME, ("REF", "feature/x")], "\"feature-x\""),
        (
            vec![NAME, ("CATALOG_POINTER", "stable")],
            "CATALOG_POINTER=\"stable\": it needs CODECOLLECTION_SOURCE=catalog",
        ),
        (
            vec![NAME, catalog, ("SYNC_REF_LATEST", "true")],
            "it must be false",
        ),
        (
            vec![
                NAME,
                catalog,
                ("CODECOLLECTION_REGISTRY", "mirror.example/runwhen"),
            ],
            "CODECOLLECTION_REGISTRY=\"mirror.example/runwhen\": it needs CODECOLLECTION_SOURCE=tags",
        ),
        (
            vec![NAME, catalog, ("CATALOG_POINTER", "newest")],
            "latest, stable or empty",
        ),
        (
            vec![NAME, ("CODECOLLECTION_SOURCE", "google")],
            "tags or catalog",
        ),
        (
            vec![NAME, catalog, ("REGISTRY_CATALOG_URL", "http://x")],
            "https URL",
        ),
        (vec![NAME, catalog, ("CATALOG_HOSTS", "a b!c")], "\"b!c\""),
    ] {
        let text = mistakes(&wrong);
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn collector_of_the_platform_needs_all_three_variables() {
    let text = mistakes(&[
        NAME,
        ("PUSH_METRIC", "true"),
        ("RW_OTEL_COLLECTOR_ENDPOINT", "collector:4318"),
    ]);
    for name in [
        "RW_OTEL_COLLECTOR_ENDPOINT",
        "RW_SLI_METRIC_NAME",
        "RW_WORKSPACE",
    ] {
        assert!(text.contains(&format!("\n  {name}")), "{text}");
    }
}

#[test]
fn empty_value_and_placeholder_are_unset() {
    let config = read(&[
        NAME,
        ("REF", ""),
        (
            "AZURE_RESOURCE_SUBSCRIPTION_ID",
            "missing_workspaceInfo_custom_variable",
        ),
        ("TIMEOUT_SECONDS", "  "),
    ])
    .unwrap();
    assert_eq!(config.git_ref.as_str(), "main");
    assert_eq!(config.subscription, None);
    assert!(mistakes(&[("REGISTRY_NAME", "")]).contains("REGISTRY_NAME: it is required"));
}

#[test]
fn all_mistakes_are_reported_at_once_without_secrets() {
    let text = mistakes(&[
        ("REGISTRY_NAME", "https://myacr.azurecr.io"),
        ("REGISTRY_REPOSITORY_PATH", "Run When"),
        ("REF", "feature/x"),
        ("SYNC_IMAGES", "maybe"),
        ("TIMEOUT_SECONDS", "0"),
        ("USE_DOCKER_AUTH", "true"),
        ("DOCKER_TOKEN", "hush-hush"),
        ("IMAGES", "some"),
        ("AZURE_RESOURCE_SUBSCRIPTION_ID", "prod"),
        ("HTTPS_PROXY", "ftp://user:hush-hush@proxy"),
        ("AZURE_AUTHORITY_HOST", "http://login.example"),
        ("NO_PROXY", "localhost,*.x.*"),
        ("AZURE_CLIENT_SECRET", "hush-hush"),
    ]);
    for part in [
        "REGISTRY_NAME=\"https://myacr.azurecr.io\": this is a URL",
        "REGISTRY_REPOSITORY_PATH=\"Run When\": repository names are lower-case",
        "perhaps \"feature-x\"",
        "SYNC_IMAGES=\"maybe\": it must be true or false",
        "TIMEOUT_SECONDS=\"0\"",
        "DOCKER_USERNAME: it is required with USE_DOCKER_AUTH=true",
        "IMAGES=\"some\"",
        "AZURE_RESOURCE_SUBSCRIPTION_ID=\"prod\"",
        "HTTPS_PROXY: it must be a URL",
        "AZURE_AUTHORITY_HOST",
        "NO_PROXY: \"*.x.*\" cannot be understood",
        "AZURE_CLIENT_ID: it is required, because AZURE_CLIENT_SECRET is set",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert!(!text.contains("hush-hush"), "{text}");
}

#[test]
fn extra_slashes_in_the_repository_path_are_ignored() {
    for (given, path) in [
        ("/team/runwhen/", "team/runwhen"),
        ("a//b", "a/b"),
        ("x", "x"),
    ] {
        assert_eq!(
            read(&[NAME, ("REGISTRY_REPOSITORY_PATH", given)])
                .unwrap()
                .repository_path
                .as_str(),
            path
        );
    }
    assert!(read(&[NAME, ("REGISTRY_REPOSITORY_PATH", "///")]).is_err());
}

#[test]
fn cloud_follows_from_the_login_server_or_the_setting() {
    assert_eq!(
        read(&[("REGISTRY_NAME", "myacr.azurecr.us")])
            .unwrap()
            .cloud,
        Cloud::UsGovernment
    );
    assert_eq!(
        read(&[("REGISTRY_NAME", "myacr")]).unwrap().cloud,
        Cloud::Public
    );
    let config = read(&[
        ("REGISTRY_NAME", "myacr"),
        ("AZURE_CLOUD", "azurechinacloud"),
    ])
    .unwrap();
    assert_eq!(config.cloud, Cloud::China);
}

#[test]
fn neither_debug_nor_settings_show_a_secret() {
    let config = read(&[
        NAME,
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "hush-1"),
        ("USE_DOCKER_AUTH", "true"),
        ("DOCKER_USERNAME", "user"),
        ("DOCKER_TOKEN", "hush-2"),
        ("HTTPS_PROXY", "http://me:hush%2D3@proxy:3128"),
    ])
    .unwrap();
    let shown = format!("{config:?}{:?}", config.settings());
    assert!(!shown.contains("hush"), "{shown}");
    let secrets = config.secrets();
    let secrets: Vec<_> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    // The account also in the form of the request header, and the proxy's password also decoded.
    let all = ["hush-1", "hush-2", "dXNlcjpodXNoLTI=", "hush%2D3", "hush-3"];
    assert_eq!(secrets, all);
}

#[test]
fn url_in_a_variable_never_shows_its_user_password_or_query() {
    for variable in VARIABLES.iter().filter(|variable| !variable.secret) {
        for value in [
            "https://user:hush@host.example/x",
            "oci://user:hush@host.example/x",
            "http://hush@host.example/x",
            "https://host.example/x?token=hush",
            "http://host.example/x?sig=hush&a=b@c",
            "oci://host.example/x?token=hush",
            "oci://host.example?token=hush/x",
            "https://host.example/x#hush",
            "http://user:a/hush?b@host.example/x",
            "ftp://user:p@hush@host.example",
            "user:hush@host.example/x",
            "host.example/x?token=hush",
            "://hush@",
        ] {
            let given = |name: &str| {
                let filled =
                    |(other, value): (&str, &str)| (name == other).then(|| value.to_owned());
                [
                    (variable.name, value),
                    NAME,
                    ("PUSH_METRIC", "true"),
                    ("RW_SLI_METRIC_NAME", "m"),
                    ("RW_WORKSPACE", "w"),
                ]
                .into_iter()
                .find_map(filled)
            };
            let file = |_: &Path| Err(io::ErrorKind::NotFound.into());
            let inputs = Inputs {
                executable: "sli",
                subcommand: None,
                argument: None,
                names: &[],
                variable: &given,
                file: &file,
                docker_login: &|_, _| Ok(None),
                planned_sources: Default::default(),
            };
            let text = match Config::read(Program::Sli, &inputs) {
                Ok(config) => format!("{:?}", config.settings()),
                Err(mistakes) => mistakes.to_string(),
            };
            assert!(!text.contains("hush"), "{}={value}: {text}", variable.name);
        }
    }
}

#[test]
fn refused_repository_url_shows_scheme_host_and_path() {
    for (value, shown) in [
        ("oci://user:pw@host/x", "\"oci://…@host/x\""),
        ("https://host/x?token=pw", "\"https://host/x?…\""),
    ] {
        let text = mistakes(&[NAME, ("HELM_REPO_URL", value)]);
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains("pw"), "{text}");
    }
}

#[test]
fn extra_images_are_not_checked_unless_some_are_configured() {
    let text = mistakes(&[NAME, ("IMAGES", "extra")]);
    assert!(
        text.contains("IMAGES=\"extra\": no extra images are configured"),
        "{text}"
    );
}
