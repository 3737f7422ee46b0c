//! The keys that belong to the design or to Compose and are refused by name, each with what to do instead. Data only.

/// A key that is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Whether a later version may take it; false where cdk never will.
    pub later: bool,
    /// What to do instead, or why.
    pub hint: &'static str,
}

const LATER: &str = "leave it out until then";

/// By the path of the map (`*` for any name, `[]` for any item): the keys, and why.
const TABLE: &[(&str, &[&str], bool, &str)] = &[
    ("", &["configs", "secrets"], true, "bind a file of the host until then"),
    ("", &["firewall", "ingress"], true, LATER),
    ("", &["version"], false, "Compose itself ignores this line: remove it"),
    ("", &["name"], false, "the cluster's name is `cluster.name`"),
    ("", &["include"], false, "files are included by `cluster.include`"),
    ("", &["models"], false, "models are no matter of cdk's"),
    ("cluster", &["hooks", "keep", "rollback"], true, LATER),
    ("hosts.*", &["public_addresses"], true, LATER),
    (
        "registries.*.password",
        &["secret"],
        true,
        "write {env: NAME} or {file: PATH}",
    ),
    (
        "networks.*",
        &["enable_ipv4"],
        true,
        "every network has IPv4 addresses until then",
    ),
    (
        "services.*.networks.*",
        &["gw_priority", "interface_name"],
        true,
        "this needs Docker 28: the first network by name has the way out",
    ),
    (
        "services.*",
        &["build"],
        false,
        "images are built by CI: name one with `image`",
    ),
    (
        "services.*",
        &["container_name"],
        false,
        "cdk names containers CLUSTER.SERVICE.NUMBER",
    ),
    (
        "services.*",
        &["extends"],
        false,
        "YAML anchors, or `cluster.defaults`, share what services have in common",
    ),
    (
        "services.*",
        &["links", "external_links"],
        false,
        "links are obsolete in Docker itself",
    ),
    (
        "services.*",
        &["develop", "attach", "provider", "use_api_socket"],
        false,
        "this is for Compose on a developer's machine",
    ),
    (
        "services.*",
        &["configs", "secrets"],
        true,
        "bind a file or a folder of the host until then",
    ),
    (
        "services.*",
        &["cpu_count", "cpu_percent", "credential_spec", "isolation"],
        false,
        "this is for Windows: cdk's hosts are Linux",
    ),
    (
        "services.*",
        &["volumes_from"],
        false,
        "the other container may be on another host: name the volumes under `volumes`",
    ),
    (
        "services.*",
        &["models"],
        false,
        "models are a matter of Docker Desktop: run one as a service",
    ),
    (
        "services.*",
        &["profiles"],
        false,
        "`environments/` say what differs from place to place; a service with `deploy.replicas: 0` does not run",
    ),
    (
        "services.*",
        &["post_start", "pre_stop"],
        false,
        "cdk runs nothing inside containers: let the image's entrypoint do it, or a job; a stop begins with `stop_signal`",
    ),
    (
        "services.*.volumes.[]",
        &["image"],
        false,
        "no engine before 28 can mount an image: copy its files into a volume",
    ),
    (
        "services.*.volumes.[].bind",
        &["recursive"],
        false,
        "engines differ in it: mount the path below by itself",
    ),
    (
        "services.*.volumes.[].volume",
        &["labels"],
        false,
        "volumes are labelled under the top-level `volumes`",
    ),
    (
        "services.*.deploy",
        &["labels"],
        false,
        "these label Swarm's service objects, which there are none of: labels of containers stand in the service's `labels`",
    ),
    (
        "services.*.deploy",
        &["endpoint_mode"],
        false,
        "cdk gives services no virtual address: leave it out",
    ),
    ("services.*.deploy", &["autoscale"], true, LATER),
    (
        "services.*.deploy",
        &["rollback_config"],
        true,
        "git revert, and apply, until then",
    ),
    (
        "services.*.deploy.placement",
        &["affinity", "anti_affinity", "preferences", "strategy"],
        true,
        "replicas are spread evenly over the hosts that fit until then",
    ),
    (
        "services.*.deploy.resources.limits",
        &["devices"],
        false,
        "devices stand in `reservations`",
    ),
    (
        "services.*.deploy.resources.limits",
        &["generic_resources"],
        false,
        "these are Swarm's own: label the hosts, and write placement constraints",
    ),
    (
        "services.*.deploy.resources.reservations",
        &["generic_resources"],
        false,
        "these are Swarm's own: label the hosts, and write placement constraints",
    ),
    (
        "services.*.deploy.resources.reservations",
        &["pids"],
        false,
        "processes are limited, not reserved: write `limits`",
    ),
    (
        "services.*.deploy.update_config",
        &["canary", "failure_action", "gate", "max_failure_ratio", "strategy"],
        true,
        "an update rolls, and stops at the first failure, until then",
    ),
];

/// Why `key` of the map at `path` is refused by name; none where it is not such a key.
pub fn refused(path: &str, key: &str) -> Option<Refused> {
    let row = TABLE.iter().find(|(at, keys, _, _)| *at == path && keys.contains(&key));
    row.map(|(_, _, later, hint)| Refused { later: *later, hint })
}

/// The keys that are refused by name in the map at `path`.
pub fn keys(path: &str) -> impl Iterator<Item = &'static str> {
    let rows = TABLE.iter().filter(move |(at, _, _, _)| *at == path);
    rows.flat_map(|(_, keys, _, _)| keys.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::schema;

    #[test]
    fn what_is_refused_is_not_taken_as_well() {
        for (path, keys, _, hint) in TABLE {
            let taken = schema::keys(path);
            assert!(!taken.is_empty() || *path == "volumes.*", "{path} is no place");
            assert!(!hint.is_empty(), "{path}");
            for key in *keys {
                assert!(!taken.iter().any(|one| one == key), "{path}: {key}");
            }
        }
    }
}
