//! Scenarios: settings for the state with which the sandbox starts.
//!
//! Every scenario has five CodeCollection repositories at Google or six in the catalog, the chart's images at their registries, and one ACR. Dates
//! and digests are the same in every run.

use serde::{Deserialize, Serialize};

/// The host of RunWhen's public images.
pub const GOOGLE_HOST: &str = "us-west1-docker.pkg.dev";
/// The path of RunWhen's public images on this host.
pub const GOOGLE_PATH: &str = "runwhen-nonprod-beta/public-images";
/// The CodeCollection repositories.
pub const CODE_COLLECTIONS: [&str; 5] = [
    "runwhen-contrib-rw-cli-codecollection",
    "runwhen-contrib-rw-public-codecollection",
    "runwhen-contrib-rw-generic-codecollection",
    "runwhen-contrib-rw-workspace-utils",
    "runwhen-contrib-azure-c7n-codecollection",
];
/// The path of the images in the ACR: the default of `REGISTRY_REPOSITORY_PATH`.
pub const DESTINATION_PATH: &str = "runwhen";
/// The tenant ID of every scenario.
pub const TENANT_ID: &str = "5a4d0000-7e4a-4000-8000-000000000001";
/// The client ID of every scenario's application.
pub const CLIENT_ID: &str = "5a4d0000-c11e-4000-8000-000000000002";
/// The application's secret, which is unique so that tests can search for it.
pub const CLIENT_SECRET: &str = "sandbox~Secret.8Q-of_the+application/x$y";
/// The subscription ID of every scenario.
pub const SUBSCRIPTION_ID: &str = "5a4d0000-5b5c-4000-8000-000000000003";
/// A federated token that Entra accepts instead of the secret (workload identity).
pub const FEDERATED_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZS8iLCJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6cnVud2hlbjpydW5uZXIiLCJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSJ9.c2FuZGJveC1mZWRlcmF0ZWQtdG9rZW4";

/// The settings for the state with which the sandbox starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// The registry's name in ARM.
    pub registry_name: String,
    /// The registry's login server.
    pub login_server: String,
    /// The place where CodeCollections are published.
    pub code_collections: Publisher,
    /// The content of the ACR.
    pub acr: AcrContent,
    /// True if Google's `tags/list` has the `manifest` map.
    pub google_extended_list: bool,
    /// The number of tags on a page of Google's list; `None` for all tags on one page.
    pub google_page_size: Option<usize>,
    /// The target of the newest image's stable tag.
    pub stable_tag: StableTag,
    /// The number of older `main-<commit>` tags in each repository.
    pub older_tags: usize,
    /// True if the chart's archive does not contain the chart's dependency.
    pub bare_chart: bool,
    /// True if there is a chart of a third party, for `EXTRA_CHARTS`.
    pub extra_chart: bool,
    /// True if there are also images of other publishers (`extra_images.rs`).
    pub extra_images: bool,
    /// The duration of an import in milliseconds.
    pub import_milliseconds: u64,
    /// The `Retry-After` of ARM's responses to imports, in seconds.
    pub import_retry_after: u64,
    /// The content of the copy benchmark.
    pub load: CopyLoad,
    /// The other ACRs.
    pub other_acrs: Vec<OtherAcr>,
}

/// An ACR besides the one of the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherAcr {
    /// Its name in ARM. Its login server is this name with the suffix of the public cloud.
    pub name: String,
    /// Its content.
    pub content: AcrContent,
}

impl OtherAcr {
    /// The login server.
    #[must_use]
    pub fn login_server(&self) -> String {
        format!("{}.azurecr.io", self.name)
    }
}

/// The content of the copy benchmark, which is the same in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyLoad {
    /// The small images of the other scenarios.
    None,
    /// Larger images in the same eight repositories: 28 manifests, 202 blobs of which 130 are different, 14 MB.
    EightImages,
    /// Also an image with four layers of 256 MB.
    LargeLayers,
    /// Also an image with one layer of 64 MB.
    OneLayer,
}

/// The place where CodeCollections are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publisher {
    /// Google Artifact Registry, with tags of branches.
    Google,
    /// Google, and a mirror that requires a login (`mirror.rs`).
    Mirror,
    /// ghcr.io, with RunWhen's catalog of them. Google's repositories do not exist.
    Catalog,
}

/// The content of the ACR when the sandbox starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcrContent {
    /// Only older images: all newest images are missing.
    Older,
    /// Also the newest images.
    UpToDate,
    /// The newest tags, which point at older images.
    Drifted,
    /// No repositories.
    Empty,
}

