//! The images that are copied, and their destinations.

use anyhow::Result;
use sandbox::registry::{Registry, RegistryKind};
use sandbox::runwhen_local::CHART_IMAGES;
use sandbox::scenario::{CODE_COLLECTIONS, DESTINATION_PATH, GOOGLE_HOST, GOOGLE_PATH};
use sandbox::{
    AcrContent, CopyLoad, Login, OciSettings, Sandbox, Scenario, UploadRules, copy_load,
};

/// The plain registry into which the first two loads are copied.
const PLAIN: &str = "registry.example";
/// The ACR into which the third load is copied.
const ACR: &str = "myacr.azurecr.io";

/// The images of a measurement, and their destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Eight images into a plain registry.
    Images,
    /// An image with four layers of 256 MB into a plain registry.
    Large,
    /// An image with a layer of 64 MB into an ACR.
    Layer,
}

/// An image to copy.
pub struct Image {
    /// Host and repository.
    pub source: (String, String),
    /// The repository in the destination.
    pub destination: String,
    /// The tag on both sides.
    pub tag: String,
}

impl Load {
    /// Every load.
    pub const ALL: [Self; 3] = [Self::Images, Self::Large, Self::Layer];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Large => "large",
            Self::Layer => "layer",
        }
    }

    /// The heading of the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Images => {
                "Eight images: 28 manifests, 202 blobs of which 130 are different, 14 MB, into a plain registry"
            }
            Self::Large => "One image with four layers of 256 MB, into a plain registry",
            Self::Layer => "One image with a layer of 64 MB, into an ACR",
        }
    }

    /// The host of the destination.
    pub fn destination(self) -> &'static str {
        match self {
            Self::Images | Self::Large => PLAIN,
            Self::Layer => ACR,
        }
    }

    /// Starts a sandbox with the sources and the empty destination.
    pub fn start(self) -> Result<Sandbox> {
        let load = match self {
            Self::Images => CopyLoad::EightImages,
            Self::Large => CopyLoad::LargeLayers,
            Self::Layer => CopyLoad::OneLayer,
        };
        let sandbox = Sandbox::start(Scenario {
            acr: AcrContent::Empty,
            load,
            ..Scenario::default()
        })?;
        sandbox.edit(|world| {
            for registry in world.registries.values_mut() {
                if let RegistryKind::Token(settings) = &mut registry.kind {
                    settings.pull_limit = None;
                }
            }
        });
        Ok(sandbox)
    }

    /// Empties the destination and sets its rules for uploads.
    pub fn empty(self, sandbox: &Sandbox, rules: AcrRules) {
        let registry = match self {
            Self::Images | Self::Large => Registry::oci(PLAIN, OciSettings::new(Login::Anonymous)),
            Self::Layer => Registry {
                uploads: match rules {
                    AcrRules::Usual => UploadRules::acr(),
                    AcrRules::Strict => UploadRules::strict_acr(),
                },
                ..Registry::azure(ACR)
            },
        };
        sandbox.add_registry(registry);
        sandbox.clear_log();
    }

    /// Returns the images of the load.
    pub fn images(self) -> Vec<Image> {
        match self {
            Self::Images => {
                let code_collections = CODE_COLLECTIONS.iter().map(|name| {
                    image(
                        GOOGLE_HOST,
                        &format!("{GOOGLE_PATH}/{name}"),
                        &Scenario::newest_tag(name),
                    )
                });
                let chart = CHART_IMAGES
                    .iter()
                    .map(|chart| image(chart.host, chart.repository, chart.tag));
                code_collections.chain(chart).collect()
            }
            Self::Large => vec![large(copy_load::LARGE_REPOSITORY)],
            Self::Layer => vec![large(copy_load::LAYER_REPOSITORY)],
        }
    }
}

/// The rules of the ACR for uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcrRules {
    /// A PATCH may be of any size and without `Content-Range`, as Docker sends it.
    Usual,
    /// Chunks of at most 20 MB with `Content-Range`.
    Strict,
}

fn large(repository: &str) -> Image {
    image(copy_load::HOST, repository, copy_load::TAG)
}

fn image(host: &str, repository: &str, tag: &str) -> Image {
    let name = repository.rsplit('/').next().unwrap_or_default();
    Image {
        source: (host.to_owned(), repository.to_owned()),
        destination: format!("{DESTINATION_PATH}/{name}"),
        tag: tag.to_owned(),
    }
}
