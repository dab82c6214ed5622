use super::*;
use crate::config::{TagRule, codecollections};
use crate::discover::{Absence, Category, Desired, TagSelector};
use crate::name::{Digest, Tag};
use crate::observe::{TagAge, Uploads};
use crate::problem::{Cause, Problem, Side};

/// The plan, which is the same after it was written as JSON and read again.
fn plan(observed: Vec<Observed>, undiscovered: Vec<Undiscovered>) -> Plan {
    let plan = super::plan(observed, undiscovered);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan, "{text}");
    plan
}

#[test]
fn name_that_is_not_valid_is_refused_in_a_plan() {
    let plan = plan(
        vec![observed(0, published(), state(Some(b"old"), false))],
        vec![],
    );
    let text = serde_json::to_string(&plan).unwrap();
    let digest = Digest::sha256(b"new").to_string();
    for (name, other) in [
        ("main-abc1234", "-x"),
        ("runwhen/", "Runwhen/"),
        (digest.as_str(), "sha256:12"),
        ("us-west1-docker.pkg.dev/", "us_west/"),
    ] {
        assert!(text.contains(name), "{name} in {text}");
        let changed = text.replace(name, other);
        assert!(serde_json::from_str::<Plan>(&changed).is_err(), "{other}");
    }
}

pub(crate) fn observed(
    name: usize,
    source: SourceState,
    destination: Option<Result<DestinationState, Problem>>,
) -> Observed {
    let source_at = codecollections::published_by_runwhen()[name].clone();
    let destination_at = format!("runwhen/{}", source_at.repository.last_segment())
        .parse()
        .unwrap();
    let desired = Desired {
        category: Category::CodeCollection,
        source: source_at,
        wanted: TagSelector::StableTag,
        destination: destination_at,
        wanted_by: Vec::new(),
        needs_its_tag: false,
    };
    Observed {
        desired,
        source,
        destination,
        uploads: Uploads::default(),
    }
}

fn absence() -> Absence {
    Absence {
        reason: "no".to_owned(),
        advice: "check REF".to_owned(),
    }
}

pub(crate) fn published() -> SourceState {
    let tag: Tag = "main-abc1234".parse().unwrap();
    SourceState::Published(SourceImage {
        tag: Some(tag.clone()),
        target: tag,
        alias: None,
        digest: Digest::sha256(b"new"),
        follows: None,
    })
}

pub(crate) fn state(
    content: Option<&[u8]>,
    locked: bool,
) -> Option<Result<DestinationState, Problem>> {
    Some(Ok(DestinationState {
        digest: content.map(Digest::sha256),
        locked: locked.then(|| Problem::new(Side::Destination, Cause::Rejected, "it is locked")),
        alias_digest: None,
        missing_child: None,
        repository_tags: None,
    }))
}

/// An image of a chart whose dates decide. The dates are years; `None` if they are not known.
pub(crate) fn chart_image(
    tag: &str,
    at_tag: Option<&[u8]>,
    newest: Option<i32>,
    source: Option<i32>,
) -> Observed {
    let year = |year: i32| format!("{year}-06-01T00:00:00Z").parse().unwrap();
    let repository_tags = RepositoryTags {
        same: None,
        newest: Some("1.0".parse().unwrap()),
        newest_age: newest.map(|date| TagAge::BuiltAt(year(date))),
        source_created: source.map(year),
        has_latest: false,
    };
    let tag: Tag = tag.parse().unwrap();
    let published = SourceImage {
        tag: Some(tag.clone()),
        target: tag.clone(),
        alias: None,
        digest: Digest::sha256(b"new"),
        follows: None,
    };
    let state = DestinationState {
        digest: at_tag.map(Digest::sha256),
        locked: None,
        alias_digest: None,
        missing_child: None,
        repository_tags: Some(repository_tags),
    };
    let mut image = observed(0, SourceState::Published(published), Some(Ok(state)));
    image.desired.category = Category::RunWhenLocal;
    image.desired.wanted = TagSelector::Image {
        tag: Some(tag.clone()),
        digest: None,
        target: tag,
    };
    image
}

