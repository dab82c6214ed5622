//! What a verdict follows from, as values. The sentences of reports and logs are rendered from them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::name::{Digest, Tag};

/// The observation that decided a verdict. Tags are those of the destination's repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The wanted tag has the digest of the source.
    SameDigest { tag: Tag },
    /// Another tag has it.
    SameDigestElsewhere { tag: Tag },
    /// The wanted tag has the digest, but its index names a manifest that the repository lacks.
    ManifestMissing { tag: Tag, child: Digest },
    /// The source was built after the newest tag was pushed.
    BuiltAfterPush {
        built: DateTime<Utc>,
        newest: Tag,
        newest_pushed: DateTime<Utc>,
    },
    /// The source was built after the image of the newest tag was built.
    BuiltAfterBuild {
        built: DateTime<Utc>,
        newest: Tag,
        newest_built: DateTime<Utc>,
    },
    /// The source was not built after it, which decides for `latest`.
    NotBuiltAfter {
        tag: Tag,
        built: DateTime<Utc>,
        newest: Tag,
        newest_built: DateTime<Utc>,
    },
    /// The wanted tag has another digest.
    OtherDigest { tag: Tag, digest: Digest },
    /// The wanted tag does not exist.
    TagMissing { tag: Tag },
}

impl Evidence {
    /// In a few words, for a line of a terminal that has the name of the image at the destination.
    pub fn brief(&self, name: &str) -> String {
        // `SYNC_REF_LATEST` sets a second tag.
        let of_tag = |tag: &Tag| match name.strip_suffix(tag.as_str()) {
            Some(_) => String::new(),
            None => format!("{tag} "),
        };
        let day = |date: &DateTime<Utc>| date.format("%Y-%m-%d");
        match self {
            Self::SameDigest { .. } => "same digest".to_owned(),
            Self::SameDigestElsewhere { tag } => format!("same digest as {tag}"),
            Self::ManifestMissing { child, .. } => format!("lacks manifest {}", child.short()),
            Self::BuiltAfterPush {
                newest,
                newest_pushed: date,
                ..
            }
            | Self::BuiltAfterBuild {
                newest,
                newest_built: date,
                ..
            } => format!("newest is {newest} of {}", day(date)),
            Self::NotBuiltAfter {
                newest,
                newest_built,
                ..
            } => format!("not newer than {newest} of {}", day(newest_built)),
            Self::OtherDigest { tag, digest } => format!("{}has {}", of_tag(tag), digest.short()),
            Self::TagMissing { tag } => format!("{}absent", of_tag(tag)),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |date: &DateTime<Utc>| date.format("%Y-%m-%d %H:%M");
        match self {
            Self::SameDigest { tag } => write!(f, "the destination has {tag} with the same digest"),
            Self::SameDigestElsewhere { tag } => {
                write!(f, "the destination has the same digest as {tag}")
            }
            Self::ManifestMissing { tag, child } => write!(
                f,
                "the destination has the digest of {tag}, but lacks its manifest {} for the platform",
                child.short()
            ),
            Self::BuiltAfterPush {
                built,
                newest,
                newest_pushed,
            } => write!(
                f,
                "built {}, after the destination's newest tag {newest} was pushed {}",
                day(built),
                day(newest_pushed)
            ),
            Self::BuiltAfterBuild {
                built,
                newest,
                newest_built,
            } => write!(
                f,
                "built {}, newer than the destination's {newest} of {}",
                day(built),
                day(newest_built)
            ),
            Self::NotBuiltAfter {
                tag,
                built,
                newest,
                newest_built,
            } => write!(
                f,
                "{tag} was built {}, not newer than the destination's {newest} of {}",
                day(built),
                day(newest_built)
            ),
            Self::OtherDigest { tag, digest } => {
                write!(f, "the destination's {tag} points at {digest} instead")
            }
            Self::TagMissing { tag } => write!(f, "the destination has no tag {tag}"),
        }
    }
}
