//! `did you mean`: the nearest of the words that would have been right. Pure.

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

/// A hint that names the nearest word, or else all of them where they are few; none where there are none.
pub fn hint<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(text, known.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if known.is_empty() || known.len() > 12 => None,
        None => Some(format!(
            "there is {}",
            known
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}
