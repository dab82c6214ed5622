//! The cost of a check of all eight images, in numbers that are the same on every machine: requests, connections, pulls
//! of Docker Hub, and round trips of the longest chain of requests that wait for each other.

use std::time::Duration;

use crate::support::{ACR, ARM, ENTRA, Ended, SOURCE, run};
use crate::{SLI, shared_machine};
use sandbox::{AcrContent, Sandbox, Scenario};

const HUB: &str = "registry-1.docker.io";
/// Much longer than a busy machine needs between two requests.
const ROUND_TRIP: Duration = Duration::from_millis(300);
/// The handshakes of TCP and TLS 1.3, before the first request on a connection.
const HANDSHAKES: u32 = 2;

/// The expected number and cost of a check.
struct Check {
    scenario: &'static str,
    verify_children: &'static str,
    number: &'static str,
    requests: usize,
    connections: usize,
    round_trips: u32,
}

impl Check {
    /// Runs the check with latency, and compares its cost with the log of the sandbox.
    fn holds(&self) -> (Sandbox, Ended) {
        let _machine = shared_machine();
        let scenario = Scenario::named(self.scenario).expect("a scenario");
        let world = Sandbox::start(scenario).expect("a sandbox");
        world.set_latency(ROUND_TRIP);
        let ended = run(SLI, &world)
            .unset(&["IMAGES"])
            .set("VERIFY_CHILDREN", self.verify_children)
            .end();
        assert_eq!(ended.expect(0, &[]).stdout, self.number);
        assert_eq!(world.requests().len(), self.requests, "requests");
        let connections = world.connections();
        // On a busy machine a request may open its own connection before the one that was begun for it is open.
        assert!(
            connections.len() <= self.connections + 3,
            "{} connections",
            connections.len()
        );
        let longest = longest_chain(&world);
        // On a busy machine independent requests may wait for each other: docs/performance.md allows two round trips.
        let allowed = self.round_trips..=self.round_trips + 2;
        assert!(
            allowed.contains(&longest),
            "{longest} round trips, not {allowed:?}"
        );
        (world, ended)
    }
}

/// A step of a run: the opening of a connection, or a request.
struct Step {
    begin: Duration,
    end: Duration,
    round_trips: u32,
}

/// The round trips of the longest chain of steps, each of which started after the end of the one before.
fn longest_chain(world: &Sandbox) -> u32 {
    let (requests, connections) = (world.requests(), world.connections());
    let mut steps: Vec<Step> = connections
        .iter()
        .map(|connection| Step {
            begin: connection.at,
            end: connection.at + ROUND_TRIP * HANDSHAKES,
            round_trips: HANDSHAKES,
        })
        .collect();
    steps.extend(requests.iter().map(|request| {
        let end = request.at + request.took;
        let begin = request.at.saturating_sub(ROUND_TRIP / 2);
        Step {
            begin,
            end,
            round_trips: 1,
        }
    }));
    steps.sort_by_key(|step| step.begin);
    let mut chains: Vec<(Duration, u32)> = Vec::new();
    for step in steps {
        let before = chains
            .iter()
            // The arrival of a request is measured, and its start is computed from that.
            .filter(|(end, _)| *end <= step.begin + ROUND_TRIP / 10)
            .map(|(_, length)| *length)
            .max();
        chains.push((step.end, before.unwrap_or_default() + step.round_trips));
    }
    chains
        .into_iter()
        .map(|(_, length)| length)
        .max()
        .unwrap_or_default()
}

#[test]
fn registry_in_sync_costs_24_requests() {
    let check = Check {
        scenario: "up-to-date",
        verify_children: "",
        number: "0\n",
        requests: 24,
        connections: 18,
        round_trips: 7,
    };
    let (world, ended) = check.holds();
    let mut hub = world
        .requests()
        .into_iter()
        .filter(|request| request.host == HUB);
    assert!(
        hub.all(|request| request.method == "HEAD"),
        "a pull was used"
    );
    // Docker Hub reports the remaining pulls in the response to a HEAD.
    let left = &ended.json("sli.json")["hosts"][HUB]["rate_limit_remaining"];
    assert!(
        left.as_str().is_some_and(|text| text.starts_with("100")),
        "{left}"
    );
}

