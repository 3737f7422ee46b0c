# A lab's addresses: a slot (0..255) of 10.77.SLOT.0/24 and fd77:cd:SLOT+1::/64, held by the engine network that bears it.
# shellcheck shell=bash

most_hosts=64

ip4_of() { echo "10.77.$slot.$((10 + $1))"; }             # host number; the registry is number -5
ip6_of() { printf 'fd77:cd:%x::%d\n' "$((slot + 1))" "$((10 + $1))"; }
mac_of() { printf '02:42:0a:4d:%02x:%02x\n' "$slot" "$((10 + $1))"; } # fixed, so that faults outlive a reboot
# Engines before API 1.44 derive just this address by themselves, and newer clients refuse the flag to them.
mac_flag() {
    local version
    version=$(docker version -f '{{.Server.APIVersion}}')
    if ((${version#*.} >= 44)); then echo "--mac-address $(mac_of "$1")"; fi
}
zone_of() { if (((($1 - 1) / 2) % 2)); then echo b; else echo a; fi; }

number_of_any() { if [[ $1 == registry ]]; then echo -5; else number_of "$1"; fi; }
container_of() { echo "$network-$1"; }

# The address and port under which this machine reaches the lab's registry (hosts: registry.lab:5000).
registry_port() { docker port "$(container_of registry)" 5000/tcp 2>/dev/null | head -n 1; }

load_slot() { slot=$(cat "$state/slot" 2>/dev/null) || die "no lab \`$lab\`: \`lab -n $lab up 4\` makes one"; }

# ensure_network: leaves `slot` set. A network of this name that is not of this very state is removed with all that hangs on it.
ensure_network() {
    local found
    found=$(docker network inspect -f '{{index .Labels "cdk-lab.id"}} {{index .Labels "cdk-lab.slot"}}' "$network" 2>/dev/null) || found=
    if [[ -n $found && ${found% *} == "$id" && -n ${found#* } ]]; then
        slot=${found#* }
    else
        if [[ -n $found ]]; then remove_containers; remove_network; fi
        with_lock network choose_slot
    fi
    echo "$slot" >"$state/slot"
}

choose_slot() {
    local taken candidate error=''
    taken=$(ip -4 route show table all; docker network ls -q | xargs -r docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}')
    for ((candidate = 0; candidate < 256; candidate++)); do
        [[ $taken != *"10.77.$candidate."* ]] || continue
        slot=$candidate
        # No masquerading: hosts reach each other and this machine, and nothing beyond.
        if error=$(docker network create --driver bridge --ipv6 --subnet "10.77.$slot.0/24" --gateway "10.77.$slot.1" \
            --subnet "$(ip6_of -10)/64" --gateway "$(ip6_of -9)" \
            -o com.docker.network.bridge.name="cdklab$slot" -o com.docker.network.bridge.enable_ip_masquerade=false \
            --label cdk-lab="$lab" --label cdk-lab.id="$id" --label cdk-lab.slot="$slot" --label cdk-lab.home="$state" \
            "$network" 2>&1); then
            return
        fi
        # Half made: a bridge that an engine left behind when it was killed.
        ip link delete "cdklab$slot" 2>/dev/null || true
        docker network rm "$network" >/dev/null 2>&1 || true
    done
    die "no free network among 10.77.0.0/24 … 10.77.255.0/24: $error"
}

remove_network() {
    docker network inspect "$network" >/dev/null 2>&1 || return 0
    # What still hangs on it, by whatever name, would keep it.
    docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' "$network" | xargs -rn 1 docker network disconnect -f "$network" || true
    docker network rm "$network" >/dev/null || die "network $network cannot be removed; \`docker network inspect $network\` tells who uses it"
}

# Limits that are too small for many systemds on one machine. Only ever raised.
raise_limits() {
    local entry name wanted now
    for entry in fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288 kernel.keys.maxkeys=4000 \
        kernel.pid_max=262144 net.ipv4.neigh.default.gc_thresh3=8192; do
        name=${entry%=*} wanted=${entry#*=}
        now=$(sysctl -n "$name" 2>/dev/null) || continue
        ((now >= wanted)) || sysctl -qw "$entry" || say "could not set $entry: many hosts may fail to start"
    done
}
