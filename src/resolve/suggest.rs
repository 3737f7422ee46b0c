//! `did you mean`: the nearest of the words that would have been right. Pure.

use crate::model;

/// The word among `known` that `text` was likely meant to be; none where nothing is near.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    model::suggest::nearest(text, known)
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