#[test]
fn verified_children_cost_two_requests_per_image() {
    let check = Check {
        scenario: "up-to-date",
        verify_children: "true",
        number: "0\n",
        requests: 24 + 8 * 2,
        connections: 21,
        round_trips: 7 + 2,
    };
    check.holds();
}

/// The ACRs besides `myacr`, and the login servers of all.
fn fleet(content: AcrContent) -> (Scenario, String) {
    let scenario = Scenario {
        acr: content,
        ..Scenario::default()
    };
    let scenario = scenario.with_others(&[("secondacr", content), ("thirdacr", content)]);
    let servers = ["secondacr", "thirdacr"].map(|name| format!(",{name}.azurecr.io"));
    (scenario, format!("{ACR}{}", servers.concat()))
}

#[test]
fn each_further_registry_costs_what_its_own_requests_cost() {
    let _machine = shared_machine();
    for (content, number, first, further) in [
        // Refresh token, access token, eight digests.
        (AcrContent::UpToDate, "0\n", 24, 2 + 8),
        // Also three lists of tags.
        (AcrContent::Older, "24\n", 39, 2 + 8 + 3),
    ] {
        let (scenario, servers) = fleet(content);
        let world = Sandbox::start(scenario).expect("a sandbox");
        let ended = run(SLI, &world)
            .unset(&["IMAGES"])
            .set("REGISTRY_NAME", servers)
            .end();
        assert_eq!(ended.expect(0, &[]).stdout, number);
        assert_eq!(world.requests().len(), first + 2 * further, "{content:?}");
        let is_entra = |request: &&sandbox::RecordedRequest| request.host == ENTRA;
        assert_eq!(world.requests().iter().filter(is_entra).count(), 1);
    }
}

#[test]
fn names_of_several_registries_cost_one_list_of_resource_manager() {
    let _machine = shared_machine();
    let (scenario, _) = fleet(AcrContent::UpToDate);
    let names = scenario.registry_names();
    let world = Sandbox::start(scenario).expect("a sandbox");
    let ended = run(SLI, &world).set("REGISTRY_NAME", names).end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    let count = |host: &str| {
        let requests = world.requests();
        requests.iter().filter(|one| one.host == host).count()
    };
    // A token for the registries and one for Resource Manager.
    assert_eq!((count(ENTRA), count(ARM), count(SOURCE)), (2, 1, 5));
}

#[test]
fn hundred_registries_are_checked_with_two_or_three_connections_each() {
    let _machine = shared_machine();
    let names: Vec<_> = (1..100).map(|number| format!("further{number}")).collect();
    let others: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), AcrContent::UpToDate))
        .collect();
    let scenario = Scenario::up_to_date().with_others(&others);
    let servers = names.iter().map(|name| format!(",{name}.azurecr.io"));
    let servers: String = [ACR.to_owned()].into_iter().chain(servers).collect();
    let world = Sandbox::start(scenario).expect("a sandbox");
    let ended = run(SLI, &world).set("REGISTRY_NAME", servers).end();
    assert_eq!(ended.expect(0, &[]).stdout, "0\n");
    assert_eq!(world.requests().len(), 13 + 99 * (2 + 5));
    let connections = world.connections();
    let of_registry = |host: &str| {
        let own = connections.iter().filter(|one| one.host == host);
        own.count()
    };
    let counts = names
        .iter()
        .map(|name| of_registry(&format!("{name}.azurecr.io")));
    let counts: Vec<_> = counts.collect();
    // Two at the same time; one that has been closed may be replaced.
    assert!(
        counts.iter().all(|count| (1..=3).contains(count)),
        "{counts:?}"
    );
    let total: usize = counts.iter().sum();
    assert!(total <= 256, "{total} connections");
}

