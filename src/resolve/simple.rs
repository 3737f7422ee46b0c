//! Renders templates that only name things, `web:{{ vars.tag }}`, as most do: without compiling them. Pure.

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::resolve::render::Names;
use crate::resolve::undefined::lookup;

/// What the template comes to, as minijinja would have it; none where it is for minijinja to say: with filters, statements, names that
/// are not there, values that are not plain.
pub fn render(source: &str, names: &Names) -> Option<Value> {
    // minijinja takes a line feed at a template's end away.
    if source.ends_with('\n') || source.contains("{%") || source.contains("{#") {
        return None;
    }
    let (mut out, mut rest) = (String::with_capacity(source.len()), source);
    while let Some((before, behind)) = rest.split_once("{{") {
        let (inner, after) = behind.split_once("}}")?;
        let value = plain(inner.trim_matches(' '), names)?;
        if before.is_empty() && after.is_empty() && out.is_empty() {
            return Some(value);
        }
        out.push_str(before);
        match value.as_str() {
            Some(text) => out.push_str(text),
            None => out.push_str(&value.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(Value::from(out))
}

/// The value of `vars.tag`, where that is a text, a whole number, or true or false.
fn plain(name: &str, names: &Names) -> Option<Value> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    // `env` has rules of its own.
    if !name.split('.').all(is_part) || name.split('.').next() == Some("env") {
        return None;
    }
    let value = lookup(names, name)?;
    let is_plain = match value.kind() {
        ValueKind::String | ValueKind::Bool => true,
        ValueKind::Number => value.is_integer(),
        _ => false,
    };
    is_plain.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::template::environment;

    #[test]
    fn it_says_what_minijinja_says_or_nothing() {
        let vars = minijinja::context! { tag => "1.5", n => 3, yes => true, half => 0.5, list => vec![1], empty => "" };
        let names = Names::from([("vars".to_owned(), vars), ("slot".to_owned(), Value::from("web.1"))]);
        for (source, simple) in [
            ("web:{{ vars.tag }}", true),
            ("{{vars.n}}{{ vars.yes }}-{{ slot }} ", true),
            ("{{ vars.empty }}", true),
            ("a }} b {{ vars.n }}", true),
            ("{{ vars.half }}", false),
            ("{{ vars.list }}", false),
            ("{{ vars.list.0 }}", false),
            ("{{ vars.missing }}", false),
            ("{{- vars.n -}} x", false),
            ("{{ vars.n }}\n", false),
            ("{{ vars.n + 1 }}", false),
            ("{{ true }}{# c #}", false),
        ] {
            let own = render(source, &names).map(|value| value.to_string());
            assert_eq!(own.is_some(), simple, "{source}");
            if let Some(own) = own {
                assert_eq!(
                    Ok(own),
                    environment().render_str(source, &names).map_err(|e| e.to_string()),
                    "{source}"
                );
            }
        }
    }
}
