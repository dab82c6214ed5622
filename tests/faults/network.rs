//! The tables of `docs/network.md`, compared with the requests and the results in the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sandbox::runwhen_local::CHART_IMAGES;
use sandbox::scenario::CODE_COLLECTIONS;
use sandbox::{ConnectionFault, Fault, Sandbox, Scenario};

use super::TASKSET;
use super::setup::{CHART_REGISTRY, OTHER_REGISTRY, SECOND_ACR, Setup};
use super::support::cases::test_all;
use super::support::{Run, executables, run};

/// When a host of the first table is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    Always,
    ToImport,
    ForBuildDates,
}

/// A row of the first table.
struct Row {
    host: &'static str,
    needed: Needed,
    unknown: BTreeSet<String>,
    exit_codes: [i32; 2],
}

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/network.md");
    std::fs::read_to_string(file).expect("docs/network.md")
}

/// The columns of the rows of a table; the table is the one whose head begins with this text.
fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let mut lines = page.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines
        .by_ref()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let columns = |line: &str| {
        let columns = line.trim_matches('|').split('|');
        columns.map(|column| column.trim().to_owned()).collect()
    };
    rows.map(columns).collect()
}

fn rows(page: &str) -> Vec<Row> {
    let rows: Vec<_> = table(page, "| Host | Purpose | Needed |")
        .iter()
        .map(|columns| row(columns))
        .collect();
    assert!(rows.len() > 10, "the first table has {} rows", rows.len());
    rows
}

fn row(columns: &[String]) -> Row {
    let host = columns[0].trim_matches('`').replace("<registry>", "myacr");
    let needed = match columns[2].as_str() {
        "always" => Needed::Always,
        "to import" => Needed::ToImport,
        "for build dates" => Needed::ForBuildDates,
        other => panic!("{host}: needed {other}"),
    };
    let (first, second) = columns[5].split_once(", ").expect("two exit codes");
    Row {
        needed,
        unknown: images(&columns[4]),
        exit_codes: [first, second].map(|code| code.parse().expect("an exit code")),
        // `test_all` names its cases by constants.
        host: host.leak(),
    }
}

/// The names of the images that a text of the first table means.
fn images(text: &str) -> BTreeSet<String> {
    let codecollections = CODE_COLLECTIONS.map(str::to_owned);
    let of_chart = CHART_IMAGES.map(|image| image.destination().replace("runwhen/", ""));
    match text {
        "all images" => codecollections.into_iter().chain(of_chart).collect(),
        "the CodeCollections" => codecollections.into(),
        // A chart that cannot be fetched is one image without a name.
        "the chart's images" => BTreeSet::from(["–".to_owned()]),
        "no image; no import succeeds" => BTreeSet::new(),
        name => BTreeSet::from([name.trim_matches('`').to_owned()]),
    }
}

/// The hosts of all requests with TLS; the others go to the managed identity.
fn seen(world: &Sandbox) -> BTreeSet<String> {
    let requests = world.requests().into_iter();
    let secure = requests.filter(|request| request.scheme == "https");
    secure.map(|request| request.host).collect()
}

fn world(scenario: &str) -> Sandbox {
    let scenario = Scenario {
        import_milliseconds: 200,
        import_retry_after: 1,
        ..Scenario::named(scenario).expect("a scenario")
    };
    Sandbox::start(scenario).expect("a sandbox")
}

/// A run with the default settings, with the login server as `REGISTRY_NAME`.
fn default_run<'a>(executable: &'a str, world: &'a Sandbox) -> Run<'a> {
    run(executable, world).unset(&["IMAGES"])
}

fn programs() -> [String; 2] {
    [executables::next_to(TASKSET, "sli"), TASKSET.to_owned()]
}

#[test]
fn default_runs_contact_the_hosts_that_the_network_page_requires() {
    let rows = rows(&page());
    let hosts = |needed: &[Needed]| -> BTreeSet<String> {
        let rows = rows.iter().filter(|row| needed.contains(&row.needed));
        rows.map(|row| row.host.to_owned()).collect()
    };
    for program in programs() {
        let world = world("up-to-date");
        default_run(&program, &world).end().expect(0, &[]);
        assert_eq!(seen(&world), hosts(&[Needed::Always]), "{program}");
    }
    let [sli, taskset] = programs();
    let world = world("outdated");
    default_run(&sli, &world).end().expect(0, &[]);
    let to_check = hosts(&[Needed::Always, Needed::ForBuildDates]);
    assert_eq!(seen(&world), to_check);
    default_run(&taskset, &world).end().expect(0, &[]);
    let all = hosts(&[Needed::Always, Needed::ToImport, Needed::ForBuildDates]);
    assert_eq!(seen(&world), all);
}

#[test]
fn every_host_that_any_setup_contacts_is_on_the_network_page() {
    let page = page();
    let mut listed: Vec<String> = rows(&page).iter().map(|row| row.host.to_owned()).collect();
    for columns in table(&page, "| Host | Purpose | When |") {
        // The hosts of the user's images and charts in the sandbox.
        let hosts: &[_] = match columns[0].as_str() {
            "the hosts of the charts in `EXTRA_CHARTS`" => {
                &[sandbox::extra_chart::HOST, CHART_REGISTRY]
            }
            text if text.starts_with("the host of `CODECOLLECTION_REGISTRY`") => {
                &[sandbox::mirror::HOST]
            }
            text if text.starts_with("the hosts of `EXTRA_IMAGES`") => &[
                sandbox::extra_images::EXTRA_HOST,
                sandbox::extra_images::GOOGLE_EXTRA_HOST,
                sandbox::extra_images::PRIVATE_HOST,
            ],
            host => &[host.trim_matches('`')],
        };
        listed.extend(hosts.iter().map(|host| (*host).to_owned()));
    }
    let is_listed = |host: &String| {
        listed.iter().any(|name| match name.strip_prefix('*') {
            Some(suffix) => host.ends_with(suffix),
            None => name == host,
        })
    };
    let mut contacted = BTreeSet::new();
    for setup in Setup::CHECKED {
        let world = Sandbox::start(Scenario::default()).expect("a sandbox");
        world.edit(|state| *state = setup.world());
        setup.run(TASKSET, &world).end().expect(0, &[]);
        contacted.extend(seen(&world));
    }
    // The page has the host of one registry, as an example of all.
    for other in [SECOND_ACR, OTHER_REGISTRY] {
        contacted.remove(other);
    }
    let missing: Vec<_> = contacted.iter().filter(|host| !is_listed(host)).collect();
    assert!(missing.is_empty(), "not in docs/network.md: {missing:?}");
}

#[test]
fn run_without_a_host_has_the_result_on_the_network_page() {
    let rows = rows(&page());
    let [sli, taskset] = programs();
    test_all(
        &rows,
        |row| row.host,
        |row| {
            for (program, artifact, code) in [
                (&sli, "sli.json", row.exit_codes[0]),
                (&taskset, "taskset.json", row.exit_codes[1]),
            ] {
                let world = world("outdated");
                world.inject(Fault::on(row.host), ConnectionFault::Refused);
                let ended = default_run(program, &world).end();
                ended.expect(code, &[]);
                let verdicts: BTreeMap<_, _> = ended.verdicts(artifact);
                let unknown = verdicts
                    .into_iter()
                    .filter(|(_, verdict)| verdict == "Unknown");
                let unknown: BTreeSet<_> = unknown.map(|(name, _)| name).collect();
                assert_eq!(unknown, row.unknown, "{}: {artifact}", row.host);
            }
        },
    );
}
