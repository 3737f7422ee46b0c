//! Which names say that their value is a secret, and what is shown in its place.

/// The words that make a name a secret's.
const WORDS: [&str; 4] = ["password", "secret", "token", "key"];

/// Whether a key or a variable of this name holds a secret: `DB_PASSWORD`, `api-token`.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// A command's words with `--password=…`, and the word after `--password`, masked.
pub fn masked_words(words: &[String]) -> Vec<String> {
    let mut hide_next = false;
    let masked = words.iter().map(|word| {
        let hidden = std::mem::take(&mut hide_next);
        match word.split_once('=') {
            _ if hidden => MASK.to_owned(),
            Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
            None if word.starts_with('-') && is_secret_name(word) => {
                hide_next = true;
                word.clone()
            }
            Some(_) | None => word.clone(),
        }
    });
    masked.collect()
}

/// A line of a file with its value masked, where it is `NAME: VALUE` or `NAME = VALUE` and the name says that the value is secret.
/// Where a secret of cdk's stands, its name may be shown.
pub fn masked_line(line: &str) -> String {
    let (text, end) = line.split_at(line.trim_end_matches(['\n', '\r']).len());
    let Some(at) = text.find(['=', ':']) else {
        return line.to_owned();
    };
    let (name, value) = text.split_at(at + 1);
    let shown = value.trim().is_empty() || value.trim_start_matches([' ', '"', '\'']).starts_with("(secret ");
    if shown || !is_secret_name(name) {
        return line.to_owned();
    }
    let space = &value[..value.len() - value.trim_start().len()];
    format!("{name}{space}{MASK}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets() {
        assert!(is_secret_name("DB_PASSWORD") && is_secret_name("apiKey") && !is_secret_name("LOG_LEVEL"));
        let line = ["app", "--token", "a", "--db-password=b", "key=c", "on=d"].map(str::to_owned);
        let masked = ["app", "--token", MASK, "--db-password=***", "key=***", "on=d"];
        assert_eq!(masked_words(&line), masked);
        assert_eq!(masked_words(&masked_words(&line)), masked);
        for (line, shown) in [
            ("api_token: abc\n", "api_token: ***\n"),
            ("  password=a=b\r\n", "  password=***\r\n"),
            ("password = (secret db)", "password = (secret db)"),
            ("level = info # no token", "level = info # no token"),
            ("key = \"(secret db)\"", "key = \"(secret db)\""),
            ("key:", "key:"),
        ] {
            assert_eq!(masked_line(line), shown);
        }
    }
}
