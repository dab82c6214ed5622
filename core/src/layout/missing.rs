//! The images of a plan that a bundle does not have, so that an import does not report the others as everything. Pure.

use serde::{Deserialize, Serialize};

use super::LayoutError;
use crate::category::Category;
use crate::name::DestinationTag;
use crate::problem::Cause;
use crate::text::for_message;

/// The most images that are named each by itself.
const MOST: usize = 200;

/// An image that the plan imports, or does not know, and that the bundle does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingImage {
    pub category: Category,
    pub image: String,
    /// The tag at the destination, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<DestinationTag>,
    pub cause: Cause,
    /// Why it is missing. Contains no secrets.
    pub fact: String,
}

impl MissingImage {
    fn shortened(self) -> Self {
        Self {
            image: for_message(&self.image),
            fact: for_message(&self.fact),
            ..self
        }
    }
}

/// The text of these images. If there are very many, one entry counts the rest of each category.
pub(super) fn written(missing: &[MissingImage]) -> String {
    let shown = missing.iter().take(MOST).cloned();
    let mut shown: Vec<_> = shown.map(MissingImage::shortened).collect();
    for category in Category::ALL {
        let others = missing.iter().skip(MOST);
        let mut others = others.filter(|image| image.category == category);
        if let Some(first) = others.next() {
            let image = format!("{} other images", 1 + others.count());
            shown.push(MissingImage {
                image,
                destination: None,
                ..first.clone().shortened()
            });
        }
    }
    serde_json::json!(shown).to_string()
}

pub(super) fn parse(text: &str) -> Result<Vec<MissingImage>, LayoutError> {
    let missing: Vec<MissingImage> = serde_json::from_str(text).map_err(LayoutError::index)?;
    if missing.len() > MOST + Category::ALL.len() {
        let count = missing.len();
        let reason = format!("names {count} missing images, and may name {MOST}");
        return Err(LayoutError::index(reason));
    }
    Ok(missing.into_iter().map(MissingImage::shortened).collect())
}
