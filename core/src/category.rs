//! The kinds of images. The compiler names the places that a new kind must be added to.

use serde::{Deserialize, Serialize};

/// A kind of images: where their list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Category {
    /// The images of RunWhen's CodeCollections: those of five repositories, or those that the catalog names.
    #[serde(rename = "codecollection")]
    CodeCollection,
    /// The images that the RunWhen Local chart names.
    #[serde(rename = "runwhen_local")]
    RunWhenLocal,
    /// The images that the user configures in addition.
    #[serde(rename = "extra")]
    Extra,
}

impl Category {
    pub const ALL: [Self; 3] = [Self::CodeCollection, Self::RunWhenLocal, Self::Extra];

    /// The name in artifacts and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeCollection => "codecollection",
            Self::RunWhenLocal => "runwhen_local",
            Self::Extra => "extra",
        }
    }

    /// The name in reports and issues.
    pub fn title(self) -> &'static str {
        match self {
            Self::CodeCollection => "CodeCollection",
            Self::RunWhenLocal => "RunWhen Local",
            Self::Extra => "Extra",
        }
    }

    /// The value of `IMAGES` that selects it.
    pub fn option(self) -> &'static str {
        match self {
            Self::CodeCollection => "codecollection",
            Self::RunWhenLocal => "runwhen-local",
            Self::Extra => "extra",
        }
    }
}
