//! The sentences about the tags that were not taken.

use super::sentences::{day, short};
use crate::config::TagRule;
use crate::discover::TagSelector;
use crate::discover::codecollections::StableTag;
use crate::observe::{PassedOver, PassedReason, PassedTag};
use crate::problem::Problem;

/// The tags that the search did not take.
pub(super) fn sentences(wanted: &TagSelector, passed: &Result<PassedOver, Problem>) -> Vec<String> {
    let (is_compared, prefers_versions) = match wanted {
        TagSelector::Rule(TagRule::Highest(_)) => (false, true),
        TagSelector::Rule(TagRule::Follow(tag)) => {
            (true, StableTag::following(tag).prefers_versions())
        }
        TagSelector::StableTag | TagSelector::Catalog(_) | TagSelector::Image { .. } => {
            (true, false)
        }
    };
    let passed = match passed {
        Ok(passed) => passed,
        Err(problem) => return vec![format!("The list of tags could not be read: {problem}.")],
    };
    let PassedOver {
        listed,
        shows_digests,
        may_be_cut,
        tags,
        more,
    } = passed;
    let sentence = |tag: &PassedTag| passed_tag(tag, prefers_versions);
    let mut sentences: Vec<_> = tags.iter().map(sentence).collect();
    match (*more, is_compared) {
        (0, _) => {}
        (more, true) => sentences.push(format!(
            "{more} more of the {listed} tags: other builds, branches and platforms."
        )),
        (more, false) => sentences.push(format!("{more} more of the {listed} tags.")),
    }
    if !shows_digests && *listed > 0 && is_compared {
        sentences.push(
            "The registry's list does not show digests, so the check compared the tags one by one."
                .to_owned(),
        );
    }
    if *may_be_cut {
        sentences.push("The registry may have more tags than it lists.".to_owned());
    }
    sentences
}

fn passed_tag(passed: &PassedTag, prefers_versions: bool) -> String {
    let PassedTag {
        tag,
        digest,
        uploaded,
        reason,
    } = passed;
    match reason {
        PassedReason::Alias => {
            format!(
                "{tag} has the same content, but the builds move it: it does not stay on one image."
            )
        }
        PassedReason::OtherForm if prefers_versions => {
            format!("{tag} has the same content, but a version of three numbers is preferred.")
        }
        PassedReason::OtherForm => {
            format!("{tag} has the same content, but a tag with the commit is preferred.")
        }
        PassedReason::LaterByName if prefers_versions => {
            format!(
                "{tag} has the same content; of several tags the highest version is taken, or else the first by name."
            )
        }
        PassedReason::LaterByName => {
            format!("{tag} has the same content; of several tags the first by name is taken.")
        }
        PassedReason::OtherContent => {
            let digest = digest.as_ref().map(short).unwrap_or_default();
            let uploaded = uploaded
                .map(|date| format!(", uploaded {}", day(date)))
                .unwrap_or_default();
            format!("{tag} is another image: {digest}{uploaded}.")
        }
        PassedReason::DigestNotListed => format!("{tag} has the right form and was not taken."),
        PassedReason::LowerVersion => format!("{tag} meets the rule and is lower."),
        PassedReason::NotWithin => {
            format!(
                "{tag} is not a version within the range; a pre-release is one only if the range has one."
            )
        }
        PassedReason::NotMatching => format!("{tag} does not match the pattern."),
        PassedReason::OneNumber => {
            format!("{tag} is a single number, which does not count next to versions of several.")
        }
        PassedReason::NotNumbers => {
            format!(
                "{tag} does not consist of numbers; give a pattern (matching) if it is a version."
            )
        }
    }
}
