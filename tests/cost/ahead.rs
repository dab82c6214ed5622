//! Connections and tokens of a run that are prepared before it is known that they are needed.

use std::collections::BTreeSet;

use crate::SLI;
use crate::support::{Ended, run};
use sandbox::{Sandbox, Scenario};

const HUB: &str = "registry-1.docker.io";
const HUB_TOKENS: &str = "auth.docker.io";
const GOOGLE: &str = "us-docker.pkg.dev";

/// A run whose chart names only the image of ghcr.io.
fn without_runner(set: &str, account: bool) -> (Sandbox, Ended) {
    let world = Sandbox::start(Scenario::up_to_date()).expect("a sandbox");
    let mut run = run(SLI, &world)
        .unset(&["IMAGES"])
        .set("CHART_SET", format!("runner.enabled=false{set}"));
    if account {
        run = run
            .set("USE_DOCKER_AUTH", "true")
            .set("DOCKER_USERNAME", "some-user")
            .set("DOCKER_TOKEN", "dckr_pat_very-secret-token");
    }
    let ended = run.end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    (world, ended)
}

fn connected(world: &Sandbox) -> BTreeSet<String> {
    let connections = world.connections().into_iter();
    connections.map(|connection| connection.host).collect()
}

#[test]
fn connection_that_is_not_needed_gets_no_request_and_no_row_in_the_report() {
    let (world, ended) = without_runner("", false);
    let hosts = connected(&world);
    for host in [HUB, GOOGLE] {
        assert!(hosts.contains(host), "{hosts:?}");
        assert!(world.requests().iter().all(|request| request.host != host));
        assert!(ended.json("sli.json")["hosts"][host].is_null());
    }
    let requests = world.requests();
    let tokens: Vec<_> = requests
        .iter()
        .filter(|request| request.host == HUB_TOKENS)
        .collect();
    assert_eq!(tokens.len(), 1);
    assert!(!tokens[0].authorization);
}

#[test]
fn account_is_not_sent_before_it_is_needed() {
    let (world, _) = without_runner("", true);
    assert!(connected(&world).contains(HUB_TOKENS));
    let is_hub = |host: &str| [HUB, HUB_TOKENS].contains(&host);
    assert!(
        world
            .requests()
            .iter()
            .all(|request| !is_hub(&request.host))
    );
}

#[test]
fn values_with_another_registry_open_no_connection_to_the_published_ones() {
    let (world, _) = without_runner(",global.imageRegistry=mirror.example", false);
    let hosts = connected(&world);
    for host in [HUB, HUB_TOKENS, GOOGLE] {
        assert!(!hosts.contains(host), "{hosts:?}");
    }
}
