//! Images that cross an air gap in a file: written where the sources can be reached, imported where the destination can.
//!
//! An export reads sources only, and an import the destination only. The form of the file is in `layout`.

mod artifacts;
mod base;
mod collection;
mod export;
mod gathered;
mod import;
mod summary;
mod writing;

use std::io;

use crate::category::Category;
use crate::layout::MissingImage;
use crate::name::DestinationTag;
use crate::planned::ApplyError;
use crate::problem::Problem;
use crate::report::Status;
use crate::wire::SetupError;

pub use crate::layout::{Layout, LayoutError};
pub use summary::text;

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Plan(#[from] ApplyError),
    #[error("an earlier bundle cannot be used as the base: {0}")]
    Base(Problem),
    #[error(
        "an earlier bundle has the repository {repository}, which is not below {path}, the REGISTRY_REPOSITORY_PATH of the plan: give bundles for the same path"
    )]
    OtherPath { repository: String, path: String },
    #[error("the bundle could not be written: {0}")]
    Write(#[source] io::Error),
    #[error(
        "the bundle has too many images for one file: leave some out with EXCLUDE_IMAGES, and write a new plan"
    )]
    TooLarge,
    #[error(
        "the earlier bundles have too many blobs to be named in one file: give fewer of them with --base"
    )]
    TooMuchLeftOut,
}

/// Why nothing is imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(
        "the bundle is for the platform {bundle}, and IMAGE_ARCHITECTURE is {given}: import it with IMAGE_ARCHITECTURE={bundle}"
    )]
    OtherPlatform { bundle: String, given: String },
    #[error(
        "the bundle would write to the repository {repository}, which is not below REGISTRY_REPOSITORY_PATH={path}: correct that setting, or do not trust the bundle"
    )]
    Outside { repository: String, path: String },
    #[error("the bundle has {image}, which {variable} leaves out: unset it")]
    LeftOut {
        image: String,
        variable: &'static str,
    },
}

/// The result of an export.
#[derive(Debug)]
pub struct Export {
    /// The images in the bundle.
    pub images: Vec<Exported>,
    /// The images that the plan imports, or does not know, and that the bundle does not have.
    pub missing: Vec<NotExported>,
    /// Artifacts that refer to an image in the bundle, and that the bundle does not have.
    pub notes: Vec<String>,
    /// Why such artifacts may exist, and it is not known.
    pub unlisted: Vec<String>,
    /// `None` if no file is to be kept.
    pub file: Option<Written>,
}

/// An image in the bundle.
#[derive(Debug, serde::Serialize)]
pub struct Exported {
    /// `registry/repository:tag` or `registry/repository@digest`.
    pub source: String,
    pub digest: String,
    /// `repository:tag`.
    pub destinations: Vec<String>,
}

/// An image that the bundle does not have.
#[derive(Debug)]
pub struct NotExported {
    pub name: String,
    /// As its source names it.
    source: String,
    category: Category,
    destination: Option<DestinationTag>,
    pub problem: Problem,
    status: Status,
}

/// The file of an export.
#[derive(Debug, serde::Serialize)]
pub struct Written {
    pub bytes: u64,
    /// Of the file, as `sha256sum` prints it.
    pub sha256: String,
    /// The digest of `index.json`, by which a later bundle names this one as its base.
    pub index: String,
    /// The bytes of blobs that an earlier bundle has.
    pub bytes_left_out: u64,
}

impl Export {
    /// The most severe status of an image that is not in the bundle, or whose artifacts are not known.
    pub fn status(&self) -> Status {
        let order = [
            Status::Configuration,
            Status::AccessDenied,
            Status::ImportFailed,
            Status::Unknown,
        ];
        let has = |status: &Status| self.missing.iter().any(|one| one.status == *status);
        let found = order.into_iter().find(has);
        match self.unlisted.is_empty() {
            true => found.unwrap_or(Status::Complete),
            false => found.unwrap_or(Status::Unknown),
        }
    }
}

impl NotExported {
    fn in_index(&self) -> MissingImage {
        let Self {
            name: _,
            source,
            category,
            destination,
            problem,
            status: _,
        } = self;
        MissingImage {
            category: *category,
            image: source.clone(),
            destination: destination.clone(),
            cause: problem.cause,
            fact: problem.fact(),
        }
    }
}
