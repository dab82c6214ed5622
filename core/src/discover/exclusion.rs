//! The images that `EXCLUDE_IMAGES` leaves out. Repositories stay reserved for a CodeCollection that is left out.

use std::collections::BTreeSet;

use super::catalog::Slug;
use super::{Category, Desired, known_codecollections};
use crate::config::{Config, ExcludedName};
use crate::name::{ImageName, Repository};

/// An image that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    pub category: Category,
    /// The name at the source.
    pub source: String,
    pub destination: Repository,
    /// The names of `EXCLUDE_IMAGES` that match it.
    pub by: Vec<String>,
}

/// The effect of `EXCLUDE_IMAGES`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    pub excluded: Vec<Excluded>,
    /// Names that match no image at all.
    pub unmatched: Vec<String>,
    /// Names that match no image of this run, but perhaps one that it did not list.
    pub unseen: Vec<String>,
}

/// The names of `EXCLUDE_IMAGES` that match an image.
pub(super) fn matching(config: &Config, source: &ImageName, slug: Option<&Slug>) -> Vec<String> {
    let whole = source.to_string();
    let mut names = vec![
        source.repository.last_segment(),
        source.repository.as_str(),
        &whole,
    ];
    names.extend(slug.map(Slug::as_str));
    let matching = config.exclude.iter().filter(|name| name.matches(&names));
    matching.map(ToString::to_string).collect()
}

/// The names in `EXCLUDE_IMAGES` that leave this image out.
pub fn excluding(config: &Config, desired: &Desired) -> Vec<String> {
    matching(config, &desired.source, desired.slug())
}

/// Separates the images that are left out.
pub fn without_excluded(config: &Config, desired: Vec<Desired>) -> (Vec<Desired>, Vec<Excluded>) {
    let mut kept = Vec::new();
    let mut excluded = Vec::new();
    for one in desired {
        match excluding(config, &one) {
            by if by.is_empty() => kept.push(one),
            by => excluded.push(Excluded {
                category: one.category,
                source: one.source.to_string(),
                destination: one.destination,
                by,
            }),
        }
    }
    (kept, excluded)
}

/// The effect on a run that knows the images of the categories `listed`.
pub fn exclusions(
    config: &Config,
    excluded: Vec<Excluded>,
    listed: &BTreeSet<Category>,
) -> Exclusions {
    let without_match = config.exclude.iter().filter(|name| {
        let text = name.to_string();
        !excluded.iter().any(|one| one.by.contains(&text))
    });
    let collections = known_codecollections(config);
    let is_collection = |name: &&ExcludedName| {
        let mut places = collections.iter();
        places.any(|place| name.matches(&[place.last_segment()]))
    };
    let is_extra = |name: &&ExcludedName| {
        let text = name.to_string();
        let mut images = config.extra_images.iter();
        images.any(|image| matching(config, &image.source, None).contains(&text))
    };
    // Without the list of a category, a name may be that of one of its images.
    let is_unseen = |name: &&ExcludedName| {
        !listed.contains(&Category::RunWhenLocal)
            || !listed.contains(&Category::Extra)
                && (config.images.contains(&Category::Extra) || is_extra(name))
            || !listed.contains(&Category::CodeCollection) && is_collection(name)
    };
    let (unseen, unmatched): (Vec<_>, Vec<_>) = without_match.partition(is_unseen);
    let texts = |names: Vec<&ExcludedName>| names.into_iter().map(ToString::to_string).collect();
    Exclusions {
        excluded,
        unmatched: texts(unmatched),
        unseen: texts(unseen),
    }
}
