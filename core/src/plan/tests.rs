use super::*;
use crate::codecollection;
use crate::discover::{Category, Desired};

fn observed(name: usize, source: Seen, destination: Option<Result<Standing, Problem>>) -> Observed {
    let source_at = codecollection::sources()[name].clone();
    let destination_at = format!("runwhen/{}", source_at.repository.last_segment())
        .parse()
        .unwrap();
    let desired = Desired {
        category: Category::CodeCollection,
        source: source_at,
        wanted: Wanted::StableTag,
        destination: destination_at,
        wanted_by: Vec::new(),
    };
    Observed {
        desired,
        source,
        destination,
    }
}

fn published() -> Seen {
    let tag: Tag = "main-abc1234".parse().unwrap();
    Seen::Published(Published {
        tag: Some(tag.clone()),
        target: tag,
        alias: None,
        digest: Digest::sha256(b"new"),
    })
}

fn standing(content: Option<&[u8]>, locked: bool) -> Option<Result<Standing, Problem>> {
    Some(Ok(Standing {
        digest: content.map(Digest::sha256),
        locked: locked.then(|| Problem::new(Party::Destination, Cause::Rejected, "it is locked")),
        alias_digest: None,
        neighbours: None,
    }))
}

/// An image of a chart whose dates decide; years, none where they are not known.
fn chart_image(
    tag: &str,
    at_tag: Option<&[u8]>,
    newest: Option<i32>,
    source: Option<i32>,
) -> Observed {
    let year = |year: i32| format!("{year}-06-01T00:00:00Z").parse().unwrap();
    let neighbours = Neighbours {
        same: None,
        newest: Some("1.0".parse().unwrap()),
        newest_age: newest.map(|date| Age::Built(year(date))),
        source_created: source.map(year),
        has_latest: false,
    };
    let tag: Tag = tag.parse().unwrap();
    let published = Published {
        tag: Some(tag.clone()),
        target: tag.clone(),
        alias: None,
        digest: Digest::sha256(b"new"),
    };
    let standing = Standing {
        digest: at_tag.map(Digest::sha256),
        locked: None,
        alias_digest: None,
        neighbours: Some(neighbours),
    };
    let mut image = observed(0, Seen::Published(published), Some(Ok(standing)));
    image.desired.category = Category::RunWhenLocal;
    image.desired.wanted = Wanted::Image {
        tag: Some(tag),
        digest: None,
    };
    image
}

fn neighbours(image: &mut Observed) -> &mut Neighbours {
    match &mut image.destination {
        Some(Ok(Standing {
            alias_digest: None,
            neighbours: Some(neighbours),
            ..
        })) => neighbours,
        _ => panic!("no neighbours"),
    }
}

fn verdict(image: Observed) -> &'static str {
    plan(vec![image], vec![]).entries[0].verdict.name()
}

fn problem() -> Problem {
    Problem::new(
        Party::Source,
        Cause::Unreachable,
        "GET https://x: connection refused",
    )
}

#[test]
fn verdicts_follow_from_digests() {
    for (source, destination, name) in [
        (published(), standing(Some(b"new"), false), "UpToDate"),
        (published(), standing(Some(b"old"), false), "Drifted"),
        (published(), standing(None, false), "Missing"),
        (published(), Some(Err(problem())), "Unknown"),
        (published(), None, "Unknown"),
        (Seen::NotPublished("no".into()), None, "NotPublished"),
        (Seen::Unknown(problem()), None, "Unknown"),
    ] {
        let plan = plan(vec![observed(0, source, destination)], vec![]);
        assert_eq!(plan.entries[0].verdict.name(), name);
        assert_eq!(
            plan.actions().count(),
            usize::from(plan.entries[0].verdict.needs_sync()),
            "{name}"
        );
    }
}

#[test]
fn a_locked_tag_is_told_before_the_import() {
    let plan = plan(
        vec![observed(0, published(), standing(Some(b"old"), true))],
        vec![],
    );
    assert!(
        matches!(&plan.entries[0].step, Step::Blocked(problem) if problem.to_string().contains("locked"))
    );
    assert_eq!(plan.actions().count(), 0);
    assert!(plan.entries[0].verdict.needs_sync());
}

#[test]
fn an_action_knows_what_its_tags_pointed_at() {
    let replaced = |standing| {
        let plan = plan(vec![observed(1, published(), standing)], vec![]);
        let (_, action) = plan.actions().next().unwrap();
        action.replaced.clone()
    };
    assert_eq!(replaced(standing(None, false)), []);
    let old = Digest::sha256(b"old");
    assert_eq!(replaced(standing(Some(b"old"), false)), [old]);
}

