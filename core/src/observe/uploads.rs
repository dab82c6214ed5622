//! When Google received the images of a branch, from the list of tags that is read anyway.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

use super::{DestinationState, SourceImage, Uploads};
use crate::discover::codecollections::{Choice, StableTag};
use crate::name::Digest;
use crate::registry::TagList;

/// The images of a branch that are kept, the newest ones: a destination is seldom further behind.
const MOST_KEPT: usize = 32;

/// The newest images of a branch with the times of their uploads, in milliseconds since 1970.
#[derive(Default)]
pub(super) struct History {
    newest: Vec<(u64, Digest)>,
    /// The upload of the wanted image.
    wanted: Option<u64>,
}

impl History {
    /// The images with a tag of the first choice. Empty for a list without times.
    pub(super) fn of(list: &TagList, rule: &StableTag, wanted: Option<&SourceImage>) -> Self {
        let Some(wanted) = wanted else {
            return Self::default();
        };
        let mut newest: BinaryHeap<Reverse<(u64, Digest)>> = BinaryHeap::new();
        let mut upload = None;
        for tag in list.tags().filter(|tag| tag.uploaded > 0) {
            if tag.text == wanted.target.as_str() && tag.digest().as_ref() == Some(&wanted.digest) {
                upload = Some(tag.uploaded);
            }
            let is_full = newest.len() == MOST_KEPT;
            let oldest = newest.peek().map_or(0, |Reverse((uploaded, _))| *uploaded);
            if rule.rank_text(tag.text) != Some(Choice::First) || is_full && tag.uploaded <= oldest
            {
                continue;
            }
            if let Some(digest) = tag.digest() {
                newest.push(Reverse((tag.uploaded, digest)));
                if newest.len() > MOST_KEPT {
                    newest.pop();
                }
            }
        }
        Self {
            newest: newest.into_iter().map(|Reverse(image)| image).collect(),
            wanted: upload,
        }
    }

    /// The times that decide since when a destination lacks an image. Those that are not plausible are left out.
    pub(super) fn uploads(
        &self,
        destination: Option<&DestinationState>,
        is_plausible: impl Fn(DateTime<Utc>) -> bool,
    ) -> Uploads {
        let date = |milliseconds: u64| {
            let date = i64::try_from(milliseconds).ok();
            date.and_then(DateTime::from_timestamp_millis)
                .filter(|date| is_plausible(*date))
        };
        let Some(wanted) = self.wanted else {
            return Uploads::default();
        };
        // The branch was moved back to an older image, at a time that is not known.
        if self.newest.iter().any(|(uploaded, _)| *uploaded > wanted) {
            return Uploads::default();
        }
        let has = |digest: &Digest| {
            destination.is_some_and(|state| {
                [&state.digest, &state.alias_digest].contains(&&Some(digest.clone()))
            })
        };
        let here = self.newest.iter().filter(|(_, digest)| has(digest));
        let here = here.map(|(uploaded, _)| *uploaded).max();
        let next = here.and_then(|here| {
            let later = self.newest.iter().map(|(uploaded, _)| *uploaded);
            later.filter(|uploaded| *uploaded > here).min()
        });
        Uploads {
            wanted: date(wanted),
            after_destination: next.and_then(date),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600 * 1000;

    fn digest(day: u64) -> Digest {
        Digest::sha256(&day.to_be_bytes())
    }

    fn wanted(day: u64) -> SourceImage {
        SourceImage {
            tag: None,
            target: format!("main-{day:07}").parse().unwrap(),
            alias: None,
            digest: digest(day),
            follows: None,
        }
    }

    /// A repository whose images were uploaded on these days of 1970.
    fn history(days: &[u64], wanted_day: u64) -> History {
        let entries = days.iter().map(|day| {
            format!(
                r#""{}":{{"tag":["main-{day:07}"],"timeUploadedMs":"{}"}}"#,
                digest(*day),
                day * DAY
            )
        });
        let entries: Vec<_> = entries.collect();
        let body = format!(r#"{{"tags":[],"manifest":{{{}}}}}"#, entries.join(","));
        let rule = StableTag::new(&"main".parse().unwrap());
        History::of(&TagList::of_page(&body), &rule, Some(&wanted(wanted_day)))
    }

    fn state(digest: Option<u64>, alias: Option<u64>) -> DestinationState {
        DestinationState {
            digest: digest.map(self::digest),
            alias_digest: alias.map(self::digest),
            ..DestinationState::default()
        }
    }

    /// The days of the wanted image and of the first one after the destination's.
    fn days(history: &History, state: &DestinationState) -> (Option<u64>, Option<u64>) {
        let day = |date: DateTime<Utc>| date.timestamp_millis() as u64 / DAY;
        let uploads = history.uploads(Some(state), |_| true);
        (uploads.wanted.map(day), uploads.after_destination.map(day))
    }

    #[test]
    fn first_image_after_that_of_the_destination_is_found() {
        let history = history(&[10, 20, 30, 40], 40);
        assert_eq!(days(&history, &state(None, None)), (Some(40), None));
        assert_eq!(days(&history, &state(Some(10), None)), (Some(40), Some(20)));
        // Its alias shows which image it has.
        assert_eq!(days(&history, &state(None, Some(20))), (Some(40), Some(30)));
        // Content that the source does not have.
        assert_eq!(days(&history, &state(Some(99), None)), (Some(40), None));
    }

    #[test]
    fn time_is_unknown_after_a_branch_was_moved_back_and_without_times() {
        assert_eq!(
            days(&history(&[10, 20, 30], 20), &state(Some(30), None)),
            (None, None)
        );
        assert_eq!(days(&history(&[], 20), &state(None, None)), (None, None));
        let implausible = history(&[10, 20], 20).uploads(None, |_| false);
        assert_eq!(implausible, Uploads::default());
    }

    #[test]
    fn only_the_newest_images_are_kept() {
        let all: Vec<u64> = (1..=1_000).collect();
        let history = history(&all, 1_000);
        assert_eq!(history.newest.len(), MOST_KEPT);
        assert_eq!(
            days(&history, &state(Some(990), None)),
            (Some(1_000), Some(991))
        );
        assert_eq!(days(&history, &state(Some(5), None)), (Some(1_000), None));
    }
}
