//! Private chart repositories over https: which requests get a login, and what is said if one is refused.
//!
//! The sandbox reports a login that a host without one receives, and every run fails for that.

use sandbox::extra_chart::{ARCHIVE_PATH, EXTRA_CHARTS, HOST, INDEX_PATH};
use sandbox::runwhen_local::CHART_HOST;
use sandbox::{File, Sandbox};
use serde_json::json;
use tempfile::TempDir;

use crate::SLI;
use crate::extra::check_extra;
use crate::support::chart::{check_chart, world};
use crate::support::docker::{auth, write_docker_file};
use crate::support::{Ended, Run};

const USER: &str = "charts-reader";
const PASSWORD: &str = "charts~Password/3";
/// A host of someone else, and the entry of the chart in its repository.
const OTHER: &str = "charts.other.example";
const OF_OTHER: &str = "- {repository: 'https://charts.other.example/stable', name: operator";

/// Makes the files of a host private, and returns a folder for `DOCKER_CONFIG` with their login.
fn make_private(world: &Sandbox, host: &str) -> TempDir {
    let login = (USER.to_owned(), PASSWORD.to_owned());
    world.edit(|world| world.file_logins.insert(host.to_owned(), login));
    let folder = tempfile::tempdir().expect("a folder");
    write_docker_file(folder.path(), host, &auth(USER, PASSWORD));
    folder
}

fn with_docker<'a>(run: Run<'a>, docker: &TempDir) -> Run<'a> {
    run.set("DOCKER_CONFIG", docker.path().display().to_string())
}

fn check(world: &Sandbox, charts: &str, docker: &TempDir) -> Ended {
    with_docker(check_extra(world, charts), docker).end()
}

/// Another host has the same index, which names this URL of the archive.
fn publish_elsewhere(world: &Sandbox, archive: &str) {
    world.edit(|world| {
        let mut index = world.files[&file(HOST, INDEX_PATH)].clone();
        if let File::Content { body, .. } = &mut index {
            let text = String::from_utf8_lossy(body);
            *body = text.replace("operator-1.4.0.tgz", archive).into();
        }
        world.files.insert(file(OTHER, INDEX_PATH), index);
    });
}

fn file(host: &str, path: &str) -> (String, String) {
    (host.to_owned(), path.to_owned())
}

