//! Whether a container runs the image that git wants. Comparing only.

use crate::diff::field::Difference;
use crate::model::image::{Digest, ImageFacts, ImageRef, Resolution};
use crate::place::live::Standing;

/// What differs between the image that a container was made from and the one that is wanted; none where nothing does, or
/// where nobody can say.
///
/// Another reference is a change even where it stands for the same content: labels shall say what git says.
pub(super) fn compare(wanted: &ImageRef, resolution: Option<&Resolution>, live: &Standing<'_>) -> Option<Difference> {
    let Standing {
        container,
        state,
        image: facts,
        ..
    } = *live;
    let change = |old: String, new: String| {
        Some(Difference {
            field: "image",
            key: None,
            old: Some(old),
            new: Some(new),
        })
    };
    if let Some(image) = container.owner.image.as_ref().filter(|image| *image != wanted) {
        return change(image.to_string(), wanted.to_string());
    }
    match resolution {
        Some(Resolution::Digest(digest)) => {
            let live = match (&container.owner.digest, facts) {
                (None, None) => return None,
                (Some(live), _) if live == digest => return None,
                (_, Some(facts)) if facts.has_digest(digest) => return None,
                (live, facts) => live
                    .as_ref()
                    .map(|live| live.short().to_owned())
                    .or_else(|| first_digest(facts)),
            };
            let live = live.unwrap_or_else(|| "not from a registry".to_owned());
            change(format!("{wanted} ({live})"), format!("{wanted} ({})", digest.short()))
        }
        Some(Resolution::Local) => {
            let named = state.images.iter().find(|(_, facts)| facts.is_named(wanted));
            let (id, _) = named.filter(|(id, _)| !container.image_id.is_empty() && **id != container.image_id)?;
            change(
                format!("{wanted} ({})", short(&container.image_id)),
                format!("{wanted} ({})", short(id)),
            )
        }
        Some(Resolution::Kept { .. } | Resolution::Unknown(_)) | None => None,
    }
}

fn first_digest(facts: Option<&ImageFacts>) -> Option<String> {
    let pinned = facts?.digests.first()?;
    pinned.split_once('@').map(|(_, digest)| short(digest))
}

fn short(id: &str) -> String {
    id.parse::<Digest>()
        .map_or_else(|_| id.to_owned(), |digest| digest.short().to_owned())
}
