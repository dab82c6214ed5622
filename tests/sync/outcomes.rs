//! Runs in which one of five imports has a problem, and the outcome of each.

use sandbox::{Fault, ImportResult, ImportRule, RecordedRequest, Sandbox, Scenario};
use serde_json::Value;

use crate::TASKSET;
use crate::support::{ARM, Ended, ONE, run};

pub fn world() -> Sandbox {
    Sandbox::start(Scenario::outdated()).expect("a sandbox")
}

/// A world in which the import of [`ONE`] ends like this; Azure is polled every second.
pub fn world_with(result: ImportResult) -> Sandbox {
    let world = world();
    world.edit(|state| {
        state.azure.imports.retry_after = 1;
        state.azure.imports.rules.push(rule(result));
    });
    world
}

pub fn rule(result: ImportResult) -> ImportRule {
    ImportRule {
        contains: ONE.to_owned(),
        result,
        duration_milliseconds: None,
        times: None,
    }
}

/// The start of an import.
pub fn start() -> Fault {
    Fault::on(ARM).method("POST").path_contains("/importImage")
}

/// The polls of the import of [`ONE`].
pub fn poll() -> Fault {
    Fault::on(ARM)
        .method("GET")
        .path_contains("operationResults")
        .about(ONE)
}

pub fn imports_of(world: &Sandbox, name: &str) -> usize {
    let is_import = |request: &&RecordedRequest| {
        request.path.ends_with("/importImage")
            && String::from_utf8_lossy(&request.body).contains(name)
    };
    world.requests().iter().filter(is_import).count()
}

/// The outcome of [`ONE`], and those of the four others.
pub fn outcomes(ended: &Ended) -> (String, Vec<String>) {
    let images = ended.json("taskset.json")["images"].clone();
    let outcome = |image: &&Value| image["outcome"].as_str().unwrap_or("none").to_owned();
    let is_one = |image: &&Value| {
        let destination = image["destination"].as_str();
        destination.is_some_and(|text| text.contains(ONE))
    };
    let (one, others): (Vec<_>, Vec<_>) =
        { images.as_array().expect("images").iter() }.partition(is_one);
    let one = one
        .first()
        .map(outcome)
        .expect("the image with the problem");
    (one, others.iter().map(outcome).collect())
}

/// The four others are imported, and [`ONE`] has this outcome.
#[track_caller]
pub fn others_are_imported(ended: &Ended, outcome: &str) {
    let (one, others) = outcomes(ended);
    assert_eq!(one, outcome, "{}", ended.stderr);
    assert_eq!(others, ["imported"; 4], "{}", ended.stderr);
}

/// One import fails, is known to have failed, and the other four succeed.
#[track_caller]
pub fn one_fails(world: &Sandbox, parts: &[&str]) -> Ended {
    let ended = one_has_a_problem(world, "60", (4, "failed"), parts);
    assert_eq!(ended.json("taskset.json")["needs_sync"], 1);
    ended
}

/// One import does not end by the deadline: it may still succeed, so there is no number.
#[track_caller]
pub fn one_does_not_end(world: &Sandbox, timeout: &str, parts: &[&str]) -> Ended {
    let ended = one_has_a_problem(world, timeout, (4, "failed"), parts);
    assert_eq!(ended.json("taskset.json")["needs_sync"], Value::Null);
    ended
}

/// Azure reports success for one import and the ACR does not show it.
#[track_caller]
pub fn one_is_uncertain(world: &Sandbox, timeout: &str, parts: &[&str]) -> Ended {
    let ended = one_has_a_problem(world, timeout, (3, "uncertain"), parts);
    assert_eq!(ended.json("taskset.json")["needs_sync"], Value::Null);
    ended
}

#[track_caller]
fn one_has_a_problem(
    world: &Sandbox,
    timeout: &str,
    (code, outcome): (i32, &str),
    parts: &[&str],
) -> Ended {
    let ended = run(TASKSET, world).set("TIMEOUT_SECONDS", timeout).end();
    ended.expect(code, parts);
    others_are_imported(&ended, outcome);
    assert!(
        ended.stdout.contains("What needs attention"),
        "{}",
        ended.stdout
    );
    let issues = ended.json("issues.json");
    let severe = issues.as_array().into_iter().flatten();
    let severe = severe.filter(|issue| issue["severity"] != 4);
    assert_eq!(severe.count(), 1, "{issues}");
    ended
}
