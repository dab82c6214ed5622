//! Compares charts of the project itself with the output of Helm (see `tests/oracle/record.py`).
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use helm_render::{Capabilities, Chart, Release, Values};
use serde_json::Value as Tree;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle")
}

/// A chart of `charts/`, or else of the sandbox, with its dependencies.
fn load(name: &str) -> Result<Chart, helm_render::Error> {
    let own = folder().join("charts").join(name);
    if own.exists() {
        return Chart::load(own);
    }
    let sandbox = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/charts");
    let mut chart = Chart::load(sandbox.join(name))?;
    let missing = chart.missing_dependencies().into_iter();
    let missing: Vec<String> = missing.map(|chart| chart.name.clone()).collect();
    for name in missing {
        chart.add_dependency(Chart::load(sandbox.join(name))?);
    }
    Ok(chart)
}

/// A recorded case: chart, name, values, and the rendered files where Helm rendered.
type Case = (String, String, Values, Option<BTreeMap<String, String>>);

/// The recorded cases.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder().join("expected")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (chart, _) = name.split_once("--").unwrap();
        let record: Tree = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        // As a values file: numbers are floats.
        let mut values = Values::new();
        values.merge_yaml(&record["values"].to_string()).unwrap();
        let rendered = record["rendered"].as_object().map(|files| {
            files
                .iter()
                .map(|(path, text)| (path.clone(), text.as_str().unwrap().to_owned()))
                .collect()
        });
        cases.push((chart.to_owned(), name, values, rendered));
    }
    cases
}

#[test]
fn charts_render_as_helm_renders_them() {
    let cases = cases();
    assert!(cases.len() > 20, "the recorded cases are missing");
    let mut wrong = Vec::new();
    for (chart, name, values, expected) in cases {
        let rendered = load(&chart).and_then(|chart| {
            helm_render::render(
                &chart,
                &values,
                &Release::default(),
                &Capabilities::default(),
            )
        });
        match (rendered, expected) {
            (Ok(rendered), Some(expected)) => {
                for (path, text) in &expected {
                    if rendered.files().get(path) != Some(text) {
                        wrong.push(format!("{name}: {path}"));
                    }
                }
                assert_eq!(rendered.files().len(), expected.len(), "{name}");
            }
            (Ok(_), None) => wrong.push(format!("{name}: should fail")),
            (Err(error), Some(_)) => wrong.push(format!("{name}: {error}")),
            (Err(_), None) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The result for one variant of a batch, in the form of `record.py`.
fn result_of(batch: &Tree, variant: &str) -> Result<String, helm_render::Error> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for (name, text) in batch["files"].as_object().unwrap() {
        write(name, text.as_str().unwrap());
    }
    let mut values = batch["values"].clone();
    match batch["varies"].as_str().unwrap() {
        "values" => values["it"] = variant.into(),
        name => write(name, variant),
    }
    let mut merged = Values::new();
    merged.merge_yaml(&values.to_string())?;
    let rendered = helm_render::render(
        &Chart::load(folder.path())?,
        &merged,
        &Release::default(),
        &Capabilities::default(),
    )?;
    match batch["answer"].as_str().unwrap() {
        "manifest" => rendered.manifest(),
        _ => Ok(rendered.into_files().into_values().collect()),
    }
}

#[test]
fn batches_have_the_same_results_as_in_helm() {
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder().join("batches")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let batch: Tree = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for (variant, expected) in batch["answers"].as_object().unwrap() {
            let ours = result_of(&batch, variant);
            let is_right = match (&ours, expected.as_str()) {
                (Ok(text), Some(expected)) => text == expected,
                (Err(_), None) => true,
                (Ok(_), None) | (Err(_), Some(_)) => false,
            };
            if !is_right {
                wrong.push(format!(
                    "{name}: {variant}\n  ours: {ours:?}\n  Helm: {expected}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn render(chart: &str) -> helm_render::Rendered {
    let chart = load(chart).unwrap();
    helm_render::render(
        &chart,
        &Values::new(),
        &Release::default(),
        &Capabilities::default(),
    )
    .unwrap()
}

#[test]
fn manifests_are_sorted_by_kind_with_hooks_last() {
    let manifest = render("order").manifest().unwrap();
    let names: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("kind: "))
        .collect();
    assert_eq!(
        names,
        [
            "Namespace",
            "Service",
            "Service",
            "Deployment",
            "Apple",
            "Zebra",
            "Pod",
            "Job"
        ],
        "{manifest}"
    );
    let services: Vec<usize> = ["name: s1", "name: s2"]
        .iter()
        .map(|name| manifest.find(name).unwrap())
        .collect();
    assert!(
        services[0] < services[1],
        "files of one kind stay in the order of their paths"
    );
    assert!(
        !manifest.contains("Thanks"),
        "notes are not part of the manifest"
    );
    assert!(
        !manifest.contains("CustomResourceDefinition"),
        "crds/ is not rendered"
    );
}

#[test]
fn images_are_found_with_the_places_that_use_them() {
    let images = render("umbrella").images();
    let found: Vec<(&str, &str, &str)> = images
        .iter()
        .map(|image| {
            (
                image.image.as_str(),
                image.used_by.chart.as_str(),
                image.used_by.name.as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                "example.com/org/backend:1.1",
                "umbrella/charts/second",
                "release-name-second"
            ),
            (
                "example.com/org/backend:from-parent",
                "umbrella/charts/backend",
                "release-name-backend"
            ),
        ]
    );
    assert_eq!(images[0].used_by.kind, "Deployment");
    assert_eq!(images[0].used_by.container.as_deref(), Some("main"));
    assert_eq!(
        images[0].used_by.path,
        "spec.template.spec.containers[0].image"
    );
    // A chart's tests do not count, its hooks do.
    let images = render("order").images();
    assert_eq!(
        images
            .iter()
            .map(|image| image.image.as_str())
            .collect::<Vec<_>>(),
        ["busybox:1.36"]
    );
}

#[test]
fn images_under_other_keys_and_in_test_hooks_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Chart.yaml", "apiVersion: v2\nname: keys\nversion: 0.1.0\n");
    write(
        "templates/a.yaml",
        "kind: Custom\nmetadata: {name: a}\nspec: {sidecar-image: 'side:1', base_image: 'base:1', preimage: 'no:1'}\n",
    );
    write(
        "templates/b.yaml",
        "kind: Pod\nmetadata: {name: b, annotations: {helm.sh/hook: test}}\nspec: {containers: [{name: c, image: 'hook:1'}]}\n",
    );
    write(
        "templates/tests/c.yaml",
        "kind: Pod\nmetadata: {name: c}\nspec: {containers: [{name: c, image: 'tests:1'}]}\n",
    );
    let chart = helm_render::Chart::load(folder.path()).unwrap();
    let rendered = helm_render::render(
        &chart,
        &Default::default(),
        &Default::default(),
        &Default::default(),
    )
    .unwrap();
    let images: Vec<_> = rendered
        .images()
        .into_iter()
        .map(|found| found.image)
        .collect();
    assert_eq!(images, ["base:1", "hook:1", "side:1"]);
}
