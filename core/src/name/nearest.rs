//! The known names that are nearest to one that is not known, because it is probably mistyped.

/// How similar a suggestion must be, from 0 to 1.
const SIMILAR: f64 = 0.75;
const MOST_SUGGESTED: usize = 3;
/// How much less similar than the first the other suggestions may be.
const NEAR_THE_FIRST: f64 = 0.05;

/// The nearest names, the most similar first, each once. Each known name has forms to compare: itself, for example, and itself with
/// a tag.
pub(crate) fn nearest(
    known: impl IntoIterator<Item = (String, Vec<String>)>,
    wanted: &str,
) -> Vec<String> {
    let wanted = wanted.to_ascii_lowercase();
    let mut found: Vec<(f64, String)> = Vec::new();
    for (name, forms) in known {
        let similarities = forms.iter().map(|text| similarity(text, &wanted));
        let similarity = similarities.fold(0.0, f64::max);
        if similarity >= SIMILAR && found.iter().all(|(_, other)| *other != name) {
            found.push((similarity, name));
        }
    }
    found.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    let best = found.first().map_or(1.0, |(similarity, _)| *similarity);
    found.retain(|(similarity, _)| best - similarity <= NEAR_THE_FIRST);
    let names = found.into_iter().map(|(_, name)| name);
    names.take(MOST_SUGGESTED).collect()
}

/// A part of a name counts like a name without mistakes.
fn similarity(known: &str, wanted: &str) -> f64 {
    if wanted.len() >= 3 && known.contains(wanted) {
        return 1.0;
    }
    strsim::normalized_damerau_levenshtein(known, wanted)
}
