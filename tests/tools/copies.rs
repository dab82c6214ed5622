//! `skopeo` copies between the registries of the sandbox.

use crate::{DockerRegistry, skopeo};
use sandbox::registry::Registry;
use sandbox::scenario::{CLIENT_ID, CLIENT_SECRET};
use sandbox::{Login, OciSettings, Sandbox, Scenario};

const SOURCE: &str = "source.example";
const DESTINATION: &str = "registry.example:5000";
const REPOSITORY: &str = "copied/examples";

/// A sandbox with a source that has an example of each kind of manifest, and the tags of those examples that skopeo copies.
fn start() -> (Sandbox, Vec<(&'static str, String)>) {
    let sandbox = Sandbox::start(Scenario::default()).unwrap();
    sandbox.add_registry(Registry::oci(SOURCE, OciSettings::new(Login::Anonymous)));
    let examples = sandbox.edit(|world| world.author(SOURCE, REPOSITORY).examples());
    let examples = examples
        .into_iter()
        // skopeo does not follow an index in an index, and it fetches foreign layers from their address.
        .filter(|example| !matches!(example.tag, "nested" | "foreign" | "empty-index"))
        .map(|example| (example.tag, example.digest.to_string()))
        .collect();
    (sandbox, examples)
}

fn address(host: &str, tag: &str) -> String {
    format!("docker://{host}/{REPOSITORY}:{tag}")
}

fn copy(sandbox: &Sandbox, options: &[&str], from: &str, to: &str) {
    let mut arguments = vec!["copy", "--all", "--preserve-digests"];
    arguments.extend_from_slice(options);
    arguments.extend_from_slice(&[from, to]);
    skopeo(sandbox, &arguments);
}

pub fn skopeo_copies_with_every_login() {
    let (sandbox, examples) = start();
    let (tag, digest) = &examples[0];
    for login in [Login::Anonymous, Login::Basic, Login::Docker] {
        let settings = OciSettings::new(login).with_account("writer", "pass word", true);
        sandbox.add_registry(Registry::oci(DESTINATION, settings));
        let credentials = match login {
            Login::Anonymous => &[][..],
            Login::Basic | Login::Docker | Login::OAuth2 => &["--dest-creds", "writer:pass word"],
        };
        copy(
            &sandbox,
            credentials,
            &address(SOURCE, tag),
            &address(DESTINATION, tag),
        );
        assert_eq!(
            sandbox.tag(DESTINATION, REPOSITORY, tag).as_ref(),
            Some(digest),
            "{login:?}"
        );
    }
}

pub fn skopeo_copies_each_kind_of_manifest_unchanged() {
    let (sandbox, examples) = start();
    let settings = OciSettings::new(Login::Anonymous);
    sandbox.add_registry(Registry::oci(DESTINATION, settings));
    for (tag, digest) in &examples {
        copy(
            &sandbox,
            &[],
            &address(SOURCE, tag),
            &address(DESTINATION, tag),
        );
        assert_eq!(
            sandbox.tag(DESTINATION, REPOSITORY, tag).as_ref(),
            Some(digest)
        );
        let [source, destination] = [SOURCE, DESTINATION]
            .map(|host| skopeo(&sandbox, &["inspect", "--raw", &address(host, tag)]));
        assert_eq!(source, destination, "{tag}");
    }
}

pub fn skopeo_copies_over_plain_http() {
    let (sandbox, examples) = start();
    let settings = OciSettings::new(Login::Docker).with_account("writer", "pass word", true);
    let host = sandbox.add_plain_http_registry(settings);
    let (tag, digest) = &examples[0];
    let options = [
        "--dest-creds",
        "writer:pass word",
        "--dest-tls-verify=false",
    ];
    copy(
        &sandbox,
        &options,
        &address(SOURCE, tag),
        &address(&host, tag),
    );
    assert_eq!(sandbox.tag(&host, REPOSITORY, tag).as_ref(), Some(digest));
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

pub fn skopeo_copies_into_an_acr_that_refuses_mounts() {
    let (sandbox, examples) = start();
    let acr = sandbox.login_server();
    sandbox.edit(|world| {
        if let Some(registry) = world.registries.get_mut(&acr) {
            registry.uploads.mounts = false;
        }
    });
    let credentials = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    for (tag, digest) in &examples {
        copy(
            &sandbox,
            &["--dest-creds", &credentials],
            &address(SOURCE, tag),
            &address(&acr, tag),
        );
        assert_eq!(sandbox.acr_tag(REPOSITORY, tag).as_ref(), Some(digest));
    }
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

pub fn skopeo_copies_between_the_sandbox_and_docker_registry() {
    let (sandbox, examples) = start();
    let real = DockerRegistry::start(sandbox.folder());
    let host = format!("127.0.0.1:{}", real.port);
    sandbox.add_registry(Registry::oci(
        DESTINATION,
        OciSettings::new(Login::Anonymous),
    ));
    let (into, out_of) = (["--dest-tls-verify=false"], ["--src-tls-verify=false"]);
    for (tag, digest) in &examples {
        copy(&sandbox, &into, &address(SOURCE, tag), &address(&host, tag));
        copy(
            &sandbox,
            &out_of,
            &address(&host, tag),
            &address(DESTINATION, tag),
        );
        assert_eq!(
            sandbox.tag(DESTINATION, REPOSITORY, tag).as_ref(),
            Some(digest)
        );
    }
}