#[test]
fn more_tags_cost_only_more_pages() {
    let _machine = shared_machine();
    // Five repositories of about a thousand tags; pages of a hundred tags add ten requests each.
    for (older, page, requests) in [
        (0, None, 13),
        (330, None, 13),
        (330, Some(100), 13 + 5 * 10),
    ] {
        let scenario = Scenario {
            older_tags: older,
            google_page_size: page,
            ..Scenario::up_to_date()
        };
        let world = Sandbox::start(scenario).expect("a sandbox");
        let ended = run(SLI, &world).end();
        assert_eq!(ended.expect(0, &[]).stdout, "0\n");
        assert_eq!(
            world.requests().len(),
            requests,
            "{older} commits, pages of {page:?}"
        );
    }
}

#[test]
fn eight_outdated_images_cost_39_requests() {
    let check = Check {
        scenario: "outdated",
        verify_children: "",
        number: "8\n",
        // A registry in sync costs 24; three lists of tags; index, manifest and configuration of each source, the latter
        // with a redirect.
        requests: 24 + 3 + 3 * 4,
        connections: 20,
        round_trips: 12,
    };
    let (world, _) = check.holds();
    let of_registry = world
        .requests()
        .into_iter()
        .filter(|request| request.host == ACR);
    assert_eq!(
        of_registry.count(),
        2 + 8 + 3,
        "dates of the ACR were read without need"
    );
}

#[test]
fn extra_chart_in_sync_costs_its_index_its_archive_and_its_images() {
    let scenario = Scenario {
        extra_chart: true,
        ..Scenario::up_to_date()
    };
    let world = Sandbox::start(scenario).expect("a sandbox");
    let check = |charts: &str| {
        world.clear_log();
        let run = run(SLI, &world).unset(&["IMAGES"]);
        let ended = run.set("EXTRA_CHARTS", charts).end();
        assert_eq!(ended.expect(0, &[]).stdout, "0\n");
        world.requests().len()
    };
    let once = sandbox::extra_chart::EXTRA_CHARTS;
    // Index and archive; one token of the ACR; for each of the four images a token of its source, and its digest at both
    // registries.
    assert_eq!(check(once), 24 + 2 + 1 + 4 * 3, "requests");
    // The same chart twice: its archive again, but neither the index nor the images.
    let twice = format!("{}\n{}", once.trim(), once.trim());
    assert_eq!(check(&twice), 24 + 2 + 1 + 4 * 3 + 1, "requests");
}

/// The rules of extra images: what each costs at a registry that requires a token, or at Google, beyond the three requests for the
/// token of the ACR.
#[test]
fn rule_of_an_extra_image_costs_a_list_and_a_digest() {
    use sandbox::extra_images::{BRANCHES, DATES, EXTRA_HOST, GOOGLE_EXTRA_HOST, VERSIONS};
    let _machine = shared_machine();
    let entry = |host: &str, name: &str, rule: &str| format!("- {{source: {host}/{name}, {rule}}}");
    // The first request is refused, then the token, and then the request again; and the digest in the ACR.
    let token = 2;
    for (entry, requests) in [
        (entry(EXTRA_HOST, VERSIONS, "tag: 1.2.0"), token + 1 + 1),
        (entry(EXTRA_HOST, VERSIONS, "semver: ~1"), token + 2 + 1),
        (entry(EXTRA_HOST, VERSIONS, "newest: true"), token + 2 + 1),
        (entry(EXTRA_HOST, VERSIONS, "matching: ^v"), token + 2 + 1),
        // The list, the manifest of the tag that moves, and the digests of two candidates.
        (
            entry(EXTRA_HOST, BRANCHES, "follow: main-latest"),
            token + 4 + 1,
        ),
        (entry(GOOGLE_EXTRA_HOST, DATES, "newest: true"), 1 + 1),
        (entry(GOOGLE_EXTRA_HOST, DATES, "follow: current"), 1 + 1),
    ] {
        let scenario = Scenario {
            extra_images: true,
            ..Scenario::up_to_date()
        };
        let world = Sandbox::start(scenario).expect("a sandbox");
        let ended = run(SLI, &world)
            .set("IMAGES", "extra")
            .set("EXTRA_IMAGES", &entry)
            .end();
        assert_eq!(ended.expect(0, &[]).stdout, "0\n", "{entry}");
        assert_eq!(world.requests().len(), 3 + requests, "{entry}");
    }
}
