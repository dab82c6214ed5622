//! Hostile services and `taskset`: an import whose `Location` leaves Azure, and texts that attack the terminal, browser or
//! ticket of a reader.

use std::time::Duration;

use crate::TASKSET;
use crate::support::hostile::{EVIL, no_connection_to_the_evil_host};
use crate::support::{ACR, ARM, Ended, ONE, SOURCE, response, run};
use sandbox::{Fault, File, RedirectTarget, ReplacedResponse, Sandbox, Scenario};
use serde_json::json;

fn world() -> Sandbox {
    let world = Sandbox::start(Scenario::outdated()).expect("a sandbox");
    let redirect = File::Redirect {
        status: 302,
        location: format!("https://{EVIL}/"),
    };
    world.edit(|state| {
        state
            .files
            .insert((EVIL.to_owned(), "/".to_owned()), redirect)
    });
    world
}

#[test]
fn location_of_an_import_that_leaves_azure_is_refused() {
    for target in [
        format!("https://{EVIL}/operation?s=x"),
        format!("http://{ARM}/operation?s=x"),
        format!("https://user:password@{ARM}/operation?s=x"),
        format!("//{EVIL}/operation"),
    ] {
        // The response proves neither a start nor an end, so the destination decides: absent, then present.
        for (method, path, times, code) in [
            ("POST", "/importImage", 5, 4),
            ("GET", "/operationResults/", 1, 0),
        ] {
            let world = world();
            world.inject(
                Fault::on(ARM)
                    .method(method)
                    .path_contains(path)
                    .times(times),
                response(202, &[("Location", &target)], ""),
            );
            let ended = run(&TASKSET, &world).set("TIMEOUT_SECONDS", "6").end();
            ended.expect(code, &["without a Location on the same host"]);
            no_connection_to_the_evil_host(&world);
            assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
            assert!(!ended.stderr.contains("user:password"), "{}", ended.stderr);
        }
    }
}

#[test]
fn start_of_an_import_follows_no_redirect() {
    for to in [
        RedirectTarget::OtherHost(EVIL.to_owned()),
        RedirectTarget::PlainHttp,
    ] {
        let world = world();
        world.inject(
            Fault::on(ARM).path_contains("/importImage"),
            ReplacedResponse::Redirect { to },
        );
        let ended = run(&TASKSET, &world).set("TIMEOUT_SECONDS", "6").end();
        ended.expect(4, &["307 Temporary Redirect"]);
        no_connection_to_the_evil_host(&world);
    }
}

/// Parts of hostile names and messages.
const HOSTILE: [&str; 9] = [
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "\u{9b}2J\u{8}\u{0}",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b || c",
    "`code` **bold** # heading",
    "[click](javascript:alert(1)) ![](https://evil.example/pixel)",
    "one\ntwo\r\n\n# three",
    "\u{202e}gpj.\u{200b}exe\u{feff}",
];

/// No output of a run has an effect where it is shown.
#[track_caller]
fn output_is_only_text(ended: &Ended) {
    let (markdown, html) = (
        ended.report("sync-report.md"),
        without_our_script(&ended.report("sync-report.html")),
    );
    let texts = [
        ("stdout", ended.stdout.clone()),
        ("stderr", ended.stderr.clone()),
        ("sync-report.md", markdown.clone()),
        ("sync-report.html", html.clone()),
        ("report.junit.xml", ended.report("report.junit.xml")),
        ("issues.json", ended.report("issues.json")),
        ("taskset.json", ended.report("taskset.json")),
    ];
    for (place, text) in &texts {
        let acts = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
        };
        assert_eq!(text.find(acts), None, "{place}: {text}");
        for escaped in ["\\u001b", "\\u009b", "\\b", "\\u0000", "\\u0007"] {
            assert!(!text.contains(escaped), "{escaped} in {place}: {text}");
        }
        for tag in [
            "<script",
            "<img",
            "</script",
            "](javascript",
            "](https://evil",
        ] {
            assert!(!text.contains(tag), "{tag} in {place}: {text}");
        }
    }
    every_table_is_whole(&markdown);
    let ours = ["# RunWhen images", "## ", "### "];
    for heading in markdown.lines().filter(|line| line.starts_with('#')) {
        let is_ours = ours.iter().any(|known| heading.starts_with(known));
        assert!(is_ours, "{heading}\n{markdown}");
    }
}

