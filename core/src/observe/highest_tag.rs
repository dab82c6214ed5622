//! Finds the tag that a rule chooses among the tags of a repository: the list, and one HEAD unless the list shows the digest.

use super::{Follows, SourceImage, SourceState};
use crate::config::HighestTag;
use crate::discover::Absence;
use crate::discover::tag_choice::ranked;
use crate::name::{Digest, ImageName, Tag};
use crate::problem::{Cause, Problem, Side};
use crate::registry::{RegistryClient, TagList};

const CORRECT: &str = "correct the rule in EXTRA_IMAGES";

/// The tag that a rule chooses.
pub(crate) struct HighestChoice {
    pub tag: Tag,
    /// None if the list does not show it.
    pub digest: Option<Digest>,
    /// How many tags meet the rule.
    pub matches: usize,
}

/// The image that the rule chooses now.
pub(super) async fn highest_tag(
    client: &RegistryClient,
    source: &ImageName,
    rule: &HighestTag,
) -> Result<SourceState, Problem> {
    let HighestChoice {
        tag,
        digest,
        matches,
    } = match choose(client, source, rule).await? {
        Ok(choice) => choice,
        Err(absence) => return Ok(SourceState::NotPublished(absence)),
    };
    let digest = match digest {
        Some(digest) => digest,
        None => match client.resolve(&source.repository, &tag).await? {
            Some(digest) => digest,
            None => {
                let what = format!("{source}:{tag} was listed, but does not exist");
                return Err(Problem::new(Side::Source, Cause::NotFound, what)
                    .advise("the tag may have just been removed: run again"));
            }
        },
    };
    Ok(SourceState::Published(SourceImage {
        tag: Some(tag.clone()),
        target: tag,
        alias: None,
        digest,
        follows: Some(Follows::Highest {
            rule: rule.clone(),
            matches,
        }),
    }))
}

/// The tag that the rule chooses, or why there is none.
///
/// # Errors
/// If the list cannot be read or trusted: a part of it could lead to an older tag.
pub(crate) async fn choose(
    client: &RegistryClient,
    source: &ImageName,
    rule: &HighestTag,
) -> Result<Result<HighestChoice, Absence>, Problem> {
    let Some(list) = client.tags(&source.repository).await? else {
        too_few(0, source, rule)?;
        return Err(client.hidden(source));
    };
    if list.may_be_cut() {
        let what = format!(
            "the list of {} tags of {source} may be truncated, so its highest {rule} is not known",
            list.count()
        );
        return Err(Problem::new(Side::Source, Cause::Invalid, what)
            .advise("name the tag in EXTRA_IMAGES (tag), or follow one (follow)"));
    }
    let tags = ranked(rule, list.tags().map(|tag| tag.text));
    let matches = tags.len();
    too_few(matches, source, rule)?;
    let chosen = tags.first().and_then(|tag| tag.parse::<Tag>().ok());
    Ok(match chosen {
        Some(tag) => Ok(HighestChoice {
            digest: list.digest_of(&tag),
            tag,
            matches,
        }),
        None => Err(absent(source, rule, &list)),
    })
}

/// An error if there are fewer matches than the rule requires. A repository that is reported as absent has none.
fn too_few(matches: usize, source: &ImageName, rule: &HighestTag) -> Result<(), Problem> {
    let Some(minimum) = rule.minimum.filter(|minimum| matches < *minimum) else {
        return Ok(());
    };
    let what = format!(
        "{source} has {}, and at least {minimum} {} required",
        found(matches, rule),
        if minimum == 1 { "is" } else { "are" }
    );
    Err(Problem::new(Side::Source, Cause::NotFound, what).advise(
        "correct the rule in EXTRA_IMAGES, lower minimum if tags were removed on purpose, or run again",
    ))
}

/// `2 tags of the rule "version within >=1"`.
fn found(count: usize, rule: &HighestTag) -> String {
    let noun = if count == 1 { "tag" } else { "tags" };
    format!("{count} {noun} of the rule \"{rule}\"")
}

fn absent(source: &ImageName, rule: &HighestTag, list: &TagList) -> Absence {
    let count = list.count();
    Absence {
        reason: match count {
            0 => format!("No {rule} found in {source}: the repository is empty"),
            _ => format!("No {rule} found in {source}, which has {count} tags"),
        },
        advice: CORRECT.to_owned(),
    }
}
