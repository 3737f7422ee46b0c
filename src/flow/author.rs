//! Who is at work: user, machine, the CI's build, and the time, as the journal and the lock tell them. No secrets.

use std::env::var;
use std::os::unix::fs::MetadataExt as _;

/// The time, RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .round(jiff::Unit::Second)
        .unwrap_or_else(|_| jiff::Timestamp::now())
        .to_string()
}

/// Who applies: `user@machine`, as far as the system says.
pub(super) fn author() -> String {
    let user = var("USER").or_else(|_| var("LOGNAME")).unwrap_or_else(|_| {
        let uid = std::fs::metadata("/proc/self").map(|process| process.uid());
        uid.map_or_else(|_| "somebody".into(), |uid| format!("uid {uid}"))
    });
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}

/// The page of the build that runs us: Jenkins', GitLab's or GitHub's.
pub(super) fn build() -> Option<String> {
    let given = |name: &str| var(name).ok().filter(|value| !value.is_empty());
    let github = || {
        let (server, repository) = (given("GITHUB_SERVER_URL")?, given("GITHUB_REPOSITORY")?);
        Some(format!(
            "{server}/{repository}/actions/runs/{}",
            given("GITHUB_RUN_ID")?
        ))
    };
    let address = given("BUILD_URL").or_else(|| given("CI_JOB_URL")).or_else(github)?;
    Some(without_secrets(&address))
}

/// An address without what may be a secret in it: a user and password, and what follows the path.
fn without_secrets(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    match path.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}")
        }
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_what_may_be_secret() {
        for (given, kept) in [
            (
                "https://ci.example.com/job/shop/41/",
                "https://ci.example.com/job/shop/41/",
            ),
            ("https://ann:s3cret@ci/job/41?token=x#y", "https://ci/job/41"),
            ("https://ci", "https://ci/"),
        ] {
            assert_eq!(without_secrets(given), kept);
        }
    }
}
