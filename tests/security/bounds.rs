//! Limits on memory, requests and time that a hostile registry can cause.

use std::time::Duration;

use crate::SLI;
use crate::support::hostile::*;
use crate::support::peak::end_with_peak;
use crate::support::{ACR, ONE, SOURCE, one_list, response, run};
use sandbox::content::Digest;
use sandbox::registry::ManifestEntry;
use sandbox::{Change, Fault, FaultKind, ReplacedResponse, Sandbox, Scenario};
use serde_json::json;

/// The largest memory of a run after one hostile response, in MiB.
const MOST_MEMORY: u64 = 64;

/// Adds tags that have the form of stable ones.
fn many_tags(world: &Sandbox, count: usize, page_size: Option<usize>) {
    let registry = SOURCE.to_owned();
    world
        .change(Change::GoogleList {
            registry,
            extended: false,
            page_size,
        })
        .expect("a registry");
    world.edit(|state| {
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        let digest = repository.tags["main-latest"].digest.clone();
        for number in 0..count {
            repository.set_tag(&format!("zz-{number:07}"), &digest, 0);
        }
    });
}

#[test]
fn two_hundred_thousand_tags_in_pages_are_bounded() {
    let world = world("outdated");
    many_tags(&world, 200_000, Some(1000));
    let (ended, peak) = end_with_peak(run(SLI, &world));
    one_is_unknown(&ended, &["the list of tags does not end"]);
    let lists = one_lists(&world);
    assert!(lists <= 202, "{lists} requests for the lists");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
    assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
}

