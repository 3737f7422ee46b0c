//! Compose's dollars in a text. Templates are `render`'s.

/// Compose's dollars: `$$` is `$`; a variable is refused, as cdk takes nothing from the shell: its name, and a hint.
///
/// # Errors
/// The variable, and what to write instead.
pub fn dollars(text: &str) -> Result<String, (String, String)> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(index) = rest.find('$') {
        let (before, after) = (&rest[..index], &rest[index + 1..]);
        out.push_str(before);
        out.push('$');
        if let Some(tail) = after.strip_prefix('$') {
            rest = tail;
            continue;
        }
        let braced = after.strip_prefix('{');
        let word = braced.unwrap_or(after);
        let end = word
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(word.len());
        let name = &word[..end];
        if braced.is_some() || name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let shown = if braced.is_some() {
                format!("${{{name}}}")
            } else {
                format!("${name}")
            };
            let hint = "write {{ vars.NAME }} and define NAME under `vars`; a dollar itself is written $$";
            return Err((format!("`{shown}`"), hint.to_owned()));
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_composes() {
        assert_eq!(dollars("a$$b$$$$c $1 $").as_deref(), Ok("a$b$$c $1 $"));
        for text in ["${TAG}", "$TAG", "a-${TAG:-1}", "$${x} ${y}"] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }
}
