//! The charts of `EXTRA_CHARTS`: which images they name, and that each is on its own.

use std::collections::BTreeMap;

use sandbox::extra_chart::{
    ARCHIVE_PATH, EXTRA_CHARTS, EXTRA_CHARTS_ON_ONE_LINE, HOST, INDEX_PATH,
};
use sandbox::extra_images::{EXTRA_IMAGES, PRIVATE_HOST, PRIVATE_PASSWORD};
use sandbox::image::ImageRecipe;
use sandbox::runwhen_local::{CHART_HOST, packaged};
use sandbox::{DamagedResponse, Fault, FaultKind, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::SLI;
use crate::support::cases::test_all;
use crate::support::chart::world;
use crate::support::docker::docker_folder;
use crate::support::{ACR, Ended, Run, run, status};
use crate::verdicts::{manifest_of, put_manifest};

const GITHUB: &str = "ghcr.io";

/// A run that checks only what `EXTRA_CHARTS` names.
pub fn check_extra<'a>(world: &'a Sandbox, charts: &str) -> Run<'a> {
    run(SLI, world)
        .set("IMAGES", "extra")
        .set("EXTRA_CHARTS", charts)
}

/// The row of an image, by the beginning of its source.
fn image(ended: &Ended, source: &str) -> Value {
    let artifact = ended.json("sli.json");
    let mut images = artifact["images"].as_array().expect("images").iter();
    let found = images.find(|image| {
        image["source"]
            .as_str()
            .unwrap_or_default()
            .starts_with(source)
    });
    found
        .unwrap_or_else(|| panic!("{source} is not in {artifact:#}"))
        .clone()
}

/// Adds a chart to the folder of a run, and returns the path of it.
fn chart(run: &Run<'_>, name: &str, template: &str) -> String {
    let folder = run.folder().join(name);
    std::fs::create_dir_all(folder.join("templates")).expect("a folder");
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
    std::fs::write(folder.join("Chart.yaml"), metadata).expect("a file");
    std::fs::write(folder.join("templates/a.yaml"), template).expect("a file");
    folder.display().to_string()
}

fn pod(image: &str) -> String {
    format!(
        "kind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    )
}

fn publish(world: &Sandbox, host: &str, repository: &str, tags: &[&str]) {
    let recipe = ImageRecipe::new(&format!("{host} {repository}"), 1_780_000_000);
    world.edit(|state| state.publish(host, repository, &recipe, tags));
}

#[test]
fn images_are_found_in_fields_arguments_config_maps_and_custom_resources() {
    let world = world("extra-chart");
    let ended = check_extra(&world, EXTRA_CHARTS).end();
    assert_eq!(ended.expect(0, &[]).stdout, "4\n");
    for (name, wanted_by) in [
        (
            "agent:1.4.0",
            "Deployment operator, container manager, args[1] (operator)",
        ),
        (
            "backup:2.1",
            "ConfigMap operator, data.operator.conf (operator)",
        ),
        ("engine:16.3", "Engine default, spec.runtime (operator)"),
        (
            "operator:1.4.0",
            "Deployment operator, container manager (operator)",
        ),
    ] {
        let row = image(&ended, &format!("{GITHUB}/example-apps/{name}"));
        assert_eq!(row["verdict"], "Missing", "{name}");
        assert_eq!(row["category"], "extra");
        assert_eq!(row["destination"], format!("{ACR}/runwhen/{name}"));
        assert_eq!(row["wanted_by"], json!([wanted_by]));
    }
    let artifact = ended.json("sli.json");
    assert_eq!(artifact["extra_charts"], json!(["operator 1.4.0"]));
    assert_eq!(artifact["chart"], Value::Null);
    assert_eq!(artifact["categories"]["extra"]["needs_sync"], 4);
    let setting = &artifact["settings"]["EXTRA_CHARTS"];
    assert_eq!(
        *setting,
        "operator >=1, <2 of https://charts.example/stable"
    );
}

#[test]
fn settings_that_the_sandbox_prints_find_all_extra_images() {
    let charts = world("extra-chart");
    let ended = check_extra(&charts, EXTRA_CHARTS_ON_ONE_LINE).end();
    assert_eq!(ended.expect(0, &[]).stdout, "4\n");
    let images = world("extra");
    let docker = docker_folder();
    let run = run(SLI, &images).set("IMAGES", "extra");
    let ended = run
        .set("EXTRA_IMAGES", EXTRA_IMAGES)
        .set("DOCKER_CONFIG", docker.path().display().to_string())
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "6\n");
}

