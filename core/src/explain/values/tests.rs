use serde_json::json;

use super::*;

fn chart(path: &str, keys: &[&str], values: Tree, own: Tree) -> helm::ChartValues {
    let table = |tree: Tree| tree.as_object().cloned().unwrap_or_default();
    helm::ChartValues {
        chart: path.to_owned(),
        keys: keys.iter().map(ToString::to_string).collect(),
        app_version: "7.0".to_owned(),
        values: table(values),
        own: table(own),
    }
}

fn charts() -> Vec<helm::ChartValues> {
    let runner = json!({"repository": "r.example/a/runner", "tag": "1"});
    let agent = json!({"registry": "ghcr.io", "repository": "x/agent", "tag": ""});
    let collector = json!({"image": {"repository": "otel/collector", "tag": "0.1"}});
    let own = json!({
        "runner": {"image": {"repository": "r.example/a/runner", "tag": "0"}},
        "agent": {"image": agent},
        "otel": {"image": {"tag": "0.1"}},
    });
    let values = json!({
        "runner": {"image": runner, "replicas": 1},
        "agent": {"image": agent},
        "otel": collector,
    });
    let default = json!({"image": {"repository": "otel/collector", "tag": ""}});
    vec![
        chart("root", &[], values, own),
        chart("root/charts/otel", &["otel"], collector, default),
    ]
}

fn uses(image: &str, at: &str, set: &Tree, all: &Tree) -> Vec<(&'static str, String, Origin)> {
    of_image(image, at, &charts(), Given { set, all })
        .into_iter()
        .map(|found| {
            (
                found.part.name(),
                found.path.unwrap_or_default(),
                found.origin,
            )
        })
        .collect()
}

#[test]
fn values_have_their_path_and_the_place_that_sets_them() {
    let none = json!({});
    let set = json!({"runner": {"image": {"tag": "1"}}});
    let default = |chart: &str| Origin::DefaultOf(chart.to_owned());
    let image = "r.example/a/runner:1";
    let repository = (
        "repository",
        "runner.image.repository".to_owned(),
        default("root"),
    );
    let tag = |origin| ("tag", "runner.image.tag".to_owned(), origin);
    assert_eq!(
        uses(image, "root", &set, &set),
        [repository.clone(), tag(Origin::ChartSet)]
    );
    assert_eq!(
        uses(image, "root", &none, &set),
        [repository.clone(), tag(Origin::ChartValues)]
    );
    assert_eq!(
        uses(image, "root", &none, &none),
        [repository, tag(default("root"))]
    );
}

#[test]
fn value_of_a_subchart_may_be_set_by_its_parent() {
    let found = uses(
        "otel/collector:0.1",
        "root/charts/otel",
        &json!({}),
        &json!({}),
    );
    let subchart = Origin::DefaultOf("root/charts/otel".to_owned());
    let parent = Origin::DefaultOf("root".to_owned());
    assert_eq!(
        found,
        [
            ("repository", "otel.image.repository".to_owned(), subchart),
            ("tag", "otel.image.tag".to_owned(), parent),
        ]
    );
}

#[test]
fn registry_may_be_a_value_of_its_own_and_the_tag_the_version_of_the_app() {
    let found = uses("ghcr.io/x/agent:7.0", "root", &json!({}), &json!({}));
    let default = Origin::DefaultOf("root".to_owned());
    assert_eq!(
        found,
        [
            (
                "repository",
                "agent.image.repository".to_owned(),
                default.clone()
            ),
            ("registry", "agent.image.registry".to_owned(), default),
            ("tag", String::new(), Origin::AppVersion("root".to_owned())),
        ]
    );
}

#[test]
fn part_that_no_value_has_is_unknown() {
    let found = uses(
        "quay.io/other/thing:9@sha256:12",
        "root",
        &json!({}),
        &json!({}),
    );
    let unknown = |part| (part, String::new(), Origin::Unknown);
    assert_eq!(
        found,
        [unknown("repository"), unknown("tag"), unknown("digest")]
    );
    assert_eq!(uses("a:1", "no such chart", &json!({}), &json!({})), []);
}

#[test]
fn points_and_positions_in_a_path_are_written_as_helm_reads_them() {
    let path = ["a.b", "[0]", "image"].map(str::to_owned);
    assert_eq!(shown(&path), "a\\.b[0].image");
    let tree = json!({"a.b": [{"image": "x"}]});
    assert!(has(&tree, &path));
    assert!(!has(&tree, &path[..0]));
}
