//! What a plain YAML scalar reads as: YAML 1.2's core schema, but for numbers that would lose a leading zero. Pure.

use serde_yaml::Number;

use crate::source::yaml::Kind;

/// What a scalar without quotes reads as.
///
/// `yes`, `on` and the like are text, as YAML 1.2 has it; so are `0755`, `.inf` and `.nan`.
pub fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => match number(text) {
            Some(value) => Kind::Number {
                value,
                written: text.to_owned(),
            },
            None => Kind::Text(text.to_owned()),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let only = |allowed: &str| digits.chars().all(|c| c.is_ascii_digit() || allowed.contains(c));
    if (whole.len() > 1 && whole.starts_with('0')) || !digits.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if only("") {
        let signed = text.parse::<i64>().ok().map(Number::from);
        return signed.or_else(|| text.parse::<u64>().ok().map(Number::from));
    }
    let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let float = (begins && only(".eE+-")).then(|| text.parse::<f64>().ok()).flatten()?;
    float.is_finite().then(|| Number::from(float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_a_number_is_one() {
        for text in [
            "0755",
            "22:22",
            "1.2.3",
            "1_000",
            "-",
            ".",
            "e5",
            "0x",
            "yes",
            ".inf",
            "1e999",
            "192.168.0.1",
        ] {
            assert_eq!(plain(text), Kind::Text(text.to_owned()), "{text}");
        }
        for text in ["0", "-1", "80", "1.5", "1e3", "0x1F", "18446744073709551615"] {
            assert!(matches!(plain(text), Kind::Number { .. }), "{text}");
        }
    }
}
