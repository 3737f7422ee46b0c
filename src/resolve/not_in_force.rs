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
    ("cluster", &["env", "hooks", "keep", "rollback"], true, LATER),
    (
        "cluster.ssh",
        &["become"],
        true,
        "the user needs the right to the Docker socket: the group `docker`",
    ),
    ("hosts.*", &["public_addresses"], true, LATER),
    (
        "hosts.*.ssh",
        &["become"],
        true,
        "the user needs the right to the Docker socket: the group `docker`",
    ),
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
    ("services.*", &["scale"], false, "write `deploy.replicas`"),
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
        &["cpus", "mem_limit"],
        false,
        "write `deploy.resources.limits`",
    ),
    (
        "services.*",
        &["mem_reservation"],
        false,
        "write `deploy.resources.reservations`",
    ),
    (
        "services.*",
        &["configs", "secrets", "tmpfs"],
        true,
        "bind a file or a folder of the host until then",
    ),
    (
        "services.*",
        &[
            "annotations",
            "blkio_config",
            "cap_add",
            "cap_drop",
            "cgroup",
            "cgroup_parent",
            "cpu_count",
            "cpu_percent",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpu_shares",
            "cpuset",
            "credential_spec",
            "device_cgroup_rules",
            "devices",
            "gpus",
            "group_add",
            "init",
            "ipc",
            "isolation",
            "mem_swappiness",
            "memswap_limit",
            "models",
            "oom_kill_disable",
            "oom_score_adj",
            "pid",
            "pids_limit",
            "platform",
            "post_start",
            "pre_stop",
            "privileged",
            "profiles",
            "read_only",
            "runtime",
            "security_opt",
            "shm_size",
            "stdin_open",
            "stop_signal",
            "storage_opt",
            "sysctls",
            "tty",
            "ulimits",
            "userns_mode",
            "uts",
            "volumes_from",
        ],
        true,
        LATER,
    ),
    ("services.*.healthcheck", &["start_interval"], true, LATER),
    ("services.*.ports.[]", &["app_protocol", "name"], true, LATER),
    (
        "services.*.volumes.[]",
        &["bind", "consistency", "image", "tmpfs", "volume"],
        true,
        LATER,
    ),
    (
        "services.*.deploy",
        &["restart_policy"],
        true,
        "write the service's `restart`: no, always, on-failure[:TIMES] or unless-stopped",
    ),
    (
        "services.*.deploy",
        &["labels"],
        true,
        "labels of containers stand in the service's `labels`",
    ),
    ("services.*.deploy", &["endpoint_mode", "autoscale"], true, LATER),
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
        &["devices", "generic_resources", "pids"],
        true,
        LATER,
    ),
    (
        "services.*.deploy.resources.reservations",
        &["devices", "generic_resources"],
        true,
        LATER,
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
