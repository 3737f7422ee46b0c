//! The nearest of the words that would have been right. Pure; what is said with it is the asking floor's.

/// The word among `known` that `text` was likely meant to be; none where nothing is near.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (text.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&text.to_lowercase(), &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= most && *distance < word.chars().count())
        .min()
        .map(|(_, word)| word)
}
