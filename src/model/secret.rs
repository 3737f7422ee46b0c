//! Which names say that their value is a secret and is not to be shown. No values here.

/// The words that make a name a secret's.
const WORDS: [&str; 4] = ["password", "secret", "token", "key"];

/// Whether a key or a variable of this name holds a secret: `DB_PASSWORD`, `api-token`.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}