/// The target of the newest image's stable tag (`main-<commit>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StableTag {
    /// The same index as `main-latest`.
    SameIndex,
    /// Another index with the same children, as after a second `docker manifest create`.
    SameChildren,
    /// The newest image does not have a stable tag, only `main-latest`.
    Missing,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            registry_name: "myacr".into(),
            login_server: "myacr.azurecr.io".into(),
            code_collections: Publisher::Google,
            acr: AcrContent::Older,
            google_extended_list: true,
            google_page_size: None,
            stable_tag: StableTag::SameIndex,
            older_tags: 6,
            bare_chart: false,
            extra_chart: false,
            extra_images: false,
            import_milliseconds: 2000,
            import_retry_after: 10,
            load: CopyLoad::None,
            other_acrs: Vec::new(),
        }
    }
}

impl Scenario {
    /// The names for [`Scenario::named`] with descriptions.
    pub const NAMES: [(&str, &str); 15] = [
        (
            "outdated",
            "eight images to import: the ACR has only older images (the default)",
        ),
        ("up-to-date", "the ACR has the newest images"),
        (
            "drifted",
            "the ACR has the newest tags, but they point to older images",
        ),
        ("empty", "the ACR is empty"),
        ("plain-list", "Google's tags/list without its manifest map"),
        (
            "paged",
            "Google's tags/list in pages of five, without its manifest map",
        ),
        (
            "same-children",
            "the stable tag is another index with the same children",
        ),
        (
            "login-server-label",
            "the login server has a domain name label: myacr-c5gkd3e4.azurecr.io",
        ),
        (
            "catalog",
            "like outdated, but the CodeCollections are in RunWhen's catalog: nine images to import",
        ),
        (
            "mirror",
            "like outdated, with a mirror of the CodeCollections for CODECOLLECTION_REGISTRY, which requires a login",
        ),
        (
            "bare-chart",
            "the chart's archive does not contain the chart's dependency",
        ),
        (
            "extra-chart",
            "also a chart of a third party for EXTRA_CHARTS, with four images to import",
        ),
        (
            "extra",
            "like outdated, with images of other publishers for EXTRA_IMAGES",
        ),
        (
            "copy",
            "the eight images of the copy benchmark, 14 MB; the ACR is empty",
        ),
        (
            "fleet",
            "three ACRs: myacr lacks eight images, secondacr has all, thirdacr is empty",
        ),
    ];

    /// Returns the default scenario, with eight images to import.
    #[must_use]
    pub fn outdated() -> Self {
        Self::default()
    }

    /// Returns a scenario without images to import.
    #[must_use]
    pub fn up_to_date() -> Self {
        Self {
            acr: AcrContent::UpToDate,
            ..Self::default()
        }
    }

    /// Returns the scenario of the copy benchmark's first load: eight images of 14 MB, and an empty ACR.
    #[must_use]
    pub fn copy() -> Self {
        Self {
            acr: AcrContent::Empty,
            load: CopyLoad::EightImages,
            ..Self::default()
        }
    }

    /// Returns a scenario with these ACRs besides `myacr`.
    #[must_use]
    pub fn with_others(self, others: &[(&str, AcrContent)]) -> Self {
        let other = |(name, content): &(&str, AcrContent)| OtherAcr {
            name: (*name).to_owned(),
            content: *content,
        };
        Self {
            other_acrs: others.iter().map(other).collect(),
            ..self
        }
    }

    /// Returns the names of all ACRs, as `REGISTRY_NAME` has them.
    #[must_use]
    pub fn registry_names(&self) -> String {
        let others = self.other_acrs.iter().map(|other| other.name.as_str());
        let names = [self.registry_name.as_str()].into_iter().chain(others);
        names.collect::<Vec<_>>().join(",")
    }

    /// Returns the scenario with this name.
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
            "copy" => Some(Self::copy()),
            "fleet" => Some(Self::default().with_others(&[
                ("secondacr", AcrContent::UpToDate),
                ("thirdacr", AcrContent::Empty),
            ])),
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
            "catalog" => Some(Self {
                code_collections: Publisher::Catalog,
                ..Self::default()
            }),
            "mirror" => Some(Self {
                code_collections: Publisher::Mirror,
                ..Self::default()
            }),
            "extra" => Some(Self {
                extra_images: true,
                ..Self::default()
            }),
            "bare-chart" => Some(Self {
                bare_chart: true,
                ..Self::default()
            }),
            "extra-chart" => Some(Self {
                extra_chart: true,
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
    fn every_listed_name_has_a_scenario() {
        for (name, _) in Scenario::NAMES {
            assert!(Scenario::named(name).is_some(), "{name}");
        }
        assert!(Scenario::named("no such").is_none());
    }
}