#[test]
fn private_repository_is_read_with_the_login_of_dockers_file() {
    let world = world("extra-chart");
    let docker = make_private(&world, HOST);
    let ended = check_extra(&world, EXTRA_CHARTS).end();
    let advice =
        "if the repository is private, put user and password for it into Docker's config.json";
    ended.expect(3, &["401", advice]);
    assert_eq!(ended.stdout, "");

    let ended = check(&world, EXTRA_CHARTS, &docker);
    assert_eq!(ended.expect(0, &[]).stdout, "4\n");
    for text in [&ended.stderr, &ended.json("sli.json").to_string()] {
        assert!(!text.contains(PASSWORD));
    }

    write_docker_file(docker.path(), HOST, &auth(USER, "another one"));
    let ended = check(&world, EXTRA_CHARTS, &docker);
    ended.expect(3, &["401", "check user and password of charts.example in "]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn target_of_a_redirect_gets_no_login() {
    const STORAGE: &str = "storage.charts.example";
    let world = world("extra-chart");
    let docker = make_private(&world, HOST);
    world.edit(|world| {
        let location = format!("https://{STORAGE}{ARCHIVE_PATH}");
        let redirect = File::Redirect {
            status: 302,
            location,
        };
        let archive = world.files.insert(file(HOST, ARCHIVE_PATH), redirect);
        let archive = archive.expect("an archive");
        world.files.insert(file(STORAGE, ARCHIVE_PATH), archive);
    });
    let ended = check(&world, EXTRA_CHARTS, &docker);
    assert_eq!(ended.expect(0, &[]).stdout, "4\n");

    make_private(&world, STORAGE);
    let ended = check(&world, EXTRA_CHARTS, &docker);
    let advice = "storage.charts.example is the target of a redirect, which gets no login";
    ended.expect(3, &["401", advice]);
}

#[test]
fn login_goes_only_to_the_hosts_that_the_entry_names() {
    let world = world("extra-chart");
    let docker = make_private(&world, HOST);
    publish_elsewhere(&world, &format!("https://{HOST}{ARCHIVE_PATH}"));
    // The login is known, because the first chart needs it.
    let ended = check(&world, &format!("{EXTRA_CHARTS}{OF_OTHER}}}"), &docker);
    let advice = "if charts.example is private, add it to logins of chart 2 in EXTRA_CHARTS";
    ended.expect(3, &["401", advice]);
    let title = "chart operator of https://charts.other.example/stable (chart 2 in EXTRA_CHARTS)";
    ended.expect(3, &[title]);

    let named = format!("{OF_OTHER}, logins: [{HOST}]}}");
    check(&world, &named, &docker).expect(0, &[]);
}

#[test]
fn account_of_docker_hub_goes_to_no_chart_repository() {
    let world = world("extra-chart");
    publish_elsewhere(&world, "https://docker.io/operator.tgz");
    world.edit(|world| {
        let archive = world.files[&file(HOST, ARCHIVE_PATH)].clone();
        world
            .files
            .insert(file("docker.io", "/operator.tgz"), archive);
    });
    let charts = format!("{OF_OTHER}, logins: [docker.io]}}");
    let run = check_extra(&world, &charts)
        .set("USE_DOCKER_AUTH", "true")
        .set("DOCKER_USERNAME", USER)
        .set("DOCKER_TOKEN", PASSWORD);
    run.end().expect(0, &[]);
    let mut requests = world.requests().into_iter();
    let archive = requests.find(|request| request.host == "docker.io");
    assert_eq!(archive.expect("a request").header("authorization"), None);
}

#[test]
fn user_in_an_address_of_an_index_is_refused_and_not_shown() {
    let world = world("extra-chart");
    let place = format!("https://someone:index-Password-7@{HOST}{ARCHIVE_PATH}");
    publish_elsewhere(&world, &place);
    let ended = check_extra(&world, &format!("{OF_OTHER}}}")).end();
    ended.expect(3, &["is not an https URL without user and password"]);
    assert!(
        !ended.stderr.contains("index-Password-7"),
        "{}",
        ended.stderr
    );
    assert!(world.requests().iter().all(|request| request.host != HOST));
}

#[test]
fn identity_token_is_not_a_login_of_a_chart_repository() {
    let world = world("extra-chart");
    let docker = make_private(&world, HOST);
    let text =
        json!({"auths": {HOST: {"auth": auth(USER, ""), "identitytoken": "token-of-a-registry"}}});
    std::fs::write(docker.path().join("config.json"), text.to_string()).expect("a file");
    let ended = check(&world, EXTRA_CHARTS, &docker);
    let advice = "the login for charts.example is an identity token, which a chart repository does not accept";
    ended.expect(3, &["401", advice]);
}

#[test]
fn own_repository_of_runwhens_chart_is_read_with_the_login_of_dockers_file() {
    let world = world("up-to-date");
    world.edit(|world| {
        let all = world.files.clone().into_iter();
        let copies = all.filter(|((host, _), _)| host == CHART_HOST);
        world
            .files
            .extend(copies.map(|((_, path), content)| ((OTHER.to_owned(), path), content)));
    });
    let docker = make_private(&world, OTHER);
    let url = format!("https://{OTHER}/helm-charts");
    let check = || check_chart(SLI, &world).set("HELM_REPO_URL", &url);
    let advice =
        "if the repository is private, put user and password for it into Docker's config.json";
    check().end().expect(3, &["401", "HELM_REPO_URL", advice]);
    with_docker(check(), &docker).end().expect(0, &[]);
}

#[test]
fn public_repository_of_runwhens_chart_never_gets_a_login() {
    let world = world("up-to-date");
    let docker = make_private(&world, CHART_HOST);
    let ended = with_docker(check_chart(SLI, &world), &docker).end();
    ended.expect(3, &["401", "no login is sent to runwhen-contrib.github.io"]);
}
