//! Reads what git does not hold: registries' passwords, from where the repository says they are, and the variables that labels name.
//! They go to engines and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

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

/// The variables of the environment that the containers to be made take labels from: those that are set, and those that are not.
pub fn variables(plan: &Plan) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let (mut known, mut missing) = (BTreeMap::new(), BTreeSet::new());
    for step in &plan.steps {
        let Op::Container(ContainerOp::Create { spec, .. }) = &step.op else {
            continue;
        };
        for name in names(&spec.stamps) {
            match std::env::var(name) {
                Ok(value) => drop(known.insert(name.to_owned(), value)),
                Err(_) => drop(missing.insert(name.to_owned())),
            }
        }
    }
    (known, missing)
}

fn read(source: &PasswordSource) -> Result<String, String> {
    match source {
        PasswordSource::Env(name) => std::env::var(name).map_err(|_| format!("the environment has no {name}")),
        PasswordSource::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|e| format!("{}: {e}", path.display())),
    }
}
