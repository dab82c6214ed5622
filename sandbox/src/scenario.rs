//! Scenarios: what the world holds when it starts.
//!
//! A scenario is a few settings over one picture: five CodeCollection repositories at Google, one ACR that has (or has
//! not) what they publish. Dates and digests are the same in every run.

use crate::azure::{Azure, ImportSettings, Permission, Principal, RegistryResource, Subscription};
use crate::image::{ImageFormat, ImageRecipe};
use crate::registry::{Registry, RegistryKind};
use crate::runwhen_local;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// The host of RunWhen's public images.
pub const GOOGLE_HOST: &str = "us-west1-docker.pkg.dev";
/// Where they are on it.
pub const GOOGLE_PATH: &str = "runwhen-nonprod-beta/public-images";
/// The CodeCollection repositories.
pub const CODE_COLLECTIONS: [&str; 5] = [
    "runwhen-contrib-rw-cli-codecollection",
    "runwhen-contrib-rw-public-codecollection",
    "runwhen-contrib-rw-generic-codecollection",
    "runwhen-contrib-rw-workspace-utils",
    "runwhen-contrib-azure-c7n-codecollection",
];
/// Where the ACR keeps them: `REGISTRY_REPOSITORY_PATH`'s default.
pub const DESTINATION_PATH: &str = "runwhen";
/// The tenant of every scenario.
pub const TENANT_ID: &str = "5a4d0000-7e4a-4000-8000-000000000001";
/// The application of every scenario.
pub const CLIENT_ID: &str = "5a4d0000-c11e-4000-8000-000000000002";
/// Its secret: long and odd, so that a test that looks for it finds only it.
pub const CLIENT_SECRET: &str = "sandbox~Secret.8Q-of_the+application/x$y";
/// The subscription of every scenario.
pub const SUBSCRIPTION_ID: &str = "5a4d0000-5b5c-4000-8000-000000000003";
/// A federated token that is taken in place of the secret (workload identity).
pub const FEDERATED_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZS8iLCJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6cnVud2hlbjpydW5uZXIiLCJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSJ9.c2FuZGJveC1mZWRlcmF0ZWQtdG9rZW4";

/// The first commit's time: 2026-09-01T08:00:00Z; each later one is a week after.
const FIRST_COMMIT: i64 = 1_788_249_600;
const WEEK: i64 = 7 * 24 * 3600;

/// What the world holds when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// The registry's name in ARM.
    pub registry_name: String,
    /// Its login server.
    pub login_server: String,
    /// What the ACR has of the newest images.
    pub acr: AcrContent,
    /// Whether Google's `tags/list` has the `manifest` map.
    pub google_extended_list: bool,
    /// How many tags Google gives on a page; `None` for all at once.
    pub google_page_size: Option<usize>,
    /// What the stable tag of the newest image points at.
    pub stable_tag: StableTag,
    /// How many older `main-<commit>` tags each repository has.
    pub older_tags: usize,
    /// Whether the chart's archive lacks the chart that it depends on.
    pub bare_chart: bool,
    /// How long an import takes, in milliseconds.
    pub import_milliseconds: u64,
    /// The `Retry-After` of ARM's import answers, in seconds.
    pub import_retry_after: u64,
}

/// What the ACR has when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcrContent {
    /// Older images only: every newest one is missing.
    Older,
    /// The newest images too.
    UpToDate,
    /// The newest tags, pointing at older images.
    Drifted,
    /// Nothing at all: not even the repositories.
    Empty,
}

/// What the stable tag (`main-<commit>`) of the newest image points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StableTag {
    /// The same index as `main-latest`.
    SameIndex,
    /// Another index with the same children, as a second `docker manifest create` leaves it.
    SameChildren,
    /// There is none: only `main-latest` itself.
    Missing,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            registry_name: "myacr".into(),
            login_server: "myacr.azurecr.io".into(),
            acr: AcrContent::Older,
            google_extended_list: true,
            google_page_size: None,
            stable_tag: StableTag::SameIndex,
            older_tags: 6,
            bare_chart: false,
            import_milliseconds: 2000,
            import_retry_after: 10,
        }
    }
}

impl Scenario {
    /// The names that [`Scenario::named`] knows, with what each is.
    pub const NAMES: [(&str, &str); 9] = [
        (
            "outdated",
            "eight images to import: the ACR has older ones only (the default)",
        ),
        ("up-to-date", "nothing to do"),
        (
            "drifted",
            "the tags are in the ACR, but point at older images",
        ),
        ("empty", "the ACR has nothing at all"),
        ("plain-list", "Google's tags/list without the extended map"),
        (
            "paged",
            "Google's tags/list in pages of five, without the extended map",
        ),
        (
            "same-children",
            "the stable tag is another index with the same children",
        ),
        (
            "login-server-label",
            "a registry with a domain-name label: myacr-c5gkd3e4.azurecr.io",
        ),
        (
            "bare-chart",
            "the chart's archive lacks the chart that it depends on",
        ),
    ];

