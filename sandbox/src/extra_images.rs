//! Images of other publishers in a scenario, for a user who configures more images than RunWhen's.
//!
//! Three registries: one with anonymous tokens and pages of tags, Google's with its extended list, and one that requires a login.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use crate::image::ImageRecipe;
use crate::registry::{BlobDelivery, Registry, TokenSettings};
use crate::scenario::{AcrContent, DESTINATION_PATH, Scenario};
use crate::world::World;

/// The registry with anonymous tokens, whose list of tags has no digests.
pub const EXTRA_HOST: &str = "quay.io";
/// A repository there with versions, and the tags `latest` and `stable` that move.
pub const VERSIONS: &str = "team/web";
/// A repository there that is built as RunWhen's CodeCollections are: `main-latest` and `main-<commit>`.
pub const BRANCHES: &str = "team/builder";
/// A registry of Google's, whose list of tags has digests.
pub const GOOGLE_EXTRA_HOST: &str = "europe-docker.pkg.dev";
/// A repository there whose versions are dates.
pub const DATES: &str = "team/tools/probe";
/// The registry that requires a login.
pub const PRIVATE_HOST: &str = "registry.team.example";
/// A repository there.
pub const PRIVATE: &str = "internal/agent";
/// The user of that registry.
pub const PRIVATE_USER: &str = "team-reader";
/// The password of that user.
pub const PRIVATE_PASSWORD: &str = "team~Password/7+reader";

/// A value of `EXTRA_IMAGES` with an entry for each rule, and the private image.
pub const EXTRA_IMAGES: &str = "[{source: quay.io/team/web, tag: 1.2.0}, \
    {source: quay.io/team/web, semver: \">=1, <2\"}, \
    {source: quay.io/team/builder, follow: main-latest}, \
    {source: europe-docker.pkg.dev/team/tools/probe, newest: true}, \
    {source: europe-docker.pkg.dev/team/tools/probe, matching: \"^test-\"}, \
    {source: registry.team.example/internal/agent, tag: 5.0.0}]";

/// Docker's configuration file with the login of [`PRIVATE_HOST`].
#[must_use]
pub fn docker_file() -> String {
    let auth = BASE64_STANDARD.encode(format!("{PRIVATE_USER}:{PRIVATE_PASSWORD}"));
    json!({"auths": {PRIVATE_HOST: {"auth": auth}}}).to_string()
}

/// 2026-08-01T08:00:00Z, and later images a day after the one before.
const FIRST_BUILD: i64 = 1_785_571_200;
const DAY: i64 = 24 * 3600;

/// The images of [`VERSIONS`]: a seed, and the tags on it.
const WEB: [(&str, &[&str]); 7] = [
    ("web 0.9.0", &["v0.9.0"]),
    ("web 1.0.0", &["1.0.0", "1.0"]),
    ("web 1.2.0", &["1.2.0"]),
    ("web 1.10.0", &["1.10.0", "1.10", "1", "stable"]),
    ("web 2.0.0-rc.1", &["2.0.0-rc.1"]),
    ("web 2.0.0", &["2.0.0", "2.0", "2", "latest"]),
    ("web edge", &["edge", "1234567", "nightly-2026-08-07"]),
];
/// The images of [`BRANCHES`].
const BUILDER: [(&str, &[&str]); 3] = [
    ("builder old", &["main-0123abc"]),
    ("builder new", &["main-latest", "main-89abcde", "v3"]),
    ("builder dev", &["dev-latest", "dev-fedcba9"]),
];
/// The images of [`DATES`].
const PROBE: [(&str, &[&str]); 3] = [
    ("probe old", &["2026-07-31"]),
    ("probe new", &["2026-08-09", "current"]),
    ("probe test", &["test-2026-08-10"]),
];
const AGENT: [(&str, &[&str]); 2] = [("agent 4", &["4.1.0"]), ("agent 5", &["5.0.0", "latest"])];

/// Adds these registries, if the scenario has them, and the images to the ACR if it is up to date.
pub(crate) fn add(scenario: &Scenario, world: &mut World) {
    if !scenario.extra_images {
        return;
    }
    let open = tokens(EXTRA_HOST, Vec::new());
    let account = (PRIVATE_USER.to_owned(), PRIVATE_PASSWORD.to_owned());
    let private = tokens(PRIVATE_HOST, vec![account]);
    for registry in [open, private, Registry::google(GOOGLE_EXTRA_HOST)] {
        world.registries.insert(registry.host.clone(), registry);
    }
    publish(scenario, world, EXTRA_HOST, VERSIONS, &WEB);
    publish(scenario, world, EXTRA_HOST, BRANCHES, &BUILDER);
    publish(scenario, world, GOOGLE_EXTRA_HOST, DATES, &PROBE);
    publish(scenario, world, PRIVATE_HOST, PRIVATE, &AGENT);
}

/// A registry with its own token service. Without accounts, it can be read anonymously.
fn tokens(host: &str, accounts: Vec<(String, String)>) -> Registry {
    let settings = TokenSettings {
        realm_host: host.into(),
        realm_path: "/v2/auth".into(),
        service: host.into(),
        anonymous_pull: accounts.is_empty(),
        accounts,
        pull_limit: None,
        token_lifetime: 300,
    };
    Registry::with_tokens(host, settings, BlobDelivery::Direct)
}

fn publish(
    scenario: &Scenario,
    world: &mut World,
    host: &str,
    repository: &str,
    images: &[(&str, &[&str])],
) {
    let name = repository.rsplit('/').next().unwrap_or_default();
    let destination = format!("{DESTINATION_PATH}/{name}");
    let mut created = FIRST_BUILD;
    for (seed, tags) in images {
        let recipe = ImageRecipe {
            base: repository.to_owned(),
            ..ImageRecipe::new(seed, created)
        };
        created += DAY;
        world.publish(host, repository, &recipe, tags);
        if scenario.acr == AcrContent::UpToDate {
            world.publish(&scenario.login_server, &destination, &recipe, tags);
        }
    }
}
