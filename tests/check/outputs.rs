//! The number, artifacts, requests and settings of `sli`.

use crate::SLI;
use crate::jq::{COUNT_LIST, COUNT_MAP, has_jq, jq};
use crate::support::{ACR, ENTRA, Ended, ONE, SOURCE, run};
use sandbox::{Fault, ReplacedResponse, Sandbox, Scenario};
use serde_json::json;

fn world(scenario: &str) -> Sandbox {
    Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox")
}

#[test]
fn outdated_images_are_counted_and_stdout_is_only_the_number() {
    let world = world("outdated");
    let ended = run(SLI, &world).end();
    ended.expect(0, &["5 CodeCollection images need a sync to ACR myacr"]);
    assert_eq!(ended.stdout, "5\n");
    let all = ended.json("sli.json");
    assert_eq!(all["needs_sync"], 5);
    assert!(all["timings_ms"]["total"].as_u64() >= all["timings_ms"]["check"].as_u64());
    assert_eq!(
        all["categories"]["runwhen_local"],
        serde_json::Value::Null,
        "a category that was not checked has no number"
    );
    assert_eq!(all["categories"]["codecollection"]["needs_sync"], 5);
    assert!(
        ended
            .verdicts("sli.json")
            .values()
            .all(|verdict| verdict == "Missing")
    );
    let list = ended.json("cc_images_to_update.json");
    let first = &list[0];
    let name = "runwhen-contrib-azure-c7n-codecollection";
    let tag = Scenario::newest_tag(name);
    assert_eq!(list.as_array().map(Vec::len), Some(5));
    assert_eq!(
        first["source"],
        format!("{SOURCE}/runwhen-nonprod-beta/public-images/{name}:{tag}")
    );
    assert_eq!(first["destination"], format!("{ACR}/runwhen/{name}:{tag}"));
}

#[test]
fn registry_in_sync_is_zero_with_the_fewest_requests() {
    let world = world("up-to-date");
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(ended.json("cc_images_to_update.json"), json!([]));
    let count = |host: &str| {
        world
            .requests()
            .iter()
            .filter(|request| request.host == host)
            .count()
    };
    // One list per repository; token, exchange and token again; one HEAD per destination. No ARM.
    assert_eq!((count(SOURCE), count(ENTRA), count(ACR)), (5, 1, 2 + 5));
    assert_eq!(world.requests().len(), 13);
    let ledger = &ended.json("sli.json")["hosts"];
    assert_eq!(ledger[SOURCE]["requests"], 5);
    assert_eq!(ledger[ACR]["requests"], 7);
    assert_eq!(ended.json("sli.json")["requests"], 13);
    let mut requests: Vec<_> = world
        .requests()
        .iter()
        .map(|r| {
            (
                r.method.clone(),
                r.host.clone(),
                r.path.clone(),
                r.query.clone(),
            )
        })
        .collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 13, "a request was sent twice");
}

#[test]
fn tag_with_another_digest_has_drifted() {
    let world = world("drifted");
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    assert!(
        ended
            .verdicts("sli.json")
            .values()
            .all(|verdict| verdict == "Drifted")
    );
}

#[test]
fn empty_registry_lacks_all_five() {
    let world = world("empty");
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "5\n");
}

#[test]
fn plain_or_paged_list_gives_the_same_tags() {
    for scenario in ["plain-list", "paged"] {
        let world = world(scenario);
        let ended = run(SLI, &world).end();
        assert_eq!(ended.expect(0, &[]).stdout, "5\n", "{scenario}");
        for (name, _) in ended.verdicts("sli.json") {
            let images = ended.json("sli.json")["images"].to_string();
            assert!(
                images.contains(&Scenario::newest_tag(&name)),
                "{scenario}: {name}"
            );
        }
    }
}

#[test]
fn same_child_in_another_index_is_the_same_image() {
    let world = world("same-children");
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    let images = ended.json("sli.json")["images"].to_string();
    for (name, _) in ended.verdicts("sli.json") {
        assert!(images.contains(&Scenario::newest_tag(&name)), "{name}");
    }
}

#[test]
fn branch_without_images_is_a_wrong_setting() {
    let world = world("outdated");
    let ended = run(SLI, &world).set("REF", "no-such-branch").end();
    ended.expect(
        2,
        &[
            "No no-such-branch-latest found in",
            "which has these branches: feature-x, main",
            "Check REF: set it to a branch",
        ],
    );
    assert!(!ended.stderr.contains("CODECOLLECTION_SOURCE"));
    assert_eq!(ended.stdout, "");
    assert!(
        ended
            .verdicts("sli.json")
            .values()
            .all(|verdict| verdict == "NotPublished")
    );
}

