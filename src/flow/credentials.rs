//! Reads what git does not hold: registries' passwords, from where the repository says they are, and the variables that labels name.
//! They go to engines and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::flow::secret::Key;
use crate::host::Credentials;
use crate::model::op::{ContainerOp, Op};
use crate::model::stamp::names;
use crate::plan::step::Plan;
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
    let mut key = None;
    let mut secret = |name: &str| {
        let file = desired
            .secrets
            .get(name)
            .ok_or_else(|| format!("there is no secret {name}"))?;
        let key = key.get_or_insert_with(Key::read).as_ref();
        let value = key.map_err(Clone::clone).and_then(|key| key.open(&file.encrypted));
        let value = value.map_err(|why| format!("the secret {name} cannot be decrypted: {why}"))?;
        let text = std::str::from_utf8(&value).map_err(|_| format!("the secret {name} is not text"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    for (name, registry) in &desired.registries {
        let password = match &registry.password {
            PasswordSource::Env(name) => std::env::var(name).map_err(|_| format!("the environment has no {name}")),
            PasswordSource::File(path) => read(path),
            PasswordSource::Secret(name) => secret(name),
        };
        match password {
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

/// The variables of the environment that the containers to be made take labels from: those that are set, and those that are not.
pub fn variables(plan: &Plan) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let (mut known, mut missing) = (BTreeMap::new(), BTreeSet::new());
    for step in &plan.steps {
        let Op::Container(ContainerOp::Create { spec, .. }) = &step.op else {
            continue;
        };
        for name in names(&spec.common().stamps) {
            match std::env::var(name) {
                Ok(value) => drop(known.insert(name.to_owned(), value)),
                Err(_) => drop(missing.insert(name.to_owned())),
            }
        }
    }
    (known, missing)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|e| format!("{}: {e}", path.display()))
}