/// The page without its only script, which is a part of the executable.
#[track_caller]
fn without_our_script(html: &str) -> String {
    let script = include_str!("../../core/src/report/templates/report.js");
    let element = format!("<script>{script}</script>");
    assert_eq!(html.matches(&element).count(), 1, "{html}");
    html.replace(&element, "")
}

/// Every row has as many fields as the header of its table.
#[track_caller]
fn every_table_is_whole(markdown: &str) {
    let fields = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut head = None;
    for line in markdown.lines() {
        head = match (line.starts_with('|'), head) {
            (true, None) => Some(fields(line)),
            (true, Some(wanted)) => {
                assert_eq!(fields(line), wanted, "{line}\n{markdown}");
                Some(wanted)
            }
            (false, _) => None,
        };
    }
}

#[test]
fn hostile_tag_names_are_ignored() {
    let world = world();
    let source = format!("{}/{ONE}", sandbox::scenario::GOOGLE_PATH);
    world.edit(|state| {
        let stable = Scenario::newest_tag(ONE);
        let repository = state.repository(SOURCE, &source).expect("a repository");
        let digest = repository.tags["main-latest"].digest.clone();
        repository.tags.remove(&stable);
        for text in HOSTILE {
            repository.set_tag(text, &digest, 0);
            repository.set_tag(&format!("main-{text}"), &digest, 0);
        }
        // And in the destination.
        let registry = state.registries.get_mut(ACR).expect("the ACR");
        for repository in registry.repositories.values_mut() {
            let Some(digest) = repository
                .tags
                .values()
                .next()
                .map(|tag| tag.digest.clone())
            else {
                continue;
            };
            HOSTILE
                .iter()
                .for_each(|text| repository.set_tag(text, &digest, i64::MAX / 2000));
        }
    });
    let ended = run(&TASKSET, &world).unset(&["IMAGES"]).end();
    ended.expect(
        0,
        &["no stable tag with the same digest as main-latest found in"],
    );
    let verdicts = ended.verdicts("taskset.json");
    assert_eq!(verdicts[ONE], "NotPublished", "{verdicts:?}");
    output_is_only_text(&ended);
}

#[test]
fn hostile_messages_are_shown_as_text() {
    for text in HOSTILE {
        let world = world();
        let body = json!({"errors": [{"code": text, "message": text}]}).to_string();
        world.inject(
            Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list")),
            response(403, &[("ratelimit-remaining", "<script>x</script>|")], body),
        );
        let azure = json!({"error": {"code": text, "message": text}}).to_string();
        world.inject(
            Fault::on(ARM).path_contains("/importImage"),
            response(400, &[], azure),
        );
        let ended = run(&TASKSET, &world).end();
        ended.expect(4, &["403 Forbidden", "400 Bad Request"]);
        output_is_only_text(&ended);
    }
}

#[test]
fn hostile_chart_is_shown_as_text() {
    for text in HOSTILE {
        let world = world();
        let folder = world.folder().join("chart");
        std::fs::create_dir_all(folder.join("templates")).expect("a folder");
        let metadata =
            json!({"apiVersion": "v2", "name": text, "version": "1.0.0", "description": text});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": text},
            "spec": {"containers": [
                {"name": text, "image": text},
                {"name": text, "image": "ghcr.io/runwhen-contrib/runwhen-local:0.11.5"},
                {"name": text, "image": format!("ghcr.io/a/b:{text}")},
            ]},
        });
        let depends = json!({"dependencies": [{"name": text, "version": "1", "repository": format!("https://{text}")}]});
        for (place, metadata) in [
            ("named", metadata.clone()),
            (
                "plain",
                json!({"apiVersion": "v2", "name": "plain", "version": "1.0.0"}),
            ),
        ] {
            let mut metadata = metadata;
            for with_dependency in [false, true] {
                if with_dependency {
                    metadata["dependencies"] = depends["dependencies"].clone();
                }
                std::fs::write(folder.join("Chart.yaml"), metadata.to_string()).expect("a file");
                std::fs::write(folder.join("templates/pod.yaml"), pod.to_string()).expect("a file");
                let ended = run(&TASKSET, &world)
                    .set("IMAGES", "runwhen-local")
                    .set("SYNC_IMAGES", "false")
                    .set("HELM_REPO_URL", folder.display().to_string())
                    .end();
                assert!(
                    matches!(ended.code, 0 | 2 | 3),
                    "{place}: {text:?}: {} {}",
                    ended.code,
                    ended.stderr
                );
                output_is_only_text(&ended);
            }
        }
    }
}