#[test]
fn repository_without_latest_is_not_published_and_the_others_count() {
    let world = world("outdated");
    world.edit(|state| {
        let registry = state.registries.get_mut(SOURCE).expect("Google");
        let name = format!("runwhen-nonprod-beta/public-images/{}", crate::support::ONE);
        registry.repository(&name).tags.remove("main-latest");
    });
    let ended = run(SLI, &world).end();
    assert_eq!(ended.expect(0, &["No main-latest found in"]).stdout, "4\n");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "NotPublished");
}

#[test]
fn short_name_works_like_the_login_server() {
    let world = world("up-to-date");
    for name in ["myacr", "MYACR", "MyAcr.AzureCR.io"] {
        let ended = run(SLI, &world).set("REGISTRY_NAME", name).end();
        assert_eq!(ended.expect(0, &[]).stdout, "0\n", "{name}");
    }
}

#[test]
fn sync_images_makes_the_number_what_remains() {
    let world = world("outdated");
    let ended = run(SLI, &world).set("SYNC_IMAGES", "true").end();
    assert_eq!(ended.expect(0, &["imported and verified"]).stdout, "0\n");
    assert_eq!(run(SLI, &world).end().expect(0, &[]).stdout, "0\n");
}

#[test]
fn flags_override_variables() {
    let world = world("up-to-date");
    let ended = run(SLI, &world)
        .set("REGISTRY_NAME", "wrong name")
        .arguments(&[
            "--registry-name",
            "myacr.azurecr.io",
            "--use-date-tag",
            "--log-level",
            "error",
        ])
        .end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(ended.stderr, "");
}

#[test]
fn all_wrong_settings_are_reported_before_any_request() {
    let world = world("outdated");
    let ended = run(SLI, &world)
        .set("REGISTRY_NAME", "https://myacr.azurecr.io/x")
        .set("REF", "feature/x")
        .set("USE_DOCKER_AUTH", "true")
        .set("TIMEOUT_SECONDS", "soon")
        .end();
    ended.expect(
        2,
        &[
            "REGISTRY_NAME",
            "feature-x",
            "DOCKER_USERNAME",
            "DOCKER_TOKEN",
            "TIMEOUT_SECONDS=\"soon\"",
        ],
    );
    assert!(world.requests().is_empty());
    assert_eq!(
        run(SLI, &world)
            .arguments(&["--docker-token", "x"])
            .end()
            .code,
        2
    );
}

#[test]
fn artifacts_are_where_other_tools_read_them() {
    let world = world("up-to-date");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let path = elsewhere.path().display().to_string();
    let ended = run(SLI, &world).set("CODEBUNDLE_TEMP_DIR", path).end();
    ended.expect(0, &[]);
    let mut names: Vec<_> = std::fs::read_dir(ended.folder.path().join("azure-rw-acr-sync"))
        .expect("the folder of artifacts")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["cc_images_to_update.json", "codecollection"]);
}

/// The results of the original's filters for the list and for the map.
fn counts(ended: &Ended) -> [Option<String>; 2] {
    let folder = ended.folder.path();
    let list = folder.join("azure-rw-acr-sync/cc_images_to_update.json");
    [
        jq(COUNT_LIST, &list),
        jq(COUNT_MAP, &folder.join("images_to_update.json")),
    ]
}

fn refused(host: &str) -> (Fault, ReplacedResponse) {
    let kind = ReplacedResponse::Status {
        code: 403,
        headers: Vec::new(),
        body: String::new(),
    };
    (Fault::on(host), kind)
}

#[test]
fn filters_of_the_original_count_the_known_images() {
    for (scenario, count) in [("outdated", ["5", "3"]), ("up-to-date", ["0", "0"])] {
        let ended = run(SLI, &world(scenario)).unset(&["IMAGES"]).end();
        ended.expect(0, &[]);
        if has_jq() {
            let wanted = count.map(|count| Some(count.to_owned()));
            assert_eq!(counts(&ended), wanted, "{scenario}");
        }
    }
}

