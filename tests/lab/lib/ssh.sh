# What clients of a lab need: known_hosts, ssh_config, a `hosts:` section.
# shellcheck shell=bash

# All hosts that have ever come up in this lab, by number.
host_numbers() { find "$state/up" -name 'h*.answer' -printf '%f\n' 2>/dev/null | sed 's/^h//; s/\..*//' | sort -n; }

# The keys came over `docker exec`, so they can be trusted without asking.
write_ssh_files() {
    local n key kind
    for n in $(host_numbers); do
        grep '^ssh-\|^ecdsa-' "$state/up/h$n.answer" | while read -r kind key _; do
            echo "h$n,$(ip4_of "$n"),$(ip6_of "$n") $kind $key"
        done
    done | write "$state/known_hosts"
    for n in $(host_numbers); do
        printf 'Host h%s\n    HostName %s\n' "$n" "$(ip4_of "$n")"
    done | cat - <(
        cat <<CONFIG
Host h* $(ip4_of 0 | sed 's/[0-9]*$/*/')
    User deploy
    IdentityFile "$state/id_ed25519"
    IdentitiesOnly yes
    UserKnownHostsFile "$state/known_hosts"
    StrictHostKeyChecking yes
CONFIG
    ) | write "$state/ssh_config"
}

cmd_ssh_config() { cat "$state/ssh_config" 2>/dev/null || die "no lab \`$lab\`: \`lab -n $lab up 4\` makes one"; }

cmd_hosts_yaml() {
    local n
    load_slot
    echo 'hosts:'
    for n in $(host_numbers); do
        printf '  h%s: {address: %s, labels: {debian: "%s", zone: %s}}\n' "$n" "$(ip4_of "$n")" "$(debian_of "$n")" "$(zone_of "$n")"
    done
}