fn repository_tags(image: &mut Observed) -> &mut RepositoryTags {
    match &mut image.destination {
        Some(Ok(DestinationState {
            repository_tags: Some(repository_tags),
            ..
        })) => repository_tags,
        _ => panic!("no other tags"),
    }
}

fn verdict(image: Observed) -> &'static str {
    plan(vec![image], vec![]).entries[0].verdict.name()
}

fn problem() -> Problem {
    Problem::new(
        Side::Source,
        Cause::Unreachable,
        "GET https://x: connection refused",
    )
}

#[test]
fn verdicts_follow_from_digests() {
    for (source, destination, name) in [
        (published(), state(Some(b"new"), false), "UpToDate"),
        (published(), state(Some(b"old"), false), "Drifted"),
        (published(), state(None, false), "Missing"),
        (published(), Some(Err(problem())), "Unknown"),
        (published(), None, "Unknown"),
        (SourceState::NotPublished(absence()), None, "NotPublished"),
        (SourceState::Unknown(problem()), None, "Unknown"),
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
fn locked_tag_blocks_the_import() {
    let plan = plan(
        vec![observed(0, published(), state(Some(b"old"), true))],
        vec![],
    );
    assert!(
        matches!(&plan.entries[0].step, Step::Blocked(problem) if problem.to_string().contains("locked"))
    );
    assert_eq!(plan.actions().count(), 0);
    assert!(plan.entries[0].verdict.needs_sync());
}

#[test]
fn action_contains_the_replaced_digests() {
    let replaced = |state| {
        let plan = plan(vec![observed(1, published(), state)], vec![]);
        let action = plan.actions().next().unwrap();
        action.replaced.clone()
    };
    assert_eq!(replaced(state(None, false)), []);
    let old = Digest::sha256(b"old");
    assert_eq!(replaced(state(Some(b"old"), false)), [old]);
}

#[test]
fn action_pins_the_digest_and_names_the_tag() {
    let plan = plan(vec![observed(1, published(), state(None, false))], vec![]);
    let action = plan.actions().next().unwrap();
    assert!(
        action
            .source
            .to_string()
            .ends_with(Digest::sha256(b"new").as_str())
    );
    assert_eq!(
        action.targets[0].repository.as_str(),
        "runwhen/runwhen-contrib-rw-cli-codecollection"
    );
    assert_eq!(action.targets[0].tag.as_str(), "main-abc1234");
}

#[test]
fn order_of_the_input_does_not_change_the_plan() {
    let images = || {
        (0..5)
            .map(|name| observed(name, published(), state(None, false)))
            .collect::<Vec<_>>()
    };
    let mut reversed = images();
    reversed.reverse();
    assert_eq!(plan(images(), vec![]), plan(reversed, vec![]));
}

#[test]
fn dates_do_not_make_a_named_tag_up_to_date() {
    let old: Option<&[u8]> = Some(b"old");
    let new: Option<&[u8]> = Some(b"new");
    let (none, y24, y25) = (None, Some(2024), Some(2025));
    for (at_tag, newest, source, name) in [
        (None, y24, y25, "Outdated"),
        (old, y24, y25, "Outdated"),
        (None, y25, y24, "Missing"),
        (None, y25, y25, "Missing"),
        (old, y25, y24, "Drifted"),
        (new, y24, y25, "UpToDate"),
        (new, y25, y24, "UpToDate"),
        (None, none, y25, "Missing"),
        (None, y25, none, "Missing"),
        (None, none, none, "Missing"),
        (old, none, y25, "Drifted"),
        (old, y25, none, "Drifted"),
    ] {
        let image = chart_image("2.0", at_tag, newest, source);
        assert_eq!(verdict(image), name, "{at_tag:?} {newest:?} {source:?}");
    }
}

#[test]
fn dates_alone_decide_only_for_latest() {
    let latest = |at_tag, newest, source| chart_image("latest", at_tag, newest, source);
    assert_eq!(verdict(latest(None, Some(2025), Some(2024))), "UpToDate");
    assert_eq!(verdict(latest(None, Some(2025), Some(2025))), "UpToDate");
    assert_eq!(verdict(latest(None, Some(2024), Some(2025))), "Outdated");
    assert_eq!(verdict(latest(None, None, Some(2025))), "Missing");
    let old: Option<&[u8]> = Some(b"old");
    assert_eq!(verdict(latest(old, Some(2025), Some(2024))), "Drifted");
    // An image that is pinned by digest is not the newest one of its repository.
    let mut pinned = latest(None, Some(2025), Some(2024));
    if let TagSelector::Image { digest, .. } = &mut pinned.desired.wanted {
        *digest = Some(Digest::sha256(b"new"));
    }
    assert_eq!(verdict(pinned), "Missing");
}

#[test]
fn missing_child_is_drifted_and_imported_again() {
    for at_tag in [Some(&b"new"[..]), None] {
        let mut image = chart_image("2.0", at_tag, None, None);
        repository_tags(&mut image).same = Some("1.0".parse().unwrap());
        if let Some(Ok(state)) = &mut image.destination {
            state.missing_child = Some(Digest::sha256(b"child"));
        }
        assert!(image.needs_sync());
        let plan = plan(vec![image], vec![]);
        assert_eq!(plan.entries[0].verdict.name(), "Drifted");
        assert_eq!(plan.actions().count(), 1);
    }
}

#[test]
fn source_built_after_the_push_of_the_newest_tag_is_outdated() {
    let mut image = chart_image("2.0", Some(b"old"), None, Some(2025));
    repository_tags(&mut image).newest_age =
        Some(TagAge::PushedAt("2024-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(verdict(image), "Outdated");
}

#[test]
fn same_content_under_another_tag_is_up_to_date() {
    let mut image = chart_image("20260101000000", None, Some(2020), Some(2025));
    repository_tags(&mut image).same = Some("20251231000000".parse().unwrap());
    assert_eq!(verdict(image), "UpToDate");
}

#[test]
fn extra_image_without_its_tag_is_missing_whatever_else_the_repository_has() {
    let extra = |tag, at_tag, newest, source| {
        let mut image = chart_image(tag, at_tag, newest, source);
        image.desired.needs_its_tag = true;
        image
    };
    let old: Option<&[u8]> = Some(b"old");
    for (at_tag, newest, source, name) in [
        (None, Some(2025), Some(2024), "Missing"),
        (None, Some(2024), Some(2025), "Missing"),
        (old, Some(2024), Some(2025), "Drifted"),
        (Some(&b"new"[..]), Some(2025), Some(2024), "UpToDate"),
    ] {
        for tag in ["latest", "2.0"] {
            let image = extra(tag, at_tag, newest, source);
            assert_eq!(verdict(image), name, "{tag} {at_tag:?} {newest:?}");
        }
        let mut ruled = extra("2.0", at_tag, newest, source);
        ruled.desired.wanted = TagSelector::Rule(TagRule::Follow("stable".parse().unwrap()));
        assert_eq!(verdict(ruled), name, "{at_tag:?} {newest:?}");
    }
    let mut elsewhere = extra("2.0", None, None, None);
    repository_tags(&mut elsewhere).same = Some("1.0".parse().unwrap());
    let plan = plan(vec![elsewhere.clone()], vec![]);
    assert_eq!(plan.entries[0].verdict.name(), "Missing");
    assert_eq!(plan.actions().count(), 1);
    // The tag is a date, which is never in the registry.
    if let SourceState::Published(published) = &mut elsewhere.source {
        published.target = "20260101000000".parse().unwrap();
    }
    assert_eq!(verdict(elsewhere), "UpToDate");
}

#[test]
fn latest_that_sorts_above_every_version_is_noted() {
    let note = |image| {
        plan(vec![image], vec![]).entries[0]
            .note
            .clone()
            .unwrap_or_default()
    };
    assert!(note(chart_image("latest", None, None, None)).contains("USE_DATE_TAG"));
    let mut image = chart_image("2.0", None, None, None);
    repository_tags(&mut image).has_latest = true;
    assert!(note(image).contains("remove the tag latest"));
    assert_eq!(note(chart_image("2.0", None, None, None)), "");
}

/// An image of another source that wants tag `2.0` of the same repository, with these contents at the source and in
/// the ACR.
fn rival(number: usize, content: &[u8], at_tag: Option<&[u8]>) -> Observed {
    let mut image = chart_image("2.0", at_tag, None, None);
    image.desired.source = codecollections::published_by_runwhen()[number].clone();
    image.desired.wanted_by = vec![format!("rival {number}")];
    if let SourceState::Published(published) = &mut image.source {
        published.digest = Digest::sha256(content);
    }
    image
}

/// The verdicts of a plan without imports, in the order of the sources.
fn refused(images: Vec<Observed>) -> Vec<&'static str> {
    let plan = plan(images, vec![]);
    assert_eq!(plan.actions().count(), 0);
    let steps = plan.entries.iter().map(|entry| &entry.step);
    assert!(steps.into_iter().all(|step| *step == Step::Nothing));
    plan.entries
        .iter()
        .map(|entry| entry.verdict.name())
        .collect()
}

#[test]
fn same_content_from_two_sources_is_one_image() {
    let plan = plan(vec![rival(0, b"a", None), rival(1, b"a", None)], vec![]);
    assert_eq!((plan.entries.len(), plan.actions().count()), (1, 1));
    let wanted_by = &plan.entries[0].observed.desired.wanted_by;
    assert_eq!(*wanted_by, ["rival 0", "rival 1"]);
}

#[test]
fn one_tag_with_two_digests_is_a_conflict_whatever_the_destination_has() {
    for at_tag in [None, Some(&b"a"[..]), Some(b"b"), Some(b"c")] {
        let both = vec![rival(0, b"a", at_tag), rival(1, b"b", at_tag)];
        assert_eq!(refused(both), ["Unknown", "Unknown"]);
        // A third image with the same content is not merged into one of them.
        let three = vec![
            rival(0, b"a", at_tag),
            rival(1, b"b", at_tag),
            rival(2, b"a", at_tag),
        ];
        assert_eq!(refused(three), ["Unknown", "Unknown", "Unknown"]);
    }
    let both = plan(vec![rival(0, b"a", None), rival(1, b"b", None)], vec![]);
    let Verdict::Unknown(problem) = &both.entries[0].verdict else {
        panic!("not unknown")
    };
    assert_eq!(problem.cause, Cause::Configuration);
    assert!(problem.what.contains("conflict") && problem.what.contains(":2.0"));
}

#[test]
fn rival_that_cannot_be_read_makes_both_unknown() {
    let mut unread = rival(1, b"b", None);
    unread.source = SourceState::Unknown(problem());
    unread.destination = None;
    let images = vec![rival(0, b"a", Some(b"a")), unread.clone()];
    assert_eq!(refused(images.clone()), ["Unknown", "Unknown"]);
    // The cause is the failure of the source, not a wrong setting.
    let unknown = plan(images, vec![]).entries.remove(0).verdict;
    assert!(matches!(unknown, Verdict::Unknown(problem) if problem.cause == Cause::Unreachable));
    // An image that is pinned to the same digest is the same image.
    if let TagSelector::Image { digest, .. } = &mut unread.desired.wanted {
        *digest = Some(Digest::sha256(b"a"));
    }
    let plan = plan(vec![rival(0, b"a", None), unread], vec![]);
    assert_eq!(plan.actions().count(), 1);
}

#[test]
fn rival_that_is_not_published_is_not_in_conflict() {
    let mut absent = rival(1, b"b", None);
    absent.source = SourceState::NotPublished(absence());
    let plan = plan(vec![rival(0, b"a", None), absent], vec![]);
    assert_eq!(plan.actions().count(), 1);
}

#[test]
fn alias_can_be_in_conflict() {
    let mut stable = observed(0, published(), state(None, false));
    if let SourceState::Published(published) = &mut stable.source {
        published.alias = Some("2.0".parse().unwrap());
    }
    let mut image = rival(0, b"other", None);
    image.desired.destination = stable.desired.destination.clone();
    assert_eq!(refused(vec![stable, image]), ["Unknown", "Unknown"]);
}

#[test]
fn tags_that_differ_in_case_are_two_tags() {
    let mut upper = rival(1, b"b", None);
    if let SourceState::Published(published) = &mut upper.source {
        published.target = "2.0-RC".parse().unwrap();
    }
    let mut lower = rival(0, b"a", None);
    if let SourceState::Published(published) = &mut lower.source {
        published.target = "2.0-rc".parse().unwrap();
    }
    assert_eq!(plan(vec![upper, lower], vec![]).actions().count(), 2);
}

#[test]
fn alias_is_set_by_the_same_import() {
    let with_alias = |at_tag: &[u8], at_alias: Option<&[u8]>| {
        let mut image = observed(0, published(), state(Some(at_tag), false));
        if let SourceState::Published(published) = &mut image.source {
            published.alias = Some("main-latest".parse().unwrap());
        }
        if let Some(Ok(state)) = &mut image.destination {
            state.alias_digest = at_alias.map(Digest::sha256);
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
            plan.entries[0].reason().contains("main-latest"),
            "{}",
            plan.entries[0].reason()
        );
        let action = plan.actions().next().unwrap();
        let tags: Vec<_> = action
            .targets
            .iter()
            .map(|target| target.tag.as_str())
            .collect();
        assert_eq!(tags, ["main-abc1234", "main-latest"]);
    }
}

#[test]
fn tag_that_another_import_overwrites_is_not_the_same_image() {
    // The chart wants 1.35 and 1.36, and the ACR has the content of 1.36 under the tag 1.35 only.
    let older = chart_image("1.35", Some(b"newer"), None, None);
    let mut newer = chart_image("1.36", None, None, None);
    if let SourceState::Published(published) = &mut newer.source {
        published.digest = Digest::sha256(b"newer");
    }
    repository_tags(&mut newer).same = Some("1.35".parse().unwrap());
    let verdicts = |images: Vec<Observed>| {
        let plan = plan(images, vec![]);
        let names = plan.entries.iter().map(|entry| entry.verdict.name());
        (names.collect::<Vec<_>>(), plan.actions().count())
    };
    assert_eq!(
        verdicts(vec![older, newer.clone()]),
        (vec!["Drifted", "Missing"], 2)
    );
    assert_eq!(verdicts(vec![newer]), (vec!["UpToDate"], 0));
}

#[test]
fn pinned_digest_that_is_not_published_is_in_conflict_with_the_tag() {
    let mut pinned = rival(1, b"b", None);
    pinned.source = SourceState::NotPublished(absence());
    if let TagSelector::Image { digest, .. } = &mut pinned.desired.wanted {
        *digest = Some(Digest::sha256(b"b"));
    }
    assert_eq!(
        refused(vec![rival(0, b"a", None), pinned]),
        ["Unknown", "NotPublished"]
    );
}

#[test]
fn image_of_the_catalog_is_judged_by_its_digest() {
    for (content, verdict) in [
        (None, "Missing"),
        (Some(&b"new"[..]), "UpToDate"),
        (Some(b"old"), "Drifted"),
    ] {
        let mut image = observed(0, published(), state(content, false));
        let entry = r#"{"slug": "rw-cli-codecollection", "image_registry": null}"#;
        image.desired.wanted = TagSelector::Catalog(serde_json::from_str(entry).unwrap());
        let plan = plan(vec![image], vec![]);
        assert_eq!(plan.entries[0].verdict.name(), verdict);
    }
}
