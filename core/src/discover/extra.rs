//! The extra images: those of `EXTRA_IMAGES`.
//!
//! Pure. The tag of an image with a rule depends on its source, so `observe` finds it.

use chrono::{DateTime, Utc};

use super::reservation::{self, Owner};
use super::{
    Category, Desired, Excluded, TagSelector, Undiscovered, exclusion, target, without_excluded,
};
use crate::config::{Config, ExtraImage, ExtraWanted};
use crate::name::Repository;

/// The images of `EXTRA_IMAGES`, and those that are left out. An image whose destination is reserved for a CodeCollection is not
/// imported.
pub fn extra_images(
    config: &Config,
    owners: &[Owner],
    started: DateTime<Utc>,
) -> (Vec<Desired>, Vec<Undiscovered>, Vec<Excluded>) {
    let images = config.extra_images.iter();
    let all = images.map(|image| desired(config, image, started));
    let (kept, excluded) = without_excluded(config, all.collect());
    let (desired, undiscovered) = reservation::without_reserved(config, owners, kept);
    (desired, undiscovered, excluded)
}

/// The destinations of the extra images that are not left out.
pub fn extra_destinations(config: &Config) -> impl Iterator<Item = Repository> {
    let images = config.extra_images.iter();
    let kept = images.filter(|image| exclusion::matching(config, &image.source, None).is_empty());
    kept.map(|image| destination(config, image))
}

fn desired(config: &Config, image: &ExtraImage, started: DateTime<Utc>) -> Desired {
    let wanted = match &image.wanted {
        ExtraWanted::Exact { tag, digest } => TagSelector::Image {
            target: target(tag.as_ref(), digest.as_ref(), config.use_date_tag, started),
            tag: tag.clone(),
            digest: digest.clone(),
        },
        ExtraWanted::Rule(rule) => TagSelector::Rule(rule.clone()),
    };
    Desired {
        category: Category::Extra,
        source: image.source.clone(),
        wanted,
        destination: destination(config, image),
        wanted_by: vec![image.to_string()],
        needs_its_tag: true,
    }
}

#[expect(
    clippy::expect_used,
    reason = "`Config` limits the path and the destination so that both together are a repository"
)]
fn destination(config: &Config, image: &ExtraImage) -> Repository {
    let path = &config.repository_path;
    path.join(image.destination.as_str())
        .expect("a path below a path is a repository")
}
