//! The command for people with several registries.

use sandbox::Change;
use serde_json::Value;

use crate::support::{ACR, Run};
use crate::{acr_sync, world_of};

const SECOND: &str = "secondacr.azurecr.io";

fn fleet<'a>(world: &'a sandbox::Sandbox, arguments: &[&str]) -> Run<'a> {
    acr_sync(world, arguments).set("REGISTRY_NAME", format!("{ACR},{SECOND}"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON on stdout")
}

#[test]
fn check_has_a_part_for_each_registry() {
    let world = world_of("fleet");
    let ended = fleet(&world, &["check"]).end();
    let text = &ended.expect(0, &[]).stdout;
    let parts = [
        "2 registries: 5 of 10 images need a sync. 1 of 2 registries is in sync, 1 needs a sync.",
        "\nmyacr.azurecr.io: All 5 images need a sync.\n  Missing",
        "\nsecondacr.azurecr.io: All 5 images are in sync.\n",
    ];
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let failing = fleet(&world, &["check", "--fail-on-outdated"]).end();
    assert_eq!(failing.code, 7, "{}", failing.stderr);
}

#[test]
fn explanation_has_a_chapter_for_each_registry() {
    let world = world_of("fleet");
    let name = "runwhen-contrib-rw-workspace-utils";
    let ended = fleet(&world, &["explain", name]).end();
    let text = &ended.expect(0, &[]).stdout;
    let (first, second) = text
        .split_once("secondacr.azurecr.io\n====")
        .expect("two chapters");
    assert!(first.starts_with("myacr.azurecr.io\n===="), "{first}");
    assert!(
        first.contains(": Missing\n") && second.contains(": UpToDate\n"),
        "{text}"
    );
    let lists = world.requests().into_iter();
    let lists = lists.filter(|one| one.path.ends_with(&format!("{name}/tags/list")));
    // The check, and the explanation: not one for each registry.
    assert_eq!(lists.count(), 2);
    let ended = fleet(&world, &["explain", name, "--output", "json"]).end();
    let images = json(&ended.expect(0, &[]).stdout)["images"].clone();
    let of = |position: usize| images[position]["registry"].clone();
    assert_eq!((of(0), of(1)), (ACR.into(), SECOND.into()));
    let markdown = fleet(&world, &["explain", name, "--output", "markdown"]).end();
    assert!(
        markdown
            .stdout
            .contains(&format!("# {SECOND}\n\n## {name}")),
        "{}",
        markdown.stdout
    );
}

#[test]
fn doctor_names_the_registry_in_which_it_found_something() {
    let world = world_of("fleet");
    let closed = Change::Firewall {
        registry: SECOND.to_owned(),
        closed: true,
    };
    world.change(closed).expect("a registry");
    let ended = fleet(&world, &["doctor", "--output", "json"]).end();
    let found = json(&ended.expect(5, &[]).stdout);
    let findings = found["findings"].as_array().expect("findings");
    let of = |what: &str| {
        let own = findings.iter().filter(|one| one["what"] == what);
        own.map(|one| {
            (
                one["registry"].as_str(),
                one["state"].as_str().unwrap_or_default(),
            )
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(of("login"), [(None, "ok")], "the identity is the same");
    assert_eq!(
        of("registry access"),
        [(Some(ACR), "ok"), (Some(SECOND), "wrong")]
    );
    let text = fleet(&world, &["doctor"]).end().stdout;
    assert!(
        text.contains("✗ registry access (secondacr.azurecr.io): "),
        "{text}"
    );
}

#[test]
fn plan_and_apply_take_one_registry() {
    let world = world_of("fleet");
    for arguments in [&["plan"][..], &["apply", "plan.json"]] {
        let ended = fleet(&world, arguments).end();
        ended.expect(2, &["REGISTRY_NAME", "a plan is about one registry"]);
    }
    assert!(world.requests().is_empty());
}
