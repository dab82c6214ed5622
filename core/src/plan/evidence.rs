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
