//! The repositories at the destination that are reserved for CodeCollections: the image of a chart, and an
//! extra image, must not be written to them.
//!
//! They are reserved also if the CodeCollections themselves are not configured.

use std::collections::BTreeSet;

use super::catalog::{Listing, is_build, known_collections};
use super::codecollections::{StableTag, usually_moves};
use super::{Category, Desired, TagSelector, Undiscovered, destination};
use crate::config::{CodeCollectionSource, CodeCollections, Config, TagRule};
use crate::name::{ImageName, Repository, full_name};
use crate::problem::{Cause, Problem, Side};

/// A CodeCollection and its repository at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    image: ImageName,
    pub(super) destination: Repository,
}

/// The CodeCollections of the configured source. Without the list of the catalog, those that are known to be in it.
pub fn owners(config: &Config, listing: Option<&Listing>) -> Vec<Owner> {
    let by_name = |image: ImageName| Owner {
        destination: destination(config, image.repository.last_segment()),
        image,
    };
    match (config.codecollection_source, listing) {
        (CodeCollectionSource::Tags, _) => {
            let CodeCollections {
                repositories,
                reserved,
                slugs: _,
            } = &config.codecollections;
            let all: BTreeSet<_> = repositories.iter().chain(reserved).collect();
            all.into_iter().cloned().map(by_name).collect()
        }
        (CodeCollectionSource::Catalog, None) => {
            known_collections().into_iter().map(by_name).collect()
        }
        (CodeCollectionSource::Catalog, Some(listing)) => {
            let (collections, _) = super::catalog_collections(config, listing);
            let owner = |desired: Desired| Owner {
                image: desired.source,
                destination: desired.destination,
            };
            collections.into_iter().map(owner).collect()
        }
    }
}

/// Separates the images whose repository is reserved.
pub(super) fn without_reserved(
    config: &Config,
    owners: &[Owner],
    images: Vec<Desired>,
) -> (Vec<Desired>, Vec<Undiscovered>) {
    let (mut free, mut undiscovered) = (Vec::new(), Vec::new());
    for image in images {
        match owner_of(config, owners, &image) {
            Some(owner) => undiscovered.push(reserved(&image, owner)),
            None => free.push(image),
        }
    }
    (free, undiscovered)
}

/// The CodeCollection whose repository an image would be written to. The CodeCollection's own image may be written to it by a tag
/// that does not move, because the content is the same.
fn owner_of<'a>(config: &Config, owners: &'a [Owner], desired: &Desired) -> Option<&'a Owner> {
    let owner = owners
        .iter()
        .find(|owner| owner.destination == desired.destination)?;
    let is_its_own = match &desired.wanted {
        TagSelector::Image {
            tag: Some(tag),
            digest: None,
            ..
        } => {
            owner.image == desired.source
                && !usually_moves(tag.as_str())
                && match config.codecollection_source {
                    CodeCollectionSource::Tags => {
                        StableTag::new(&config.git_ref).rank(tag).is_some()
                    }
                    CodeCollectionSource::Catalog => is_build(tag),
                }
        }
        TagSelector::Rule(TagRule::Follow(_)) => owner.image == desired.source,
        // The highest tag may be one that moves, such as the only match of `^dev-latest$`.
        TagSelector::Rule(TagRule::Highest(_))
        | TagSelector::Image { .. }
        | TagSelector::StableTag
        | TagSelector::Catalog(_) => false,
    };
    (!is_its_own).then_some(owner)
}

fn reserved(desired: &Desired, owner: &Owner) -> Undiscovered {
    let Desired {
        category,
        source,
        wanted,
        destination,
        wanted_by,
        needs_its_tag: _,
    } = desired;
    let what = format!(
        "conflict: {source} would be written to {destination}, which is reserved for the CodeCollection {} (used by {})",
        owner.image,
        wanted_by.join("; ")
    );
    let (side, advice) = match category {
        Category::Extra => (
            Side::Local,
            "choose another destination for it, or leave it out of EXTRA_IMAGES and EXTRA_CHARTS",
        ),
        Category::CodeCollection | Category::RunWhenLocal => (
            Side::ChartRepository,
            "change the chart's values (CHART_VALUES, CHART_SET) so that it names another image",
        ),
    };
    let problem = Problem::new(side, Cause::Configuration, what);
    let (name, target) = match wanted {
        TagSelector::Image {
            tag,
            digest,
            target,
        } => (
            full_name(source, tag.as_ref(), digest.as_ref()),
            Some(target.clone()),
        ),
        TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Rule(_) => {
            (source.to_string(), None)
        }
    };
    Undiscovered {
        category: *category,
        what: name,
        destination: target.map(|target| (destination.clone(), target)),
        problem: problem.advise(advice),
    }
}