#[test]
fn missing_images_are_imported_below_the_destination_of_the_chart() {
    let world = world("extra-chart");
    world.edit(|state| state.azure.imports.retry_after = 1);
    let charts = format!("{}\n  destination: mirror/operator", EXTRA_CHARTS.trim());
    let run = check_extra(&world, &charts).set("SYNC_IMAGES", "true");
    let ended = run.set("EXCLUDE_IMAGES", "backup,engine").end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    for (name, tag) in [("agent", "1.4.0"), ("operator", "1.4.0")] {
        let at_source = world.edit(|state| {
            let source = state.repository(GITHUB, &format!("example-apps/{name}"));
            source.expect("a source").tags[tag].digest.to_string()
        });
        let imported = world.acr_tag(&format!("runwhen/mirror/operator/{name}"), tag);
        assert_eq!(imported, Some(at_source), "{name}");
        assert_eq!(world.acr_tag(&format!("runwhen/{name}"), tag), None);
    }
    let excluded = ended.json("sli.json")["excluded"].to_string();
    assert!(excluded.contains("example-apps/backup"), "{excluded}");
}

/// A fault or an entry that makes one chart unknown.
struct Case {
    name: &'static str,
    fault: Option<(&'static str, &'static str, FaultKind)>,
    charts: &'static str,
    exit: i32,
    message: &'static [&'static str],
}

#[test]
fn broken_chart_is_unknown_and_all_other_images_have_their_verdicts() {
    fn fault(
        name: &'static str,
        path: &'static str,
        kind: impl Into<FaultKind>,
        message: &'static [&'static str],
    ) -> Case {
        Case {
            name,
            fault: Some((HOST, path, kind.into())),
            charts: EXTRA_CHARTS,
            exit: 3,
            message,
        }
    }
    let entry = |name, charts, exit, message| Case {
        name,
        fault: None,
        charts,
        exit,
        message,
    };
    #[rustfmt::skip] // a table
    let cases = [
        fault("repository answers 503", INDEX_PATH, status(503, ""), &["charts.example", "503"]),
        fault("repository answers 404", INDEX_PATH, status(404, ""),
            &["404", "check repository and name of chart 1 in EXTRA_CHARTS, and the connection"]),
        fault("archive with another digest", ARCHIVE_PATH, DamagedResponse::WrongDigest,
            &["sha256 does not match the index"]),
        entry("unknown chart", "- {repository: 'https://charts.example/stable', name: other}", 2,
            &["has no chart other", "check repository, name and version of chart 1 in EXTRA_CHARTS"]),
        entry("unknown version", "- {repository: 'https://charts.example/stable', name: operator, version: '>=7'}", 2,
            &["has one version of operator, and none matches", "chart 1 in EXTRA_CHARTS"]),
        entry("chart that does not render", "- {repository: 'https://charts.example/stable', name: operator, set: image=x}", 3,
            &["does not render", "check values and set of chart 1 in EXTRA_CHARTS"]),
        entry("absent folder", "- {path: /nonexistent/chart}", 2, &["check path of chart 1 in EXTRA_CHARTS"]),
    ];
    test_all(
        &cases,
        |case| case.name,
        |case| {
            let world = world("extra-chart");
            if let Some((host, path, kind)) = &case.fault {
                world.inject(Fault::on(host).path_contains(path), kind.clone());
            }
            let run = run(SLI, &world).unset(&["IMAGES"]);
            publish(&world, GITHUB, "other/good", &["1"]);
            let good = chart(&run, "good", &pod("ghcr.io/other/good:1"));
            let charts = format!("{}\n- {{path: '{good}'}}\n", case.charts.trim());
            let ended = run.set("EXTRA_CHARTS", charts).end();
            ended.expect(case.exit, case.message);
            assert_eq!(ended.stdout, "", "a number although images are unknown");
            let verdicts = ended.verdicts("sli.json");
            let count = |name| verdicts.values().filter(|verdict| *verdict == name).count();
            // Five CodeCollections and the good chart; the three of RunWhen's chart; the broken chart.
            let counts = (count("Missing"), count("Outdated"), count("Unknown"));
            assert_eq!(counts, (6, 3, 1), "{verdicts:?}");
            assert_eq!(
                ended.json("sli.json")["extra_charts"],
                json!(["good 1.0.0"])
            );
        },
    );
}

