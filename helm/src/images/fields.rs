//! Maps whose fields together name an image.

use std::collections::BTreeMap;
use std::fmt;

use crate::chart::text_of;
use crate::value::{Text, Value};

/// The fields of a map that together name an image.
pub(super) struct Fields {
    registry: Option<String>,
    repository: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
}

impl Fields {
    pub(super) fn of(entries: &BTreeMap<Text, Value>) -> Self {
        let field = |name: &str| match entries.get(name.as_bytes()) {
            // A tag such as `1.36` is a number in YAML.
            Some(value @ (Value::Str(_) | Value::Int(..) | Value::Float(_))) => {
                Some(text_of(value).trim().to_owned()).filter(|text| !text.is_empty())
            }
            _ => None,
        };
        Self {
            registry: field("registry"),
            repository: field("repository"),
            tag: field("tag"),
            digest: field("digest"),
        }
    }

    /// The image that a map below the key `image` names: its reference, or the fields if they are not a reference.
    /// `None` if the map does not name an image, for example `{pullPolicy: Always}`.
    pub(super) fn of_image(entries: &BTreeMap<Text, Value>) -> Option<String> {
        let mut fields = Self::of(entries);
        let text = |name: &str| match entries.get(name.as_bytes()) {
            Some(Value::Str(text)) => Some(text.to_str().trim().to_owned()),
            _ => None,
        };
        let has_version = fields.tag.is_some() || fields.digest.is_some();
        if text("image").is_some() || !(has_version || fields.repository.is_some()) {
            return None;
        }
        fields.repository = fields.repository.or_else(|| text("name"));
        match &fields.repository {
            Some(repository) if has_version || is_versioned(repository) => {
                Some(fields.reference(repository))
            }
            // Without a tag, the program that reads the map chooses one, not necessarily `latest`.
            Some(_) | None => Some(fields.to_string()),
        }
    }

    /// The image of a key next to these fields.
    pub(super) fn complete(&self, image: &str) -> String {
        let has_version = self.tag.is_some() || self.digest.is_some();
        if has_version && !is_versioned(image) {
            self.reference(image)
        } else {
            image.to_owned()
        }
    }

    fn reference(&self, repository: &str) -> String {
        let part = |before: &str, field: &Option<String>, after: &str| {
            let text = field.as_ref();
            text.map(|text| format!("{before}{text}{after}"))
                .unwrap_or_default()
        };
        let registry = part("", &self.registry, "/");
        let (tag, digest) = (part(":", &self.tag, ""), part("@", &self.digest, ""));
        format!("{registry}{repository}{tag}{digest}")
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registry,
            repository,
            tag,
            digest,
        } = self;
        let named = [
            ("registry", registry),
            ("repository", repository),
            ("tag", tag),
            ("digest", digest),
        ];
        let given = named
            .iter()
            .filter_map(|(name, field)| Some(format!("{name}: {}", field.as_ref()?)));
        write!(f, "{{{}}}", given.collect::<Vec<_>>().join(", "))
    }
}

/// True if a reference has a tag or a digest; a colon before a slash is part of a port.
fn is_versioned(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.contains([':', '@'])
}
