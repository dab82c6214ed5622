//! Where the images of a run come from: their registries, or a bundle.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::layout::Layout;
use crate::name::{ImageName, Repository};
use crate::registry::{Content, Sources};

/// Where the images of a run come from. Cheap to clone: all targets share it, with its tokens.
#[derive(Clone)]
pub enum Supply {
    Registries(Arc<Sources>),
    Bundle(Arc<Layout>),
}

impl Supply {
    /// The content of an image with this name at its source.
    pub(crate) fn content(&self, source: &ImageName) -> Content {
        match self {
            Self::Registries(sources) => Content::Repository {
                client: sources.client(&source.registry).copying(),
                repository: source.repository.clone(),
            },
            Self::Bundle(layout) => Content::Bundle(Arc::clone(layout)),
        }
    }

    /// The repositories of the destination from which blobs are mounted that a bundle leaves out.
    pub(super) fn homes(&self) -> BTreeSet<Repository> {
        match self {
            Self::Registries(_) => BTreeSet::new(),
            Self::Bundle(layout) => {
                let left_out = layout.index().left_out.values();
                let homes = left_out.flat_map(|left_out| left_out.repositories.iter().cloned());
                homes.collect()
            }
        }
    }
}