#[test]
fn image_of_two_charts_is_one_image_that_names_both_and_is_read_once() {
    let world = world("extra-chart");
    let local = "ghcr.io/runwhen-contrib/runwhen-local:0.11.5";
    let prepared = run(SLI, &world).unset(&["IMAGES"]);
    let first = chart(&prepared, "first", &pod(local));
    let second = chart(&prepared, "second", &pod(local));
    let charts = format!("- {{path: '{first}'}}\n- {{path: '{second}'}}\n");
    let ended = prepared.set("EXTRA_CHARTS", charts).end();
    assert_eq!(ended.expect(0, &[]).stdout, "8\n");
    let row = image(&ended, local);
    assert_eq!(row["category"], "runwhen_local");
    let users = row["wanted_by"].as_array().expect("users");
    let named: Vec<_> = users.iter().filter_map(Value::as_str).collect();
    let [runwhen, first, second] = named[..] else {
        panic!("{named:?}");
    };
    assert!(runwhen.ends_with("(runwhen-local)"), "{named:?}");
    assert_eq!(
        (first, second),
        ("Pod p, container c (first)", "Pod p, container c (second)")
    );
    let reads = world.requests().into_iter().filter(|request| {
        request.host == GITHUB
            && request.method == "HEAD"
            && request.path.contains("/runwhen-local/")
    });
    assert_eq!(reads.count(), 1);
}

#[test]
fn two_sources_of_one_destination_tag_conflict_until_one_has_another_destination() {
    for (destination, code, number) in [("", 2, ""), (", destination: other", 0, "2\n")] {
        let world = world("extra-chart");
        publish(&world, GITHUB, "one/app", &["1"]);
        publish(&world, "registry-1.docker.io", "two/app", &["1"]);
        let prepared = run(SLI, &world).set("IMAGES", "extra");
        let first = chart(&prepared, "first", &pod("ghcr.io/one/app:1"));
        let second = chart(&prepared, "second", &pod("two/app:1"));
        let charts = format!("- {{path: '{first}'}}\n- {{path: '{second}'{destination}}}\n");
        let ended = prepared.set("EXTRA_CHARTS", charts).end();
        let message: &[_] = match code {
            0 => &[],
            _ => &[
                "conflict: runwhen/app:1 is wanted with different digests",
                "another destination",
            ],
        };
        assert_eq!(ended.expect(code, message).stdout, number);
    }
}

#[test]
fn repository_of_a_codecollection_stays_reserved() {
    let world = world("extra-chart");
    let name = "runwhen-contrib-rw-cli-codecollection";
    publish(&world, GITHUB, &format!("evil/{name}"), &["1"]);
    let prepared = run(SLI, &world).set("IMAGES", "extra");
    let path = chart(&prepared, "first", &pod(&format!("ghcr.io/evil/{name}:1")));
    let ended = prepared
        .set("EXTRA_CHARTS", format!("- {{path: '{path}'}}"))
        .end();
    ended.expect(
        2,
        &[
            "reserved for the CodeCollection",
            "choose another destination for it",
        ],
    );
    assert_eq!(ended.stdout, "");
}

