//! Reads registries' passwords from where the repository says they are. They go to engines and nowhere else.

use std::collections::BTreeMap;

use crate::host::Credentials;
use crate::resolve::desired::{Desired, PasswordSource};

/// The passwords that could be read, and for each registry whose could not: why.
#[derive(Debug, Default)]
pub struct Passwords {
    /// By registry.
    pub known: BTreeMap<String, Credentials>,
    /// By registry: what is missing.
    pub missing: BTreeMap<String, String>,
}

/// Reads what `registries` names.
pub fn passwords(desired: &Desired) -> Passwords {
    let mut passwords = Passwords::default();
    for (name, registry) in &desired.registries {
        match read(&registry.password) {
            Ok(password) => {
                let username = registry.username.clone();
                passwords.known.insert(
                    name.clone(),
                    Credentials {
                        registry: name.clone(),
                        username,
                        password,
                    },
                );
            }
            Err(why) => {
                passwords.missing.insert(name.clone(), why);
            }
        }
    }
    passwords
}

fn read(source: &PasswordSource) -> Result<String, String> {
    match source {
        PasswordSource::Env(name) => std::env::var(name).map_err(|_| format!("the environment has no {name}")),
        PasswordSource::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|e| format!("{}: {e}", path.display())),
    }
}