    /// Five images to import: the default.
    #[must_use]
    pub fn outdated() -> Self {
        Self::default()
    }

    /// Nothing to do.
    #[must_use]
    pub fn up_to_date() -> Self {
        Self {
            acr: AcrContent::UpToDate,
            ..Self::default()
        }
    }

    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "outdated" | "default" => Some(Self::default()),
            "up-to-date" => Some(Self::up_to_date()),
            "drifted" => Some(Self {
                acr: AcrContent::Drifted,
                ..Self::default()
            }),
            "empty" => Some(Self {
                acr: AcrContent::Empty,
                ..Self::default()
            }),
            "plain-list" => Some(Self {
                google_extended_list: false,
                ..Self::default()
            }),
            "paged" => Some(Self {
                google_extended_list: false,
                google_page_size: Some(5),
                ..Self::default()
            }),
            "same-children" => Some(Self {
                stable_tag: StableTag::SameChildren,
                ..Self::default()
            }),
            "bare-chart" => Some(Self {
                bare_chart: true,
                ..Self::default()
            }),
            "login-server-label" => Some(Self {
                login_server: "myacr-c5gkd3e4.azurecr.io".into(),
                ..Self::default()
            }),
            _ => None,
        }
    }

    /// The stable tag of a repository's newest image, such as `main-1a2b3c4`.
    #[must_use]
    pub fn newest_tag(repository: &str) -> String {
        format!("main-{}", commit(repository, 0))
    }

    /// The world as this scenario begins.
    #[must_use]
    pub fn build(&self) -> World {
        let mut world = World::new(self.azure());
        let mut google = Registry::google(GOOGLE_HOST);
        google.page_size = self.google_page_size;
        if let RegistryKind::Google(settings) = &mut google.kind {
            settings.extended_list = self.google_extended_list;
        }
        world.registries.insert(GOOGLE_HOST.into(), google);
        world.registries.insert(
            self.login_server.clone(),
            Registry::azure(&self.login_server),
        );
        for (number, repository) in CODE_COLLECTIONS.into_iter().enumerate() {
            self.add_code_collection(&mut world, repository, number);
        }
        runwhen_local::add(self, &mut world);
        world
    }

    fn azure(&self) -> Azure {
        let principal = Principal {
            client_id: CLIENT_ID.into(),
            object_id: "5a4d0000-0b1e-4000-8000-000000000004".into(),
            tenant: TENANT_ID.into(),
            secrets: vec![CLIENT_SECRET.into()],
            expired_secrets: vec!["sandbox~expired~secret".into()],
            federated_tokens: vec![FEDERATED_TOKEN.into()],
            certificates: Vec::new(),
            permissions: BTreeSet::from(Permission::ALL),
        };
        let subscription = Subscription {
            id: SUBSCRIPTION_ID.into(),
            name: "Sandbox subscription".into(),
            tenant: TENANT_ID.into(),
            state: "Enabled".into(),
        };
        let registry = RegistryResource {
            name: self.registry_name.clone(),
            subscription: SUBSCRIPTION_ID.into(),
            resource_group: "platform-images".into(),
            location: "westus2".into(),
            login_server: self.login_server.clone(),
            sku: "Premium".into(),
            role_assignment_mode: None,
        };
        Azure {
            tenants: vec![TENANT_ID.into()],
            principals: vec![principal],
            subscriptions: vec![subscription],
            registries: vec![registry],
            token_lifetime: 3599,
            list_page_size: None,
            imports: ImportSettings {
                duration: Duration::from_millis(self.import_milliseconds),
                lag: Duration::ZERO,
                retry_after: self.import_retry_after,
                exclusive: false,
                rules: Vec::new(),
            },
            operations: Vec::new(),
            identity_header: "sandbox-identity-header".into(),
            managed_identity: Some(CLIENT_ID.into()),
        }
    }

    /// One repository at Google, as RunWhen's builds leave it, and its counterpart in the ACR.
    fn add_code_collection(&self, world: &mut World, repository: &str, number: usize) {
        let source = format!("{GOOGLE_PATH}/{repository}");
        let destination = format!("{DESTINATION_PATH}/{repository}");
        for age in (1..=self.older_tags).rev() {
            let (recipe, tag) = (
                self.recipe(repository, number, age),
                format!("main-{}", commit(repository, age)),
            );
            publish(world, &source, &recipe, &[&tag], &commit(repository, age));
            // The ACR has been synced until three weeks ago.
            if self.acr != AcrContent::Empty && age >= 3 {
                world.publish(&self.login_server, &destination, &recipe, &[&tag]);
            }
        }
        let branch = ImageRecipe {
            seed: format!("{repository} feature"),
            ..self.recipe(repository, number, 1)
        };
        let branch_commit = commit(repository, 1000);
        publish(
            world,
            &source,
            &branch,
            &[
                "feature-x-latest",
                &format!("feature-x-{branch_commit}"),
                "tester",
            ],
            &branch_commit,
        );
        self.add_newest(world, repository, number);
    }

    /// The newest image of a repository, with what the ACR has of it.
    fn add_newest(&self, world: &mut World, repository: &str, number: usize) {
        let source = format!("{GOOGLE_PATH}/{repository}");
        let destination = format!("{DESTINATION_PATH}/{repository}");
        let newest = self.recipe(repository, number, 0);
        let (stable, newest_commit) = (Self::newest_tag(repository), commit(repository, 0));
        let tags: &[&str] = match self.stable_tag {
            StableTag::SameIndex => &["main-latest", &stable],
            StableTag::SameChildren | StableTag::Missing => &["main-latest"],
        };
        let image = publish(world, &source, &newest, tags, &newest_commit);
        if let StableTag::SameChildren = self.stable_tag {
            let twin = ImageRecipe {
                index_annotation: Some("made again".into()),
                ..newest.clone()
            };
            world.publish(GOOGLE_HOST, &source, &twin, &[&stable]);
        }
        for (architecture, digest) in &image.children {
            let tag = format!("{architecture}-main-latest");
            if let Some(registry) = world.registries.get_mut(GOOGLE_HOST) {
                registry
                    .repository(&source)
                    .set_tag(&tag, digest, newest.created);
            }
        }
        match self.acr {
            AcrContent::UpToDate => {
                let twin =
                    (self.stable_tag == StableTag::SameChildren).then(|| "made again".to_owned());
                let recipe = ImageRecipe {
                    index_annotation: twin,
                    ..newest
                };
                world.publish(&self.login_server, &destination, &recipe, &[&stable]);
            }
            AcrContent::Drifted => {
                let older = self.recipe(repository, number, 3);
                world.publish(&self.login_server, &destination, &older, &[&stable]);
            }
            AcrContent::Older | AcrContent::Empty => {}
        }
    }

    fn recipe(&self, repository: &str, number: usize, age: usize) -> ImageRecipe {
        let weeks = i64::try_from(self.older_tags.saturating_sub(age)).unwrap_or_default();
        ImageRecipe {
            base: repository.to_owned(),
            // Some repositories are built by older pipelines: Docker's media types, no attestations.
            format: if number % 2 == 1 {
                ImageFormat::Docker
            } else {
                ImageFormat::Oci
            },
            attestations: number == 2,
            ..ImageRecipe::new(
                &format!("{repository} {}", commit(repository, age)),
                FIRST_COMMIT + weeks * WEEK,
            )
        }
    }
}

