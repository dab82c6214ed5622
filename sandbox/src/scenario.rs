//! Scenarios: what the world holds when it starts.
//!
//! A scenario is a few settings over one picture: five CodeCollection repositories at Google, one ACR that has (or has
//! not) what they publish. Dates and digests are the same in every run.

use serde::{Deserialize, Serialize};

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
}
