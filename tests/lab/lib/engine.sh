# This machine's own Docker engine and the Debian packages that the lab needs.
# shellcheck shell=bash

packages=(
    dockerd:docker.io docker:docker-cli iptables:iptables nft:nftables ip:iproute2 debootstrap:debootstrap
    htpasswd:apache2-utils ssh-keygen:openssh-client nsenter:util-linux mkfs.ext4:e2fsprogs curl:curl flock:util-linux
)

cmd_deps() { with_lock deps install_deps; }

# Installs the packages whose program is missing. No look at apt when nothing is.
install_deps() {
    local entry missing=()
    for entry in "${packages[@]}"; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
    done
    [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "missing: ${missing[*]}, and this machine has no apt-get: the lab needs Debian 12 or 13"
    apt-get update -q >&2 || say "apt-get update failed; going on with the lists at hand"
    # Debian 12's docker.io holds the client too; docker-cli came later.
    if ! apt-cache show docker-cli >/dev/null 2>&1; then missing=("${missing[@]/docker-cli/docker.io}"); fi
    say "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" >&2 </dev/null ||
        die "apt-get could not install ${missing[*]}"
}

engine_answers() { docker version >/dev/null 2>&1; }

cmd_engine() {
    case ${1-} in
        '') engine_up ;;
        stop) with_lock engine engine_stop ;;
        *) die "engine: only \`stop\` may follow" ;;
    esac
}

engine_up() {
    install_deps_if_needed
    if engine_answers; then return; fi
    with_lock engine engine_start
}

install_deps_if_needed() {
    local entry
    for entry in "${packages[@]}"; do
        command -v "${entry%%:*}" >/dev/null || { cmd_deps; return; }
    done
}

engine_start() {
    engine_answers && return
    if [[ -d /run/systemd/system ]]; then
        say "starting docker by systemd"
        systemctl start docker || die "systemctl could not start docker: see \`journalctl -u docker\`"
        echo systemd >"$machine/engine"
    else
        local log=/var/log/cdk-lab-dockerd.log pid=
        # Pid files of engines that were killed; dockerd would believe them.
        alive "$(cat /var/run/docker.pid 2>/dev/null)" dockerd || rm -f /var/run/docker.pid
        alive "$(cat /var/run/docker/containerd/containerd.pid 2>/dev/null)" containerd || rm -f /var/run/docker/containerd/containerd.pid
        # A dockerd that is still coming up, or hangs: wait for it, don't start a second one.
        if [[ ! -e /var/run/docker.pid ]]; then
            say "starting dockerd (log: $log)"
            detached "$log" dockerd
            pid=$detached_pid
            echo "$pid" >"$machine/engine"
        fi
        wait_until 60 engine_answers_or_died "$pid" || true
    fi
    wait_until 5 engine_answers || die "dockerd does not answer; if it hangs, kill it and try again. Its log ends: $(tail -n 3 "${log:-/dev/null}")"
}

engine_answers_or_died() { engine_answers || { [[ -n $1 ]] && gone "$1" dockerd && gone "$1" setsid && gone "$1" lab; }; }

engine_stop() {
    local pid up
    pid=$(cat "$machine/engine" 2>/dev/null) || { say "the lab did not start this engine: left as it is"; return; }
    if engine_answers; then
        up=$(docker ps --filter label=cdk-lab --format '{{.Label "cdk-lab"}}' | sort -u | paste -sd' ')
        [[ -z $up ]] || die "labs are still up: $up. \`lab -n NAME down\` first those that are yours"
    fi
    if [[ $pid == systemd ]]; then
        systemctl stop docker.socket docker
    elif alive "$pid" dockerd; then
        kill "$pid"
        wait_until 60 gone "$pid" dockerd || die "dockerd ($pid) does not end; see /var/log/cdk-lab-dockerd.log"
    fi
    rm -f "$machine/engine"
}
