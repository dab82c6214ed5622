use std::collections::HashMap;
use std::io;

use super::*;
use crate::category::Category;
use crate::config::{Config, Program, RegistryCredentials};

fn read_with(
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Result<Config, super::super::Mistakes> {
    let mut variables: HashMap<_, _> = variables.iter().copied().collect();
    variables.insert("REGISTRY_NAME", "myacr.azurecr.io");
    let files: HashMap<_, _> = files.iter().copied().collect();
    let file = |path: &Path| {
        let text = files.get(path.to_str().unwrap());
        text.map(|text| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    Config::read(
        Program::Sli,
        &Inputs {
            executable: "sli",
            subcommand: None,
            argument: None,
            names: &[],
            variable: &|name| variables.get(name).map(|value| (*value).to_owned()),
            file: &file,
            docker_login: &|_, host| {
                let found = host == "ghcr.io";
                Ok(found.then(|| RegistryCredentials::IdentityToken("token-of-ghcr".into())))
            },
            planned_sources: Default::default(),
        },
    )
}

/// The lines of the mistakes.
fn mistakes(text: &str) -> Vec<String> {
    let mistakes = read_with(&[("EXTRA_CHARTS", text)], &[]).unwrap_err();
    let lines = mistakes.to_string();
    lines
        .lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect()
}

const WHOLE: &str = "
- repository: https://charts.example/stable/
  name: ingress-nginx
  version: '>=4, <5'
  values: {controller: {replicas: 2, active: yes}}
  set: controller.image.tag=v1
  image_patterns: ['--default-image=(\\S+)']
  destination: mirror/ingress
- repository: oci://ghcr.io/charts
  name: other
- path: ./charts/local-1.0.tgz
";

#[test]
fn entry_is_read_with_values_as_helm_reads_them() {
    let config = read_with(&[("EXTRA_CHARTS", WHOLE)], &[]).unwrap();
    assert_eq!(config.images, Category::ALL.into());
    let [first, second, third] = config.extra_charts.as_slice() else {
        panic!("three charts");
    };
    assert_eq!(first.source.to_string(), "https://charts.example/stable");
    assert_eq!(first.name, "ingress-nginx");
    assert_eq!(first.version.as_deref(), Some(">=4, <5"));
    let controller = &first.values.tree()["controller"];
    assert_eq!(controller["active"], true, "YAML 1.1");
    assert_eq!(controller["image"]["tag"], "v1");
    assert_eq!(first.set.tree()["controller"]["replicas"], Tree::Null);
    assert_eq!(
        first.values.tree()["runner"],
        Tree::Null,
        "of the RunWhen Local chart only"
    );
    assert_eq!(first.patterns.len(), 1);
    let ChartOrigin::Extra {
        number,
        destination,
        is_local,
    } = &first.origin
    else {
        panic!("an extra chart");
    };
    let destination = destination.as_ref().map(Repository::as_str);
    assert_eq!(
        (*number, destination, *is_local),
        (1, Some("mirror/ingress"), false)
    );
    assert_eq!(second.source.to_string(), "oci://ghcr.io/charts");
    assert_eq!(
        third.source,
        ChartSource::Path("./charts/local-1.0.tgz".into())
    );
    assert_eq!(third.name, "local-1.0");
    let shown = config
        .settings()
        .into_iter()
        .find(|(name, _)| *name == "EXTRA_CHARTS");
    assert_eq!(
        shown.unwrap().1,
        "ingress-nginx >=4, <5 of https://charts.example/stable, other of oci://ghcr.io/charts, \
         local-1.0 of ./charts/local-1.0.tgz"
    );
    assert!(
        config.command.contains("EXTRA_CHARTS=\"$EXTRA_CHARTS\""),
        "{}",
        config.command
    );
}

#[test]
fn version_that_looks_like_a_number_keeps_its_text() {
    let text = "- {path: ./a}\n- path: ./b\n  version: 1.10\n  values: {a: {b: &x [1]}, c: *x}\n\
                - {path: ./c, version: 2}\n- {path: ./d, version: ''}\n";
    let config = read_with(&[("EXTRA_CHARTS", text)], &[]).unwrap();
    let versions = config.extra_charts.iter();
    let versions: Vec<_> = versions.map(|chart| chart.version.as_deref()).collect();
    assert_eq!(versions, [None, Some("1.10"), Some("2"), None]);
}

#[test]
fn paths_in_a_file_are_relative_to_its_folder() {
    let files = [
        (
            "/etc/sync/charts.yaml",
            "- {path: charts/a, values_file: values.yaml}",
        ),
        ("/etc/sync/values.yaml", "a: 1"),
    ];
    let config = read_with(&[("EXTRA_CHARTS", "/etc/sync/charts.yaml")], &files).unwrap();
    let chart = &config.extra_charts[0];
    assert_eq!(chart.source, ChartSource::Path("/etc/sync/charts/a".into()));
    assert_eq!(chart.values.tree()["a"], 1.0);
    let inline = "- {path: charts/a, values_file: values.yaml}";
    assert_eq!(
        mistakes(inline),
        ["EXTRA_CHARTS: chart 1, values_file: it cannot be read: entity not found"]
    );
}

#[test]
fn charts_are_checked_only_if_images_selects_them() {
    let config = |images| {
        let extra = ("EXTRA_CHARTS", "- {path: ./a}");
        read_with(&[("IMAGES", images), extra], &[]).unwrap()
    };
    let count = |images| config(images).wanted_charts().count();
    assert_eq!(count("all"), 2);
    assert_eq!(count("extra"), 1);
    assert_eq!(count("runwhen-local"), 1);
    assert_eq!(count("codecollection"), 0);
}

#[test]
fn mistakes_name_entry_and_key_and_never_a_value() {
    let both = "- {repository: 'https://u:hush@charts.example', name: a/hush, version: hush}\n\
                - {repository: 'https://charts.example', path: ./hush}\n";
    let lines = mistakes(both);
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, start) in lines.iter().zip([
        "EXTRA_CHARTS: chart 1, repository: it must be an https:// or oci:// URL",
        "EXTRA_CHARTS: chart 1, name: it must be a chart's name",
        "EXTRA_CHARTS: chart 1, version: it must be a version",
        "EXTRA_CHARTS: chart 2, path: it cannot be given together with repository",
    ]) {
        assert!(line.starts_with(start) && !line.contains("hush"), "{line}");
    }
}

#[test]
fn wrong_entries_are_refused_with_a_reason() {
    let many = "- {path: ./a}\n".repeat(51);
    let patterns = format!("- {{path: ./a, image_patterns: [{}]}}", "a,".repeat(21));
    for (text, part) in [
        ("repository: x", "it must be a list of charts"),
        ("[]", "it has 0 charts; it must have 1 to 50"),
        (many.as_str(), "it has 51 charts"),
        ("- hush", "chart 1 must be a map"),
        ("- {}", "chart 1, repository: it is required"),
        (
            "- {repository: 'https://charts.example'}",
            "chart 1, name: it is required",
        ),
        ("- {repository: ./hush, name: a}", "has the key path"),
        ("- {path: ./a, vresion: hush}", "perhaps version is meant"),
        (
            "- {path: ./a, hush: hush1}",
            "it is not a key of a chart, which are repository",
        ),
        ("- {path: ./a, set: 1.10}", "in quotes"),
        (
            "- {path: ./a, version: 1e3}",
            "version: it must be a version",
        ),
        ("- {path: ./a, version: [1.10]}", "version: it must be text"),
        ("- {path: ./a, set: [hush]}", "set: it must be text"),
        ("- {path: ./a, set: 'a=hush,['}", "chart 1, set: "),
        ("- {path: ./a, values: [hush]}", "values: it must be a map"),
        (
            "- {path: ./a, values: {a: hush}, values_file: b}",
            "together with values",
        ),
        (
            "- {path: ./a, image_patterns: hush}",
            "image_patterns: it must be a list of patterns",
        ),
        (
            "- {path: ./a, image_patterns: [a, '(hush']}",
            "pattern 2: unclosed group",
        ),
        (
            "- {path: ./a, image_patterns: [7]}",
            "pattern 1: it must be text",
        ),
        (patterns.as_str(), "more than 20 patterns"),
        (
            "- {path: ./a, logins: hush.example}",
            "logins: it must be a list of logins",
        ),
        (
            "- {path: ./a, logins: [ghcr.io, 'https://hush']}",
            "logins: login 2: it must be the host of a registry",
        ),
        (
            "- {path: ./a, destination: A/hush1}",
            "destination: it must be a path such as",
        ),
        (
            "- {path: ./a}\n---\n- {path: ./b}",
            "several YAML documents",
        ),
        ("- [", "yaml"),
        (
            "- {path: ./a, values: {a: *hush}}",
            "unknown anchor; put a text",
        ),
        (
            "- {path: ./a, values: {a: {{hush}}}}",
            "invalid map key; put a text",
        ),
        (
            "- {path: ./a, set: 'a=b,hush'}",
            "a comma inside a value is written",
        ),
        (
            "- {path: ./a, set: 'a=hush,b[hush]=c'}",
            "a comma inside a value is written",
        ),
    ] {
        let text = mistakes(text).join("\n");
        assert!(text.contains(part), "{part} is not in {text}");
        let key = text.replace("chart 1, hush:", "");
        assert!(!key.contains("hush"), "{text}");
    }
}

#[test]
fn aliases_do_not_multiply_the_memory() {
    let levels = (1..12).map(|level| {
        let before = format!("*a{},", level - 1).repeat(10);
        format!("  a{level}: &a{level} [{before}]\n")
    });
    let text = format!(
        "- path: ./a\n  values:\n  a0: &a0 [x, x]\n{}",
        levels.collect::<String>()
    );
    let text = mistakes(&text).join("\n");
    assert!(text.contains("memory") || text.contains("alias"), "{text}");
}

#[test]
fn login_of_a_charts_host_is_that_of_dockers_file() {
    let files = [("/docker/config.json", "{}")];
    let config = |chart| {
        let variables = [("EXTRA_CHARTS", chart), ("DOCKER_CONFIG", "/docker")];
        read_with(&variables, &files).unwrap()
    };
    let has_login = |config: Config| {
        let host = "ghcr.io".parse().unwrap();
        config.source_logins.of(&host).is_some()
    };
    for chart in [
        "- {repository: 'oci://ghcr.io/charts', name: a}",
        "- {repository: 'https://ghcr.io/charts', name: a}",
        "- {path: ./a, logins: [quay.io, ghcr.io]}",
    ] {
        assert!(has_login(config(chart)), "{chart}");
    }
    for other in [
        "- {repository: 'https://ghcr.io:8443/charts', name: a}",
        "- {path: ./a, logins: []}",
        "- {path: ./a}",
    ] {
        assert!(!has_login(config(other)), "{other}");
    }
}
