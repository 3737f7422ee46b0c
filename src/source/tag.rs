//! YAML tags: those of YAML's own types, and Compose's `!reset` and `!override`, which only an environment's file may bear. Pure.

use saphyr_parser::Tag as Written;

use crate::model::problem::{Place, Problem};
use crate::source::scalar;
use crate::source::yaml::{Kind, Tag};

/// What a scalar reads as, by its tag; or what is wrong with the tag.
pub fn scalar(text: &str, is_plain: bool, tag: Option<&Written>, place: &Place) -> Result<Kind, Problem> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(Kind::Text(text.to_owned())),
        Some(tag) if tag.is_yaml_core_schema() && ["int", "float", "bool", "null"].contains(&&*tag.suffix) => {
            Ok(scalar::plain(text))
        }
        Some(tag) if override_tag(tag).is_none() => Err(wrong(tag, place)),
        Some(_) | None if is_plain => Ok(scalar::plain(text)),
        Some(_) | None => Ok(Kind::Text(text.to_owned())),
    }
}

/// What the tag of a list or a map is, if it may be one; or what is wrong with it.
pub fn collection(tag: Option<&Written>, place: &Place) -> Result<(), Problem> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && ["map", "seq"].contains(&tag.suffix.as_str()) => Ok(()),
        Some(tag) if override_tag(tag).is_none() => Err(wrong(tag, place)),
        Some(_) | None => Ok(()),
    }
}

/// `!reset` or `!override`; none where a tag is another.
fn override_tag(tag: &Written) -> Option<Tag> {
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!", "reset") => Some(Tag::Reset),
        ("!", "override") => Some(Tag::Override),
        _ => None,
    }
}

/// What a value's tag says of what lies beneath it; a problem in a file that lies over nothing.
pub fn over(tag: Option<&Written>, may_override: bool, place: &Place) -> (Tag, Option<Problem>) {
    match tag.and_then(override_tag) {
        Some(tag) if may_override => (tag, None),
        Some(_) => {
            let message = "`!reset` and `!override` say what an environment does with what lies beneath it";
            let problem = Problem::at(Some(place.clone()), message);
            (
                Tag::None,
                Some(problem.hint("they may stand in the files of the folder `environments/` only")),
            )
        }
        None => (Tag::None, None),
    }
}

fn wrong(tag: &Written, place: &Place) -> Problem {
    Problem::at(
        Some(place.clone()),
        format!("the YAML tag `{tag}` means nothing to cdk"),
    )
}
