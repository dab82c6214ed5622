//! Finds what refers to an image: signatures, SBOMs and other artifacts.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::graph;
use crate::name::{Digest, Tag};
use crate::problem::Problem;
use crate::registry::{Content, Referrer, cosign_tags};

/// The most artifacts of one manifest, and the most manifests whose artifacts are read for an image.
const MOST: usize = 200;

/// An artifact that refers to a manifest.
pub(crate) struct Attached {
    pub subject: Digest,
    pub digest: Digest,
    pub by: AttachedBy,
}

/// How an artifact is found.
pub(crate) enum AttachedBy {
    /// In the list of a registry.
    List(Referrer),
    /// By a tag of cosign.
    Tag(Tag),
}

/// The artifacts of an image, and if it has any, those of its platforms' manifests and of the artifacts. Also the problems of
/// those that are not known.
pub(crate) async fn attached(content: &Content, image: &Digest) -> (Vec<Attached>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut found = of(content, image, &mut problems).await;
    if found.is_empty() {
        return (found, problems);
    }
    let mut subjects: Vec<_> = found.iter().map(|one| one.digest.clone()).collect();
    match graph::read(content, image).await {
        Ok(graph) => subjects.extend(graph.nodes().map(|node| node.manifest.digest.clone())),
        Err(problem) => problems.push(problem),
    }
    let mut seen = BTreeSet::from([image.clone()]);
    while let Some(subject) = subjects.pop() {
        if seen.contains(&subject) {
            continue;
        }
        if seen.len() == MOST {
            problems.push(too_many(content, image));
            break;
        }
        let more = of(content, &subject, &mut problems).await;
        subjects.extend(more.iter().map(|one| one.digest.clone()));
        found.extend(more);
        seen.insert(subject);
    }
    (found, problems)
}

/// The artifacts of one manifest.
async fn of(content: &Content, subject: &Digest, problems: &mut Vec<Problem>) -> Vec<Attached> {
    let tags = cosign_tags(subject);
    let tagged = join_all(tags.iter().map(|tag| content.attached_by(subject, tag)));
    let (listed, tagged) = tokio::join!(content.referrers(subject), tagged);
    let mut found = Vec::new();
    for (tag, digest) in tags.iter().zip(tagged) {
        match digest {
            Ok(Some(digest)) => found.push(Attached {
                subject: subject.clone(),
                digest,
                by: AttachedBy::Tag(tag.clone()),
            }),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    match listed {
        Ok(listed) => {
            if listed.len() > MOST {
                problems.push(too_many(content, subject));
            }
            found.extend(listed.into_iter().take(MOST).map(|referrer| Attached {
                subject: subject.clone(),
                digest: referrer.digest.clone(),
                by: AttachedBy::List(referrer),
            }));
        }
        Err(problem) => problems.push(problem),
    }
    found
}

fn too_many(content: &Content, subject: &Digest) -> Problem {
    let what = format!("has too many signatures and other artifacts: at most {MOST} are read");
    content.invalid(subject, &what)
}
