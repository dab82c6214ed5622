//! Several registries in one run: each has its own verdicts, and the number is their sum.

use std::collections::BTreeMap;

use crate::SLI;
use crate::jq::{COUNT_LIST, COUNT_MAP, jq};
use crate::support::{ACR, Ended, Run, SOURCE, one_list, run, status};
use sandbox::{Fault, Sandbox, Scenario};
use serde_json::{Value, json};

const SECOND: &str = "secondacr.azurecr.io";
const THIRD: &str = "thirdacr.azurecr.io";

/// `myacr` lacks eight images, `secondacr` has all, `thirdacr` is empty.
fn world() -> Sandbox {
    Sandbox::start(Scenario::named("fleet").expect("a scenario")).expect("a sandbox")
}

fn all_three(world: &Sandbox) -> Run<'_> {
    run(SLI, world)
        .unset(&["IMAGES"])
        .set("REGISTRY_NAME", format!("{ACR}, secondacr,{THIRD}"))
}

/// The number of each registry; null if it is not known.
fn numbers(result: &Value) -> Vec<Value> {
    let registries = result["registries"].as_array().expect("registries");
    let numbers = registries.iter();
    numbers
        .map(|registry| {
            json!([
                registry["registry"],
                registry["needs_sync"],
                registry["status"]
            ])
        })
        .collect()
}

/// The verdicts of a registry by the names of the images.
fn verdicts(result: &Value, registry: &str) -> BTreeMap<String, String> {
    let images = result["images"].as_array().expect("images").iter();
    let own = images.filter(|image| image["registry"] == registry);
    own.map(|image| {
        let destination = image["destination"].as_str().expect("a destination");
        assert!(destination.starts_with(registry), "{destination}");
        let name = destination.rsplit('/').next().unwrap_or_default();
        let verdict = image["verdict"].as_str().unwrap_or_default();
        (name.to_owned(), verdict.to_owned())
    })
    .collect()
}

fn titles(ended: &Ended) -> Vec<String> {
    let issues = ended.json("issues.json");
    let issues = issues.as_array().expect("a list").iter();
    let title = |issue: &Value| issue["title"].as_str().unwrap_or_default().to_owned();
    issues.map(title).collect()
}

#[test]
fn each_registry_has_its_verdicts_and_the_number_is_the_sum() {
    let world = world();
    let ended = all_three(&world).end();
    ended.expect(0, &["checking 24 images", "in secondacr: UpToDate"]);
    assert_eq!(ended.stdout, "16\n");
    let result = ended.json("sli.json");
    assert_eq!(
        (&result["registry"], &result["needs_sync"]),
        (&Value::Null, &json!(16))
    );
    assert_eq!(
        numbers(&result),
        [
            json!([ACR, 8, "complete"]),
            json!([SECOND, 0, "complete"]),
            json!([THIRD, 8, "complete"])
        ]
    );
    let of_second = verdicts(&result, SECOND);
    assert_eq!(of_second.len(), 8);
    assert!(of_second.values().all(|verdict| verdict == "UpToDate"));
    let of_third = verdicts(&result, THIRD);
    assert!(of_third.values().all(|verdict| verdict == "Missing"));
    assert_eq!(
        titles(&ended),
        [
            "5 CodeCollection images need a sync to 2 of 3 registries",
            "3 RunWhen Local images need a sync to 2 of 3 registries",
        ]
    );
    let issues = ended.json("issues.json");
    assert_eq!(issues[0]["registries"], json!([ACR, THIRD]));
    let lists = world.requests().into_iter();
    let lists = lists.filter(|one| one.host == SOURCE && one.path.ends_with("/tags/list"));
    assert_eq!(lists.count(), 5, "a source was read twice");
}

#[test]
fn registries_alone_have_the_verdicts_that_they_have_together() {
    let world = world();
    let together = all_three(&world).end().json("sli.json");
    for registry in [ACR, SECOND, THIRD] {
        let alone = all_three(&world).set("REGISTRY_NAME", registry).end();
        let alone = alone.json("sli.json");
        assert_eq!(alone["registry"], registry);
        assert_eq!(verdicts(&alone, registry), verdicts(&together, registry));
        let numbers = numbers(&together);
        assert!(numbers.contains(&json!([registry, alone["needs_sync"], "complete"])));
    }
}

#[test]
fn readers_of_the_original_count_the_images_of_all_registries() {
    let world = world();
    let ended = all_three(&world).end();
    let list = ended.folder.path();
    let list = list.join("azure-rw-acr-sync/cc_images_to_update.json");
    let map = ended.folder.path().join("images_to_update.json");
    let counts = [jq(COUNT_LIST, &list), jq(COUNT_MAP, &map)];
    if counts.iter().all(Option::is_some) {
        assert_eq!(counts.map(Option::unwrap_or_default), ["10", "6"]);
    }
    let text = std::fs::read_to_string(&map).expect("a map");
    let map: Value = serde_json::from_str(&text).expect("JSON");
    let key = format!(
        "ghcr.io/runwhen-contrib/runwhen-local:0.11.5 -> {THIRD}/runwhen/runwhen-local:0.11.5"
    );
    assert_eq!(map[&key]["update_required"], true);
    assert_eq!(map.as_object().map(serde_json::Map::len), Some(9));
}