#[test]
fn pattern_that_finds_nothing_or_no_reference_makes_the_number_unknown() {
    let config = "kind: ConfigMap\nmetadata: {name: x}\ndata: {a: 'runtime=Not/Valid image'}\n";
    for (pattern, code, message) in [
        (
            "nowhere=(\\S+)",
            2,
            "pattern 1 of the chart first matches nothing in it",
        ),
        ("runtime=(\\S+)", 3, "cannot be read as an image"),
    ] {
        let world = world("extra-chart");
        publish(&world, GITHUB, "one/app", &["1"]);
        let prepared = run(SLI, &world).set("IMAGES", "extra");
        let template = format!("{}---\n{config}", pod("ghcr.io/one/app:1"));
        let path = chart(&prepared, "first", &template);
        let charts = format!("- {{path: '{path}', image_patterns: ['{pattern}']}}");
        let ended = prepared.set("EXTRA_CHARTS", charts).end();
        ended.expect(
            code,
            &[message, "image_patterns of chart 1 in EXTRA_CHARTS"],
        );
        assert_eq!(ended.stdout, "");
        assert_eq!(image(&ended, "ghcr.io/one/app")["verdict"], "Missing");
    }
}

#[test]
fn values_of_a_chart_are_never_shown() {
    const SECRET: &str = "hush-5f3a9c";
    let values = format!("values: {{password: {SECRET}, short: hush7}}, set: 'token={SECRET}'");
    for (template, schema, message) in [
        ("", "", ""),
        (
            r#"{{ fail (printf "token %s is short" .Values.token) }}"#,
            "",
            "token *** is short",
        ),
        (
            r#"{{ fail (printf "%q, %s" .Values.short (b64enc .Values.token)) }}"#,
            "",
            "***",
        ),
        (
            "a: *{{ .Values.token }}",
            "",
            "a.yaml: error converting YAML",
        ),
        (
            "",
            r#"{"properties": {"password": {"pattern": "^x$"}}}"#,
            "'***' does not match pattern",
        ),
        (
            "kind: ConfigMap\ndata: {image: \"u:{{ .Values.token }}@ghcr.io/one/app\"}",
            "",
            "\"u:***@ghcr.io/one/app\" cannot be read as an image",
        ),
        (
            "kind: ConfigMap\ndata: {image: \"ghcr.io/{{ repeat 99 .Values.token }} x\"}",
            "",
            "cannot be read as an image",
        ),
    ] {
        let world = world("extra-chart");
        publish(&world, GITHUB, "one/app", &["1"]);
        let prepared = run(SLI, &world)
            .set("IMAGES", "extra")
            .set("LOG_LEVEL", "debug");
        let template = format!("{}---\n{template}\n", pod("ghcr.io/one/app:1"));
        let path = chart(&prepared, "first", &template);
        if !schema.is_empty() {
            std::fs::write(format!("{path}/values.schema.json"), schema).expect("a file");
        }
        let ended = prepared
            .set("EXTRA_CHARTS", format!("- {{path: '{path}', {values}}}"))
            .end();
        match message {
            "" => ended.expect(0, &[]),
            message => ended.expect(3, &[message]),
        };
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        texts.insert("stdout", ended.stdout.clone());
        texts.insert("stderr", ended.stderr.clone());
        for name in ["sli.json", "issues.json"] {
            texts.insert(name, ended.json(name).to_string());
        }
        for (place, text) in texts {
            for secret in [SECRET, "hush7", "aHVzaC01ZjNhOWM"] {
                assert!(!text.contains(secret), "{secret} is in {place}:\n{text}");
            }
        }
    }
    let wrong = [
        (
            format!("set: 'token=a,{SECRET}', version: {SECRET}"),
            ["chart 1, set", "chart 1, version"],
        ),
        (
            format!("values: {{password: *{SECRET}}}"),
            ["EXTRA_CHARTS", "unknown anchor"],
        ),
        (
            format!("values: {{password: {{{{{SECRET}}}}}}}"),
            ["EXTRA_CHARTS", "invalid map key"],
        ),
    ];
    for (entry, messages) in wrong {
        let world = world("extra-chart");
        let ended = check_extra(&world, &format!("- {{path: ./a, {entry}}}")).end();
        ended.expect(2, &messages);
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
        assert!(world.requests().is_empty());
    }
}

