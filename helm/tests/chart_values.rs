//! The values that the templates of each chart see.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use helm_render::{Chart, ChartValues, Values, values_of_charts};

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A chart with two enabled subcharts, one under an alias, and one that is disabled.
fn values_of(set: &str) -> Vec<ChartValues> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let dependency = |more: &str| format!("- {{version: 1.0.0, repository: 'https://x'{more}}}\n");
    let dependencies = [
        dependency(", name: db"),
        dependency(", name: db, alias: cache"),
        dependency(", name: extra, condition: extra.enabled"),
    ]
    .concat();
    let root = "apiVersion: v2\nname: root\nversion: 1.0.0\nappVersion: '7'\n";
    write(
        at,
        "Chart.yaml",
        &format!("{root}dependencies:\n{dependencies}"),
    );
    write(
        at,
        "values.yaml",
        "extra: {enabled: false}\ncache: {image: {tag: '2'}}\nglobal: {registry: r.example}\n",
    );
    for name in ["db", "extra"] {
        let metadata = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\nappVersion: '1'\n");
        write(at, &format!("charts/{name}/Chart.yaml"), &metadata);
        let values = "image: {repository: a/db, tag: '1'}\n";
        write(at, &format!("charts/{name}/values.yaml"), values);
    }
    let mut values = Values::new();
    values.set(set).unwrap();
    values_of_charts(&Chart::load(at).unwrap(), &values).unwrap()
}

#[test]
fn every_enabled_chart_has_its_merged_and_its_own_values() {
    let all = values_of("db.image.tag=v3");
    let places: Vec<_> = all
        .iter()
        .map(|one| (one.chart.as_str(), one.keys.join(".")))
        .collect();
    assert_eq!(
        places,
        [
            ("root", String::new()),
            ("root/charts/db", "db".to_owned()),
            ("root/charts/cache", "cache".to_owned()),
        ]
    );
    let tags: Vec<_> = all[1..]
        .iter()
        .map(|one| {
            (
                one.values["image"]["tag"].clone(),
                one.own["image"]["tag"].clone(),
            )
        })
        .collect();
    assert_eq!(tags, [("v3".into(), "1".into()), ("2".into(), "1".into())]);
    // The root chart's file has no such value, although its templates see one.
    assert_eq!(all[0].values["db"]["image"]["tag"], "v3");
    assert_eq!(all[0].own.get("db"), None);
    assert_eq!(all[2].values["global"]["registry"], "r.example");
    assert_eq!(
        (all[0].app_version.as_str(), all[1].app_version.as_str()),
        ("7", "1")
    );
}

#[test]
fn chart_that_a_value_enables_is_listed() {
    let charts: Vec<_> = values_of("extra.enabled=true")
        .into_iter()
        .map(|one| one.chart)
        .collect();
    assert!(
        charts.contains(&"root/charts/extra".to_owned()),
        "{charts:?}"
    );
}
