//! What a misspelt name may have meant.

/// Longest name that is compared, in bytes.
const MAX_COMPARED: usize = 64;

/// The name nearest to a misspelt one, if one is near. A name that ends with
/// the misspelt one is (`WORKER` for `RUNNER_WORKER`).
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > MAX_COMPARED {
        return None;
    }
    let plain = |name: &str| name.replace(['-', '_', ' '], "").to_lowercase();
    let word = plain(word);
    let tolerated = word.chars().count() / 3 + 1;
    names
        .filter_map(|name| {
            let candidate = plain(name);
            let distance = if word.len() > 2 && candidate.ends_with(&word) {
                1
            } else {
                strsim::osa_distance(&word, &candidate)
            };
            (distance <= tolerated).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