/// Publishes an image with its tags and the aliases of its children.
fn publish(
    world: &mut World,
    repository: &str,
    recipe: &ImageRecipe,
    tags: &[&str],
    commit: &str,
) -> crate::image::PublishedImage {
    let image = world.publish(GOOGLE_HOST, repository, recipe, tags);
    if let Some(registry) = world.registries.get_mut(GOOGLE_HOST) {
        for (architecture, digest) in &image.children {
            registry.repository(repository).set_tag(
                &format!("{architecture}-main-{commit}"),
                digest,
                recipe.created + 30,
            );
        }
    }
    image
}

/// The abbreviated commit of a repository's image of some age: seven hexadecimal digits.
fn commit(repository: &str, age: usize) -> String {
    crate::content::Digest::of(format!("commit {age} of {repository}").as_bytes()).hex()[..7]
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_a_scenario() {
        for (name, _) in Scenario::NAMES {
            assert!(Scenario::named(name).is_some(), "{name}");
        }
        assert!(Scenario::named("no such").is_none());
    }

    #[test]
    fn in_the_default_scenario_all_five_newest_tags_are_missing_and_older_ones_are_there() {
        let world = Scenario::default().build();
        for repository in CODE_COLLECTIONS {
            let (source, destination) = (
                format!("{GOOGLE_PATH}/{repository}"),
                format!("{DESTINATION_PATH}/{repository}"),
            );
            let stable = Scenario::newest_tag(repository);
            let latest = world.tag(GOOGLE_HOST, &source, "main-latest");
            assert!(latest.is_some());
            assert_eq!(world.tag(GOOGLE_HOST, &source, &stable), latest);
            assert_eq!(world.tag("myacr.azurecr.io", &destination, &stable), None);
            assert!(
                !world.registries["myacr.azurecr.io"].repositories[&destination]
                    .tags
                    .is_empty()
            );
        }
    }

    #[test]
    fn in_the_up_to_date_scenario_both_sides_agree() {
        let world = Scenario::up_to_date().build();
        for repository in CODE_COLLECTIONS {
            let stable = Scenario::newest_tag(repository);
            let source = world.tag(GOOGLE_HOST, &format!("{GOOGLE_PATH}/{repository}"), &stable);
            assert_eq!(
                source,
                world.tag(
                    "myacr.azurecr.io",
                    &format!("{DESTINATION_PATH}/{repository}"),
                    &stable
                )
            );
        }
    }
}
