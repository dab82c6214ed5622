//! What the tests of hostile registries share: a world with a host that means harm, and answers made up for it.

use sandbox::content::Digest;
use sandbox::registry::{ManifestEntry, RegistryKind};
use sandbox::{Fault, File, ReplacedResponse, Sandbox, Scenario};
use serde_json::{Value, json};

use super::{Ended, ONE, SOURCE};

pub const HUB: &str = "registry-1.docker.io";
/// A host that answers to whoever comes, and that nobody has a reason to come to.
pub const EVIL: &str = "registry.evil.example";
pub const ACCOUNT: (&str, &str) = ("somebody", "dckr_pat_very-secret-token");

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

pub fn one_list() -> Fault {
    Fault::on(SOURCE).path_contains(&format!("{ONE}/tags/list"))
}

pub fn answer(code: u16, headers: &[(&str, &str)], body: impl Into<String>) -> ReplacedResponse {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ReplacedResponse::Status {
        code,
        headers: headers.iter().map(owned).collect(),
        body: body.into(),
    }
}

#[track_caller]
pub fn nobody_went_to_the_evil_host(world: &Sandbox) {
    let connections = world.connections();
    let went = connections.iter().any(|connection| connection.host == EVIL);
    assert!(!went, "a connection was opened to {EVIL}");
}

/// One image is unknown for this reason, the four others are judged, and there is no number.
#[track_caller]
pub fn one_is_unknown(ended: &Ended, parts: &[&str]) {
    ended.expect(3, parts);
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.verdict_of_one("sli.json", "Missing"), "Unknown");
}

/// Puts a manifest into the one repository, under these tags in place of what they pointed at.
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

/// An index of this many entries, of which the last is the wanted one.
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