#[test]
fn hundred_fifty_thousand_tags_are_read() {
    // Fewer than the limit, so the stable tag is found.
    let world = world("outdated");
    many_tags(&world, 150_000, Some(1000));
    let (ended, peak) = end_with_peak(run(SLI, &world));
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

#[test]
fn list_with_a_hundred_thousand_manifests_is_read_with_little_memory() {
    let world = world("outdated");
    world.edit(|state| {
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        let untagged = ManifestEntry {
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            uploaded: 1,
            created: 1,
        };
        let digests = (0..100_000_u32).map(|number| Digest::of(&number.to_be_bytes()));
        let untagged = digests.map(|digest| (digest, untagged.clone()));
        repository.manifests.extend(untagged);
    });
    let (ended, peak) = end_with_peak(run(SLI, &world));
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    let received = ended.json("sli.json")["hosts"][SOURCE]["bytes_received"].as_u64();
    assert!(received > Some(20_000_000), "{received:?} bytes");
    assert!(peak < 32, "{peak} MiB");
}

#[test]
fn pages_of_one_tag_are_bounded() {
    let world = world("outdated");
    many_tags(&world, 5_000, Some(1));
    let ended = run(SLI, &world).end();
    one_is_unknown(
        &ended,
        &["the list of tags does not end (2000 on 2000 pages"],
    );
    assert_eq!(one_lists(&world), 2_000);
}

fn one_lists(world: &Sandbox) -> usize {
    let requests = world.requests();
    let is_list = |path: &str| path.ends_with(&format!("{ONE}/tags/list"));
    requests
        .iter()
        .filter(|request| is_list(&request.path))
        .count()
}

/// One response to the request for the tags, and its cost.
#[track_caller]
fn one_response_is_bounded(kind: impl Into<FaultKind>, parts: &[&str]) {
    let world = world("outdated");
    let kind = kind.into();
    let what = format!("{kind:?}").chars().take(60).collect::<String>();
    world.inject(one_list(), kind);
    let (ended, peak) = end_with_peak(run(SLI, &world));
    one_is_unknown(&ended, parts);
    assert!(peak < MOST_MEMORY, "{what}: {peak} MiB");
    assert!(
        world.faults()[0].hits <= 5,
        "{what}: {}",
        world.faults()[0].hits
    );
}

#[test]
fn page_of_too_many_tags_is_bounded() {
    let tags: Vec<_> = (0..200_001)
        .map(|number| format!("zz-{number:07}"))
        .collect();
    let body = json!({"name": "r", "tags": tags}).to_string();
    one_response_is_bounded(
        response(200, &[], body),
        &["a list of more than 200000 items"],
    );
    // As many short tags as fit into a page.
    let body = format!("{{\"tags\":[{}\"t\"]}}", "\"t\",".repeat(4_000_000));
    one_response_is_bounded(
        response(200, &[], body),
        &["a list of more than 200000 items"],
    );
}

#[test]
fn hundred_megabytes_of_tags_are_bounded() {
    one_response_is_bounded(
        ReplacedResponse::HugeJson { bytes: 100_000_000 },
        &["a list of more than 200000 items"],
    );
    one_response_is_bounded(
        ReplacedResponse::GzipBomb { bytes: 1 << 30 },
        &["not the expected JSON"],
    );
}

#[test]
fn json_of_unexpected_content_is_bounded() {
    let hash = |number: usize| Digest::of(&number.to_be_bytes()).to_string();
    // Small values, which take the most memory; nested ones; and many entries in Google's `manifest` object.
    let zeros = "0,".repeat(7_500_000);
    let described: Vec<_> = (0..100_000)
        .map(|number| format!("\"{}\":{{\"tag\":[\"t{number}\"]}}", hash(number)))
        .collect();
    for body in [
        format!("{{\"manifest\":[{zeros}0]}}"),
        format!("{{\"x\":{{\"y\":[{zeros}0]}}}}"),
        format!("{{\"manifest\":{{{}}}}}", described.join(",")),
        format!("{{\"tags\":{}", "[".repeat(1_000_000)),
        format!(
            "{{\"manifest\":{}1{}}}",
            "{\"a\":".repeat(500_000),
            "}".repeat(500_000)
        ),
    ] {
        one_response_is_bounded(response(200, &[], body), &["tags/list"]);
    }
}

#[test]
fn responses_of_the_catalog_are_bounded() {
    let zeros = "0,".repeat(2_000_000);
    let hidden: Vec<_> = (0..100_000)
        .map(|number| format!("{{\"slug\":\"c{number}\",\"visibility\":\"hidden\"}}"))
        .collect();
    let public = format!("[{}]", hidden.join(",")).replace("hidden", "public");
    let ok = |body: String| FaultKind::from(response(200, &[], body));
    let details = format!("{{\"detail\":[{zeros}0]}}");
    for (path, fault, part) in [
        (
            "/codecollections?",
            ok(format!("[{zeros}0]")),
            "not a list of collections",
        ),
        (
            "/codecollections?",
            ok(format!("[{}]", hidden.join(","))),
            "no public collection",
        ),
        ("/codecollections?", ok(public), "more than 200"),
        (
            "/codecollections?",
            ReplacedResponse::GzipBomb { bytes: 1 << 30 }.into(),
            "not a list of collections",
        ),
        (
            "/codecollections?",
            response(403, &[], details).into(),
            "403 Forbidden",
        ),
        (
            "/resolve?",
            ok(format!("{{\"x\":[{zeros}0]}}")),
            "larger than 64 KiB",
        ),
        (
            "/resolve?",
            ReplacedResponse::HugeJson { bytes: 100 << 20 }.into(),
            "larger than 64 KiB",
        ),
    ] {
        let world = world("catalog");
        world.inject(Fault::on(sandbox::catalog::HOST).path_contains(path), fault);
        let (ended, peak) = end_with_peak(run(SLI, &world));
        ended.expect(3, &["CodeCollection catalog", part]);
        assert!(peak < MOST_MEMORY, "{part}: {peak} MiB");
    }
}

#[test]
fn refusal_of_any_size_shows_its_status() {
    let zeros = "0,".repeat(7_500_000);
    let body = format!("{{\"errors\":[{zeros}0]}}");
    one_response_is_bounded(
        response(403, &[], body.clone()),
        &["403 Forbidden", "the image is private"],
    );
    one_response_is_bounded(
        response(503, &[], body),
        &["503 Service Unavailable", "tried 5 times"],
    );
}

#[test]
fn huge_headers_are_bounded() {
    let long = "x".repeat(10_000_000);
    let link = format!("<{long}>; rel=next");
    one_response_is_bounded(
        response(200, &[("Link", &link)], "{}"),
        &["source registry"],
    );
    let realm = format!("Bearer realm=\"https://{SOURCE}/{}", ",".repeat(100_000));
    one_response_is_bounded(
        response(401, &[("WWW-Authenticate", &realm)], "{}"),
        &["401 Unauthorized"],
    );
}

#[test]
fn index_of_ten_thousand_entries_is_read_and_a_larger_one_is_bounded() {
    let child = Digest::of(b"child").to_string();
    let stable = Scenario::newest_tag(ONE);
    for (entries, number) in [(10_000, Some("5\n")), (10_001, None)] {
        let world = world("plain-list");
        put_manifest(
            &world,
            INDEX,
            &index(entries, &child),
            &["main-latest", &stable],
        );
        let (ended, peak) = end_with_peak(run(SLI, &world));
        match number {
            Some(number) => assert_eq!(ended.expect(0, &[]).stdout, number),
            None => one_is_unknown(&ended, &["a list of more than 10000 items"]),
        }
        assert!(peak < MOST_MEMORY, "{entries} entries: {peak} MiB");
    }
}

#[test]
fn manifests_of_a_hundred_megabytes_are_bounded() {
    for bytes in [100_000_000, 4_000_000] {
        let world = world("plain-list");
        let fault = Fault::on(SOURCE).path_contains(&format!("{ONE}/manifests/"));
        world.inject(fault, ReplacedResponse::HugeJson { bytes });
        let (ended, peak) = end_with_peak(run(SLI, &world));
        one_is_unknown(&ended, &["source registry", "/manifests/"]);
        assert!(peak < MOST_MEMORY, "{peak} MiB");
    }
    // Also at the destination: after a HEAD without a digest, the manifest is read.
    let world = world("up-to-date");
    let fault = Fault::on(ACR).path_contains(&format!("{ONE}/manifests/"));
    world.inject(fault, ReplacedResponse::HugeJson { bytes: 100_000_000 });
    let (ended, peak) = end_with_peak(run(SLI, &world));
    ended.expect(3, &["is larger than"]);
    assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

#[test]
fn huge_annotations_are_bounded() {
    // As many as fit into the largest manifest that registries must accept, in every candidate.
    let mut manifest = index(1, &Digest::of(b"child").to_string());
    manifest["annotations"] = (0..350_000)
        .map(|n| (format!("{n:x}"), json!("")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let world = world("plain-list");
    let tags: Vec<_> = (0..8)
        .map(|number| format!("main-000000{number}"))
        .collect();
    let mut tags: Vec<_> = tags.iter().map(String::as_str).collect();
    put_manifest(&world, INDEX, &manifest, &tags);
    manifest["manifests"][0]["digest"] = Digest::of(b"another").to_string().into();
    tags = vec!["main-latest"];
    put_manifest(&world, INDEX, &manifest, &tags);
    let (ended, peak) = end_with_peak(run(SLI, &world));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(peak < MOST_MEMORY + 32, "{peak} MiB");
}

/// A folder with a chart of one template.
fn chart_of(template: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file is written");
    };
    std::fs::create_dir(folder.path().join("templates")).expect("a folder is made");
    write("Chart.yaml", "apiVersion: v2\nname: bad\nversion: 0.1.0\n");
    write("templates/a.yaml", template);
    folder
}

#[test]
fn a_chart_that_grows_a_list_in_a_loop_is_bounded() {
    let large_map = "{{ $d := dict }}{{ range 20000 }}{{ $_ := set $d (toString .) . }}{{ end }}";
    for (template, expected) in [
        (
            "{{ $l := list }}{{ range until 1000 }}{{ $l = append $l (until 1000000) }}{{ end }}"
                .to_owned(),
            "bytes of memory",
        ),
        (
            "{{ $d := dict }}{{ range 3000000 }}{{ $_ := set $d (toString .) (list 1) }}{{ end }}"
                .to_owned(),
            "bytes of memory",
        ),
        ("{{1}}".repeat(700_000), "bytes of memory"),
        (
            format!("{large_map}{{{{ range 1000000 }}}}{{{{ $x := keys $d }}}}{{{{ end }}}}"),
            "steps",
        ),
        (
            format!("{large_map}{{{{ range 1000000 }}}}{{{{ $x := toYaml $d }}}}{{{{ end }}}}"),
            "steps",
        ),
    ] {
        let world = world("outdated");
        let folder = chart_of(&template);
        let run = run(SLI, &world)
            .unset(&["IMAGES"])
            .set("HELM_REPO_URL", folder.path().to_string_lossy());
        let (ended, peak) = end_with_peak(run);
        ended.expect(3, &["does not render", expected]);
        assert!(peak < MOST_MEMORY, "{peak} MiB: {}", &template[..60]);
        let missing = ended.verdicts("sli.json");
        let missing = missing.values().filter(|verdict| *verdict == "Missing");
        assert_eq!(missing.count(), 5, "the CodeCollections are checked");
    }
}

#[test]
fn many_charts_that_fill_their_memory_are_bounded_together() {
    let world = world("outdated");
    let growing =
        "{{ $d := dict }}{{ range 3000000 }}{{ $_ := set $d (toString .) (list 1) }}{{ end }}";
    let folder = chart_of(growing);
    let path = folder.path().to_string_lossy();
    let charts: String = (0..4).map(|_| format!("- {{path: '{path}'}}\n")).collect();
    let run = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("HELM_REPO_URL", path.as_ref())
        .set("EXTRA_CHARTS", charts);
    let (ended, peak) = end_with_peak(run);
    ended.expect(
        3,
        &[
            "does not render",
            "bytes of memory",
            "chart 4 in EXTRA_CHARTS",
        ],
    );
    // Of three charts; the files in `deploy/` have a limit of 256.
    assert!(peak < 3 * MOST_MEMORY, "{peak} MiB");
}