#[test]
fn latest_of_an_extra_chart_gets_a_date_tag() {
    let world = world("extra-chart");
    publish(&world, GITHUB, "one/app", &["latest"]);
    let prepared = run(SLI, &world)
        .set("IMAGES", "extra")
        .set("USE_DATE_TAG", "true");
    let path = chart(&prepared, "first", &pod("ghcr.io/one/app"));
    let ended = prepared
        .set("EXTRA_CHARTS", format!("- {{path: '{path}'}}"))
        .end();
    ended.expect(0, &[]);
    let destination = image(&ended, "ghcr.io/one/app")["destination"].clone();
    let tag = destination
        .as_str()
        .expect("a destination")
        .rsplit(':')
        .next()
        .expect("a tag");
    assert!(tag.len() == 14 && tag.starts_with("20"), "{destination}");
}

#[test]
fn failure_of_runwhens_chart_does_not_touch_an_extra_chart() {
    let world = world("extra-chart");
    world.inject(Fault::on(CHART_HOST), status(404, ""));
    let ended = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("EXTRA_CHARTS", EXTRA_CHARTS)
        .end();
    ended.expect(3, &["HELM_REPO_URL"]);
    assert_eq!(
        image(&ended, "ghcr.io/example-apps/engine")["verdict"],
        "Missing"
    );
}

#[test]
fn charts_and_images_of_a_private_registry_are_read_with_the_login_of_dockers_file() {
    const CHART: &str = "charts/agent";
    let world = Sandbox::start(Scenario::named("extra").expect("a scenario")).expect("a sandbox");
    let metadata = "apiVersion: v2\nname: agent\nversion: 1.0.0\n";
    let pod = "kind: Pod\nspec: {containers: [{name: c, image: 'registry.team.example/internal/agent:5.0.0'}]}\n";
    let archive = packaged(&[
        ("agent/Chart.yaml".to_owned(), metadata),
        ("agent/templates/a.yaml".to_owned(), pod),
    ]);
    let config = b"{}";
    let layer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let manifest = manifest_of(
        ("application/vnd.cncf.helm.config.v1+json", config),
        &[(layer, &archive)],
    );
    put_manifest(
        &world,
        PRIVATE_HOST,
        CHART,
        "1.0.0",
        &[config, &archive],
        &manifest,
    );
    let charts = format!("- {{repository: 'oci://{PRIVATE_HOST}/charts', name: agent}}");

    let ended = check_extra(&world, &charts).end();
    ended.expect(3, &[PRIVATE_HOST]);
    assert_eq!(ended.stdout, "", "without a login");

    let docker = docker_folder();
    let folder = docker.path().display().to_string();
    let ended = check_extra(&world, &charts)
        .set("DOCKER_CONFIG", &folder)
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "1\n");
    let artifact = ended.json("sli.json");
    assert_eq!(artifact["extra_charts"], json!(["agent 1.0.0"]));
    assert_eq!(image(&ended, PRIVATE_HOST)["verdict"], "Missing");
    for text in [&ended.stdout, &ended.stderr, &artifact.to_string()] {
        assert!(!text.contains(PRIVATE_PASSWORD));
    }

    // A chart from elsewhere says which logins its images need.
    let file = docker.path().join("agent-1.0.0.tgz");
    std::fs::write(&file, &archive).expect("a file");
    for (logins, code) in [("", 3), (", logins: [registry.team.example]", 0)] {
        let charts = format!("- {{path: '{}'{logins}}}", file.display());
        let run = check_extra(&world, &charts).set("DOCKER_CONFIG", &folder);
        run.end().expect(code, &[]);
    }
}
