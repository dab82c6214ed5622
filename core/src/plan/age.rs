//! Since when the destination lacks an image: from the times that the sources have, without a state file.

use chrono::{DateTime, Utc};

use super::{Entry, Evidence};
use crate::observe::{DestinationState, Observed, RepositoryTags};

/// Since when the destination lacks the newest image of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    pub since: DateTime<Utc>,
    pub basis: Basis,
}

/// The event at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The source received the first image after the one that the destination has.
    NextUpload,
    /// The source received the wanted image. The destination may have lacked others before.
    WantedUpload,
    /// The wanted image was built.
    Built,
}

impl Behind {
    /// `behind since 2026-10-13 08:00 UTC`.
    pub fn text(&self) -> String {
        let since = self.since.format("%Y-%m-%d %H:%M UTC");
        match self.basis {
            Basis::NextUpload => format!("behind since {since}"),
            Basis::WantedUpload => format!("behind at least since {since}"),
            Basis::Built => format!("behind the image that was built {since}"),
        }
    }

    /// `since 2026-10-13`; `None` if only the date of the build is known.
    pub fn brief(&self) -> Option<String> {
        let since = self.since.format("%Y-%m-%d");
        match self.basis {
            Basis::NextUpload => Some(format!("since {since}")),
            Basis::WantedUpload => Some(format!("at least since {since}")),
            Basis::Built => None,
        }
    }
}

impl Entry {
    /// Since when the destination lacks the image; `None` if it has the image, or if no source has a time. A time after `now`
    /// is that of a wrong clock.
    pub fn behind_at(&self, now: DateTime<Utc>) -> Option<Behind> {
        self.behind().filter(|behind| behind.since <= now)
    }

    fn behind(&self) -> Option<Behind> {
        if !self.verdict.needs_sync() {
            return None;
        }
        // A purge deleted the manifest, at a time that is not known.
        if let Some(Evidence::ManifestMissing { .. }) = self.evidence {
            return None;
        }
        let Observed {
            desired: _,
            source: _,
            destination,
            uploads,
        } = &self.observed;
        let since = |since, basis| Behind { since, basis };
        let built = match destination {
            Some(Ok(DestinationState {
                repository_tags: Some(RepositoryTags { source_created, .. }),
                ..
            })) => *source_created,
            Some(Ok(_) | Err(_)) | None => None,
        };
        let next = uploads.after_destination;
        next.map(|next| since(next, Basis::NextUpload))
            .or_else(|| Some(since(uploads.wanted?, Basis::WantedUpload)))
            .or_else(|| Some(since(built?, Basis::Built)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Uploads;
    use crate::plan::tests::{chart_image, observed, published, state};
    use crate::plan::{Plan, plan};

    fn day(day: u32) -> DateTime<Utc> {
        format!("2026-09-{day:02}T08:00:00Z").parse().unwrap()
    }

    fn behind(image: Observed) -> Option<String> {
        let Plan { entries, .. } = plan(vec![image], vec![]);
        entries[0].behind().map(|behind| behind.text())
    }

    fn with_uploads(content: Option<&[u8]>, wanted: Option<u32>, next: Option<u32>) -> Observed {
        let mut image = observed(0, published(), state(content, false));
        image.uploads = Uploads {
            wanted: wanted.map(day),
            after_destination: next.map(day),
        };
        image
    }

    #[test]
    fn age_follows_from_uploads_and_is_unknown_without_them() {
        let text = |image| behind(image).unwrap_or_default();
        assert_eq!(
            text(with_uploads(Some(b"old"), Some(20), Some(3))),
            "behind since 2026-09-03 08:00 UTC"
        );
        assert_eq!(
            text(with_uploads(None, Some(20), None)),
            "behind at least since 2026-09-20 08:00 UTC"
        );
        assert_eq!(behind(with_uploads(None, None, None)), None);
        // It has the image.
        assert_eq!(behind(with_uploads(Some(b"new"), Some(20), Some(3))), None);
    }

    #[test]
    fn image_with_a_purged_manifest_was_complete_for_an_unknown_time() {
        let mut image = with_uploads(Some(b"new"), Some(20), None);
        if let Some(Ok(state)) = &mut image.destination {
            state.missing_child = Some(crate::name::Digest::sha256(b"child"));
        }
        assert_eq!(behind(image), None);
    }

    #[test]
    fn image_of_a_chart_is_as_old_as_its_build() {
        let known = chart_image("2.0", None, Some(2020), Some(2024));
        let text = "behind the image that was built 2024-06-01 00:00 UTC";
        assert_eq!(behind(known).as_deref(), Some(text));
        assert_eq!(behind(chart_image("2.0", None, Some(2020), None)), None);
    }
}