#[test]
fn registry_that_refuses_leaves_the_others_and_no_number() {
    let world = world();
    let closed = sandbox::Change::Firewall {
        registry: SECOND.to_owned(),
        closed: true,
    };
    world.change(closed).expect("a registry");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fleet.prom");
    let ended = all_three(&world)
        .set("METRICS_FILE", file.display().to_string())
        .end();
    ended.expect(5, &["secondacr.azurecr.io refused access"]);
    assert_eq!(ended.stdout, "", "unknown is not a number");
    let result = ended.json("sli.json");
    assert_eq!(
        numbers(&result),
        [
            json!([ACR, 8, "complete"]),
            json!([SECOND, null, "access_denied"]),
            json!([THIRD, 8, "complete"])
        ]
    );
    assert_eq!(result["needs_sync"], Value::Null);
    assert_eq!(ended.json("cc_images_to_update.json"), json!(false));
    let refused = format!("ACR {SECOND} refused access");
    assert_eq!(
        titles(&ended)
            .iter()
            .filter(|title| **title == refused)
            .count(),
        1
    );
    let metrics = std::fs::read_to_string(file).expect("metrics");
    let of = |family: &str, registry: &str| {
        let start = format!("{family}{{program=\"sli\",registry=\"{registry}\",");
        let line = metrics.lines().find(|line| line.starts_with(&start));
        line.and_then(|line| line.rsplit(' ').next().map(ToOwned::to_owned))
    };
    assert_eq!(of("acr_sync_outdated_images", ACR).as_deref(), Some("8"));
    assert_eq!(of("acr_sync_outdated_images", "secondacr"), None);
    assert_eq!(
        of("acr_sync_last_run_exit_code", "secondacr").as_deref(),
        Some("5")
    );
    assert_eq!(
        of("acr_sync_last_run_exit_code", THIRD).as_deref(),
        Some("0")
    );
    assert!(!metrics.contains("acr_sync_run_outdated_images{"));
}

#[test]
fn metrics_have_the_sum_of_all_registries() {
    let world = world();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fleet.prom");
    let run = all_three(&world).set("METRICS_FILE", file.display().to_string());
    run.end().expect(0, &[]);
    let metrics = std::fs::read_to_string(file).expect("metrics");
    let sum = "acr_sync_run_outdated_images{program=\"sli\",repository_path=\"runwhen\",images=\"all\"} 16";
    assert!(metrics.lines().any(|line| line == sum), "{metrics}");
}

#[test]
fn source_that_cannot_be_read_is_one_issue_for_all_registries() {
    let world = world();
    world.inject(one_list(), status(500, ""));
    let ended = all_three(&world).end();
    ended.expect(3, &[]);
    let unchecked = "could not be checked for all 3 registries";
    let titles = titles(&ended);
    let found = titles.iter().filter(|title| title.contains(unchecked));
    assert_eq!(found.count(), 1, "{titles:?}");
    let result = ended.json("sli.json");
    assert!(numbers(&result).iter().all(|one| one[1].is_null()));
    // The request and its retries, and not once for each registry.
    let lists = world.requests().into_iter();
    let lists = lists
        .filter(|one| one.path.contains("rw-cli") && one.host == SOURCE)
        .count();
    world.clear_log();
    all_three(&world)
        .set("REGISTRY_NAME", ACR)
        .end()
        .expect(3, &[]);
    let alone = world.requests().into_iter();
    let alone = alone
        .filter(|one| one.path.contains("rw-cli") && one.host == SOURCE)
        .count();
    assert_eq!(lists, alone);
}

#[test]
fn chart_that_cannot_be_read_is_one_issue_for_all_registries() {
    let world = world();
    world.inject(Fault::on("runwhen-contrib.github.io"), status(404, ""));
    let ended = all_three(&world).end();
    assert_ne!(ended.code, 0);
    let titles = titles(&ended);
    let found = titles
        .iter()
        .filter(|title| title.contains("RunWhen Local"));
    assert_eq!(found.count(), 1, "{titles:?}");
    let result = ended.json("sli.json");
    assert!(numbers(&result).iter().all(|one| one[1].is_null()));
}

#[test]
fn hundred_registries_with_too_few_open_files_end_before_the_first_request() {
    let world = world();
    let names: Vec<_> = (0..100).map(|number| format!("registry{number}")).collect();
    let ended = run("prlimit", &world)
        .set("REGISTRY_NAME", names.join(","))
        .arguments(&["--nofile=128:128", SLI])
        .end();
    ended.expect(
        1,
        &["cannot open 238 more files", "(ulimit -n) to 512 or more"],
    );
    assert!(world.requests().is_empty());
}

#[test]
fn mistakes_in_the_list_are_explained() {
    let world = world();
    for (names, message) in [
        ("myacr,myacr.azurecr.io", "are the same registry"),
        (
            "myacr.azurecr.io,other.azurecr.cn",
            "are in different clouds",
        ),
        (
            "myacr,second-acr",
            "\"second-acr\": a registry's name has no '-'",
        ),
    ] {
        let ended = all_three(&world).set("REGISTRY_NAME", names).end();
        ended.expect(2, &["REGISTRY_NAME=", message]);
    }
    assert!(world.requests().is_empty());
}
