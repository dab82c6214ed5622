//! What a registry that means harm can make us hold, ask and wait for: all of it has a bound.

mod support;

use std::time::Duration;

use sandbox::content::Digest;
use sandbox::{Change, Fault, ReplacedResponse, Sandbox, Scenario};
use serde_json::json;
use support::hostile::*;
use support::peak::end_with_peak;
use support::{ACR, ONE, SOURCE, run};

const SLI: &str = env!("CARGO_BIN_EXE_sli");
/// The most memory that one hostile answer may cost a run, in MiB.
const MOST_MEMORY: u64 = 64;

/// Fills the repository with tags that look like stable ones.
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
fn as_many_tags_as_are_read_still_give_an_answer() {
    // Fewer than the bound: the newest of the first choice is found among the candidates.
    let world = world("outdated");
    many_tags(&world, 150_000, Some(1000));
    let (ended, peak) = end_with_peak(run(SLI, &world));
    assert_eq!(ended.expect(0, &[]).stdout, "5\n");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
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

/// One answer to the request for the tags, and what it costs to read it.
#[track_caller]
fn one_answer_is_bounded(kind: ReplacedResponse, parts: &[&str]) {
    let world = world("outdated");
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
fn one_page_of_too_many_tags_is_bounded() {
    let tags: Vec<_> = (0..200_001)
        .map(|number| format!("zz-{number:07}"))
        .collect();
    let body = json!({"name": "r", "tags": tags}).to_string();
    one_answer_is_bounded(
        answer(200, &[], body),
        &["a list of more than 200000 items"],
    );
    // The most that fit into a page, as short as they can be.
    let body = format!("{{\"tags\":[{}\"t\"]}}", "\"t\",".repeat(4_000_000));
    one_answer_is_bounded(
        answer(200, &[], body),
        &["a list of more than 200000 items"],
    );
}

#[test]
fn a_hundred_megabytes_of_tags_are_bounded() {
    one_answer_is_bounded(
        ReplacedResponse::HugeJson { bytes: 100_000_000 },
        &["the answer is larger than"],
    );
    one_answer_is_bounded(
        ReplacedResponse::GzipBomb { bytes: 1 << 30 },
        &["not the promised JSON"],
    );
}

#[test]
fn json_that_means_nothing_is_bounded() {
    let hash = |number: usize| Digest::of(&number.to_be_bytes()).to_string();
    // Small values, which cost the most where they are kept; deep ones; and Google's part, made up.
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
        one_answer_is_bounded(answer(200, &[], body), &["tags/list"]);
    }
}

#[test]
fn a_refusal_of_any_size_tells_its_status() {
    let zeros = "0,".repeat(7_500_000);
    let body = format!("{{\"errors\":[{zeros}0]}}");
    one_answer_is_bounded(
        answer(403, &[], body.clone()),
        &["403 Forbidden", "private, misnamed"],
    );
    one_answer_is_bounded(
        answer(503, &[], body),
        &["503 Service Unavailable", "tried 5 times"],
    );
}

#[test]
fn headers_without_end_are_bounded() {
    let long = "x".repeat(10_000_000);
    let link = format!("<{long}>; rel=next");
    one_answer_is_bounded(answer(200, &[("Link", &link)], "{}"), &["source registry"]);
    let realm = format!("Bearer realm=\"https://{SOURCE}/{}", ",".repeat(100_000));
    one_answer_is_bounded(
        answer(401, &[("WWW-Authenticate", &realm)], "{}"),
        &["401 Unauthorized"],
    );
}

#[test]
fn an_index_of_ten_thousand_entries_is_read_and_a_larger_one_is_bounded() {
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
    // The destination too: a HEAD without a digest makes us read the whole.
    let world = world("up-to-date");
    let fault = Fault::on(ACR).path_contains(&format!("{ONE}/manifests/"));
    world.inject(fault, ReplacedResponse::HugeJson { bytes: 100_000_000 });
    let (ended, peak) = end_with_peak(run(SLI, &world));
    ended.expect(3, &["the answer is larger than"]);
    assert_eq!(ended.verdict_of_one("sli.json", "UpToDate"), "Unknown");
    assert!(peak < MOST_MEMORY, "{peak} MiB");
}

#[test]
fn annotations_without_end_are_bounded() {
    // As many as fit into a manifest that registries must take, in every candidate at once.
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