#[test]
fn filters_of_the_original_fail_on_artifacts_of_an_incomplete_check() {
    // All images are unknown; the ACR refuses; one CodeCollection and the chart; one image of the chart.
    let everything = [SOURCE, "runwhen-contrib.github.io"];
    for (hosts, path) in [
        (&everything[..], ""),
        (&[ACR][..], ""),
        (&everything[..], ONE),
        (&["ghcr.io"][..], ""),
    ] {
        let world = world("outdated");
        for host in hosts {
            let (fault, kind) = refused(host);
            let is_source = *host == SOURCE;
            let fault = if is_source {
                fault.path_contains(path)
            } else {
                fault
            };
            world.inject(fault, kind);
        }
        let ended = run(SLI, &world).unset(&["IMAGES"]).end();
        assert!(matches!(ended.code, 3 | 5), "{}", ended.stderr);
        let list = ended.json("cc_images_to_update.json");
        let text = std::fs::read_to_string(ended.folder.path().join("images_to_update.json"));
        let map: serde_json::Value = serde_json::from_str(&text.expect("a file")).expect("JSON");
        let has_list = *hosts == ["ghcr.io"];
        assert_eq!(list.is_array(), has_list, "{list}");
        assert!(list.is_array() || list == false, "{list}");
        let why = map["incomplete"].as_str().unwrap_or_default();
        assert!(why.starts_with("not known for "), "{map}");
        let whole = map
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "incomplete");
        assert_eq!(
            whole.count(),
            if has_list || hosts == [ACR] { 3 } else { 0 },
            "{map}"
        );
        if has_jq() {
            let list = ended
                .folder
                .path()
                .join("azure-rw-acr-sync/cc_images_to_update.json");
            assert_eq!(counts(&ended), [has_list.then(|| "5".to_owned()), None]);
            for filter in ["length", ".[]", ".[].source"] {
                assert_eq!(jq(filter, &list).is_some(), has_list, "{filter}");
            }
        }
    }
}

#[test]
fn branch_that_no_source_has_is_not_an_empty_list() {
    let world = world("outdated");
    let ended = run(SLI, &world).set("REF", "nosuch").end();
    ended.expect(
        2,
        &["No CodeCollection image is published at us-west1-docker.pkg.dev/"],
    );
    assert_eq!(ended.json("cc_images_to_update.json"), false);
    let all = ended.json("sli.json");
    assert_eq!(
        all["categories"]["codecollection"]["needs_sync"],
        json!(null)
    );
}

#[test]
fn destination_has_its_registry_in_every_artifact() {
    let world = world("outdated");
    let ended = run(SLI, &world).unset(&["IMAGES"]).end();
    ended.expect(0, &[]);
    let text = std::fs::read_to_string(ended.folder.path().join("images_to_update.json"));
    let map: serde_json::Value = serde_json::from_str(&text.expect("a file")).expect("JSON");
    let (all, list) = (
        ended.json("sli.json"),
        ended.json("cc_images_to_update.json"),
    );
    let rows = [&all["images"], &list].map(|rows| rows.as_array().cloned().expect("a list"));
    let of_map = map.as_object().expect("a map").values().cloned();
    let rows: Vec<_> = rows.into_iter().flatten().chain(of_map).collect();
    assert_eq!(rows.len(), 8 + 5 + 3);
    for row in rows {
        let destination = row["destination"].as_str().unwrap_or_default();
        assert!(destination.starts_with(&format!("{ACR}/runwhen/")), "{row}");
        if row.get("private_image").is_some() {
            assert_eq!(row["private_image"], row["destination"]);
        }
    }
    let issues = ended.json("issues.json").to_string();
    assert!(issues.contains(&format!(" to {ACR}/runwhen:")), "{issues}");
}

#[test]
fn runs_of_each_category_do_not_overwrite_results_of_the_other() {
    let world = world("outdated");
    let shared = tempfile::tempdir().expect("a folder");
    let folder = shared.path().display().to_string();
    for images in ["all", "codecollection", "runwhen-local"] {
        let run = run(SLI, &world).set("IMAGES", images);
        run.set("OUTPUT_DIR", &*folder).end().expect(0, &[]);
    }
    let count = |name: &str| {
        let text = std::fs::read_to_string(shared.path().join(name)).expect("a file");
        let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        all["needs_sync"].as_u64()
    };
    assert_eq!(count("azure-rw-acr-sync/sli.json"), Some(8));
    assert_eq!(count("azure-rw-acr-sync/codecollection/sli.json"), Some(5));
    assert_eq!(count("azure-rw-acr-sync/runwhen-local/sli.json"), Some(3));
    for name in [
        "azure-rw-acr-sync/cc_images_to_update.json",
        "images_to_update.json",
    ] {
        assert!(shared.path().join(name).is_file(), "{name}");
    }
}