#[test]
fn an_action_pins_the_digest_and_names_the_tag() {
    let plan = plan(
        vec![observed(1, published(), standing(None, false))],
        vec![],
    );
    let (_, action) = plan.actions().next().unwrap();
    assert!(
        action
            .source
            .to_string()
            .ends_with(Digest::sha256(b"new").as_str())
    );
    assert_eq!(
        action.targets[0].0.as_str(),
        "runwhen/runwhen-contrib-rw-cli-codecollection"
    );
    assert_eq!(action.targets[0].1.as_str(), "main-abc1234");
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let images = || {
        (0..5)
            .map(|name| observed(name, published(), standing(None, false)))
            .collect::<Vec<_>>()
    };
    let mut reversed = images();
    reversed.reverse();
    assert_eq!(plan(images(), vec![]), plan(reversed, vec![]));
}

#[test]
fn digests_decide_before_dates_and_dates_only_where_both_are_known() {
    let old: Option<&[u8]> = Some(b"old");
    assert_eq!(
        verdict(chart_image("2.0", None, Some(2024), Some(2025))),
        "Outdated"
    );
    assert_eq!(
        verdict(chart_image("2.0", old, Some(2024), Some(2025))),
        "Outdated"
    );
    assert_eq!(
        verdict(chart_image("2.0", None, Some(2025), Some(2024))),
        "UpToDate"
    );
    assert_eq!(
        verdict(chart_image("2.0", None, Some(2025), Some(2025))),
        "UpToDate"
    );
    assert_eq!(
        verdict(chart_image("2.0", Some(b"new"), Some(2024), Some(2025))),
        "UpToDate"
    );
    // An image that is older than what has its tag is not outdated, and not the same either.
    assert_eq!(
        verdict(chart_image("2.0", old, Some(2025), Some(2024))),
        "Drifted"
    );
    for (newest, source) in [(None, Some(2025)), (Some(2025), None), (None, None)] {
        assert_eq!(verdict(chart_image("2.0", None, newest, source)), "Missing");
        assert_eq!(verdict(chart_image("2.0", old, newest, source)), "Drifted");
    }
}

#[test]
fn what_was_built_after_the_newest_tag_was_set_is_newer() {
    let mut image = chart_image("2.0", Some(b"old"), None, Some(2025));
    neighbours(&mut image).newest_age = Some(Age::Set("2024-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(verdict(image), "Outdated");
}

#[test]
fn the_same_content_under_another_tag_is_up_to_date() {
    let mut image = chart_image("20260101000000", None, Some(2020), Some(2025));
    neighbours(&mut image).same = Some("20251231000000".parse().unwrap());
    assert_eq!(verdict(image), "UpToDate");
}

#[test]
fn tags_that_sort_wrongly_are_mentioned() {
    let note = |image| {
        plan(vec![image], vec![]).entries[0]
            .note
            .clone()
            .unwrap_or_default()
    };
    assert!(note(chart_image("latest", None, None, None)).contains("USE_DATE_TAG"));
    let mut image = chart_image("2.0", None, None, None);
    neighbours(&mut image).has_latest = true;
    assert!(note(image).contains("remove it"));
    assert_eq!(note(chart_image("2.0", None, None, None)), "");
}

#[test]
fn two_images_cannot_have_one_tag() {
    let (one, mut other) = (
        chart_image("2.0", None, None, None),
        chart_image("2.0", None, None, None),
    );
    other.desired.source = codecollection::sources()[1].clone();
    other.desired.wanted_by = vec!["b".to_owned()];
    let same = plan(vec![one.clone(), other.clone()], vec![]);
    assert_eq!((same.entries.len(), same.actions().count()), (1, 1));
    assert_eq!(same.entries[0].observed.desired.wanted_by, ["b"]);
    if let Seen::Published(published) = &mut other.source {
        published.digest = Digest::sha256(b"other");
    }
    let both = plan(vec![one, other], vec![]);
    assert_eq!((both.entries.len(), both.actions().count()), (2, 1));
    assert!(matches!(&both.entries[1].step, Step::Blocked(_)));
}

#[test]
fn the_alias_is_kept_on_the_same_digest_in_the_same_import() {
    let with_alias = |at_tag: &[u8], at_alias: Option<&[u8]>| {
        let mut image = observed(0, published(), standing(Some(at_tag), false));
        if let Seen::Published(published) = &mut image.source {
            published.alias = Some("main-latest".parse().unwrap());
        }
        if let Some(Ok(standing)) = &mut image.destination {
            standing.alias_digest = at_alias.map(Digest::sha256);
        }
        plan(vec![image], vec![])
    };
    assert_eq!(
        with_alias(b"new", Some(b"new")).entries[0].verdict.name(),
        "UpToDate"
    );
    for (at_alias, name) in [(None, "Missing"), (Some(&b"old"[..]), "Drifted")] {
        let plan = with_alias(b"new", at_alias);
        assert_eq!(plan.entries[0].verdict.name(), name);
        assert!(
            plan.entries[0].reason.contains("main-latest"),
            "{}",
            plan.entries[0].reason
        );
        let (_, action) = plan.actions().next().unwrap();
        let tags: Vec<_> = action.targets.iter().map(|(_, tag)| tag.as_str()).collect();
        assert_eq!(tags, ["main-abc1234", "main-latest"]);
    }
}
