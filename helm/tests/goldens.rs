//! Compares published charts with the output of Helm.
//!
//! The charts are not part of the project, so the tests are ignored without them: `tests/oracle` compares charts of
//! the project itself with Helm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use helm_render::{Capabilities, Chart, Release, Rendered, Values};
use needs::{Need, newest_chart, published_charts};
use serde_json::Value as Tree;

#[path = "../../tests/support/needs.rs"]
mod needs;

fn main() -> ExitCode {
    let arguments = needs::arguments();
    let charts = [Need::published_charts()];
    let trials = vec![
        needs::test(
            "published_charts_render_byte_for_byte",
            &charts,
            published_charts_render_byte_for_byte,
        ),
        needs::test(
            "the_torture_chart_renders_byte_for_byte",
            &charts,
            the_torture_chart_renders_byte_for_byte,
        ),
        needs::test(
            "the_whole_manifest_is_the_same_as_from_helm",
            &charts,
            the_whole_manifest_is_the_same_as_from_helm,
        ),
        needs::test(
            "runwhen_local_uses_three_images",
            &charts,
            runwhen_local_uses_three_images,
        ),
        needs::test(
            "a_missing_dependency_is_named_and_can_be_added",
            &charts,
            a_missing_dependency_is_named_and_can_be_added,
        ),
        needs::test(
            "newest_chart_renders_byte_for_byte",
            &[Need::newest_chart()],
            newest_chart_renders_byte_for_byte,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn render(chart: &Path, values: &Values) -> Result<Rendered, helm_render::Error> {
    helm_render::render(
        &Chart::load(chart)?,
        values,
        &Release::default(),
        &Capabilities::default(),
    )
}

fn package(folder: &Path, name: &str) -> PathBuf {
    folder.join("packages").join(match name {
        "otel" => "opentelemetry-collector-0.158.1.tgz",
        _ => "runwhen-local-0.6.7.tgz",
    })
}

fn published_charts_render_byte_for_byte() {
    let folder = published_charts();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder.join("expected")).unwrap() {
        let path = entry.unwrap().path();
        let record: Tree = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut values = Values::new();
        values.merge_yaml(&record["values"].to_string()).unwrap();
        let rendered = render(
            &package(&folder, record["chart"].as_str().unwrap()),
            &values,
        );
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match (rendered, record["rendered"].as_object()) {
            (Ok(rendered), Some(expected)) => {
                assert_eq!(rendered.files().len(), expected.len(), "{name}");
                for (path, text) in expected {
                    if rendered.files().get(path).map(String::as_str) != text.as_str() {
                        wrong.push(format!("{name}: {path}"));
                    }
                }
            }
            (Ok(_), None) => wrong.push(format!("{name}: should fail")),
            (Err(error), Some(_)) => wrong.push(format!("{name}: {error}")),
            (Err(_), None) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn newest_chart_renders_byte_for_byte() {
    let expected = std::fs::read_to_string(newest_chart().join("expected.json")).unwrap();
    let expected: BTreeMap<String, String> = serde_json::from_str(&expected).unwrap();
    let mut values = Values::new();
    values.set("runner.enabled=true").unwrap();
    let rendered = render(&newest_chart().join("chart.tgz"), &values).unwrap();
    assert_eq!(*rendered.files(), expected);
    assert!(!rendered.images().is_empty());
}

fn the_torture_chart_renders_byte_for_byte() {
    let folder = published_charts();
    let rendered = render(&folder.join("torture/chart"), &Values::new()).unwrap();
    for (path, text) in rendered.files() {
        let expected = std::fs::read_to_string(folder.join("torture/expected").join(path)).unwrap();
        assert_eq!(*text, expected, "{path}");
    }
}

fn the_whole_manifest_is_the_same_as_from_helm() {
    let folder = published_charts();
    let mut values = Values::new();
    values.set("runner.enabled=true").unwrap();
    let rendered = render(&package(&folder, "runwhen-local"), &values).unwrap();
    let expected =
        std::fs::read_to_string(folder.join("manifest/runwhen-local-0.6.7.runner-enabled.yaml"))
            .unwrap();
    assert_eq!(rendered.manifest().unwrap(), expected);
}

fn runwhen_local_uses_three_images() {
    let folder = published_charts();
    let mut values = Values::new();
    values.set("runner.enabled=true").unwrap();
    let rendered = render(&package(&folder, "runwhen-local"), &values).unwrap();
    let mut images: Vec<String> = rendered
        .images()
        .into_iter()
        .map(|image| image.image)
        .collect();
    images.dedup();
    assert_eq!(
        images,
        [
            "ghcr.io/runwhen-contrib/runwhen-local:0.11.5",
            "otel/opentelemetry-collector:0.153.0",
            "us-docker.pkg.dev/runwhen-nonprod-shared/public-images/runner:2026-07-23.1",
        ]
    );
}

fn a_missing_dependency_is_named_and_can_be_added() {
    let folder = published_charts();
    let mut chart = Chart::load(folder.join("bare/runwhen-local-0.6.7.tgz")).unwrap();
    let missing = chart.missing_dependencies();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].name, "opentelemetry-collector");
    assert!(missing[0].repository.starts_with("https://"));
    assert!(!chart.locked_dependencies().is_empty());
    let (release, capabilities) = (Release::default(), Capabilities::default());
    let error = helm_render::render(&chart, &Values::new(), &release, &capabilities).unwrap_err();
    assert!(
        matches!(error, helm_render::Error::MissingDependencies(_)),
        "{error}"
    );
    chart.add_dependency(Chart::load(package(&folder, "otel")).unwrap());
    assert!(chart.missing_dependencies().is_empty());
}
