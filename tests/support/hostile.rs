//! Helpers of the tests of hostile registries: a world with an attacker's host, and manifests made up for it.

use sandbox::content::Digest;
use sandbox::registry::{ManifestEntry, RegistryKind};
use sandbox::{File, Sandbox, Scenario};
use serde_json::{Value, json};

use super::{Ended, ONE, SOURCE};

pub const HUB: &str = "registry-1.docker.io";
/// The attacker's host. It accepts every request; a run must not send it any.
pub const EVIL: &str = "registry.evil.example";
pub const ACCOUNT: (&str, &str) = ("some-user", "dckr_pat_very-secret-token");

pub fn world(scenario: &str) -> Sandbox {
    let world = Sandbox::start(Scenario::named(scenario).expect("a scenario")).expect("a sandbox");
    let token = File::Content {
        media_type: "application/json".to_owned(),
        body: b"{\"token\":\"taken\",\"access_token\":\"taken\"}"
            .as_slice()
            .into(),
    };
    world.edit(|state| {
        let place = (EVIL.to_owned(), "/token".to_owned());
        state.files.insert(place, token);
        let hub = state.registry(HUB).expect("Docker Hub");
        let RegistryKind::Token(settings) = &mut hub.kind else {
            panic!("not a registry with tokens")
        };
        let (user, token) = ACCOUNT;
        settings.accounts.push((user.to_owned(), token.to_owned()));
    });
    world
}

pub fn source_of(name: &str) -> String {
    format!("{}/{name}", sandbox::scenario::GOOGLE_PATH)
}

#[track_caller]
pub fn no_connection_to_the_evil_host(world: &Sandbox) {
    let connections = world.connections();
    let went = connections.iter().any(|connection| connection.host == EVIL);
    assert!(!went, "a connection was opened to {EVIL}");
}

/// One image is unknown for this reason, the four others have their verdict, and there is no number.
#[track_caller]
pub fn one_is_unknown(ended: &Ended, parts: &[&str]) {
    ended.expect(3, parts);
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
}

/// Puts a manifest into the source repository of [`ONE`] and points these tags at it.
pub fn put_manifest(world: &Sandbox, media_type: &str, manifest: &Value, tags: &[&str]) {
    world.edit(|state| {
        let digest = state.store.put(manifest.to_string().into_bytes());
        let repository = state
            .repository(SOURCE, &source_of(ONE))
            .expect("a repository");
        let entry = ManifestEntry {
            media_type: media_type.to_owned(),
            uploaded: 0,
            created: 0,
        };
        repository.manifests.insert(digest.clone(), entry);
        tags.iter()
            .for_each(|tag| repository.set_tag(tag, &digest, 0));
    });
}

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An index of this many entries, of which the last is the one for amd64.
pub fn index(entries: usize, digest: &str) -> Value {
    let entry = |number: usize| {
        let other = Digest::of(&number.to_be_bytes()).to_string();
        let (digest, architecture) = if number + 1 == entries {
            (digest, "amd64")
        } else {
            (other.as_str(), "riscv64")
        };
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7, "digest": digest,
            "platform": {"architecture": architecture, "os": "linux"}})
    };
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": (0..entries).map(entry).collect::<Vec<_>>()})
}
