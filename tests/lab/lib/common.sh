# Shared by all parts of the lab: messages, bounded waits, locks, paths, root.
# shellcheck shell=bash

# What the lab needs may stand in sbin; the engine is always this machine's own.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_TLS_VERIFY DOCKER_API_VERSION
export DOCKER_CLI_HINTS=false LC_ALL=C

machine=/run/cdk-lab # what belongs to this machine, not to one lab: locks, the engine's pid

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
    printf 'lab: error: %s\n' "$*" >&2
    exit 1
}

# lab_paths NAME: the names and places of one lab.
lab_paths() {
    lab=$1
    labs=${CDK_LAB_HOME:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/cdk-lab}
    [[ $labs == /* ]] || labs=$PWD/$labs
    cache=$labs/.cache
    state=$labs/$lab
    network=cdk-lab-$lab
}

# as_root ARGS...: goes on only as root; otherwise the same command through sudo, with the same places.
as_root() {
    if ((EUID == 0)); then
        if [[ -n ${LAB_OWNER-} ]]; then trap 'own_state' EXIT; fi
        return
    fi
    command -v sudo >/dev/null || die "this needs root, and there is no sudo: run it as root"
    exec sudo env PATH="$PATH" HOME="$HOME" CDK_LAB_HOME="$labs" CDK_LAB_MIRROR="${CDK_LAB_MIRROR-}" \
        LAB_OWNER="$(id -u):$(id -g)" "$here/lab" "$@"
}

# Under sudo the keys belong to whoever called, or ssh would refuse them.
own_state() { if [[ -d $labs ]]; then chown -R "$LAB_OWNER" "$labs"; fi; }

# wait_until SECONDS COMMAND...: true as soon as COMMAND is; false after SECONDS.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# with_lock NAME COMMAND...: one at a time on this machine. Not for children that stay: they would inherit it.
with_lock() {
    local lock=$1 fd
    shift
    mkdir -p "$machine"
    exec {fd}>"$machine/$lock.lock"
    flock -n "$fd" || {
        say "waiting for another run of the lab ($lock)"
        flock -w 900 "$fd" || die "$machine/$lock.lock is still held after 15 minutes; \`fuser -v\` on it tells by whom"
    }
    "$@"
    exec {fd}>&-
}

# detached LOG COMMAND...: in a session of its own, and without this program's descriptors: a lock would be held for ever.
detached() {
    local log=$1 fd
    shift
    (
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            if ((fd > 2)); then eval "exec $fd>&-"; fi
        done
        exec setsid "$@" >"$log" 2>&1 </dev/null
    ) &
    detached_pid=$!
}

# alive PID NAME: is that process there, and that program? Pids are used again, and a killed one may stay as a zombie.
alive() {
    local pid comm run
    read -r pid comm run _ 2>/dev/null <"/proc/${1:-0}/stat" || return 1
    [[ $comm == "($2)" && $run != [ZX] ]]
}

gone() { ! alive "$@"; }

# write FILE: standard input replaces FILE at once.
write() {
    # Two may write it at once. Bash expands a command's redirection in the command's own process: that is another number there.
    local to=$1 new=$1.new.$BASHPID
    cat >"$new"
    mv "$new" "$to"
}

number_of() { # h12 -> 12
    [[ $1 =~ ^h([1-9][0-9]?)$ ]] || die "\`$1\` is no host of a lab: they are h1, h2, …"
    echo "${BASH_REMATCH[1]}"
}

debian_of() { if (($1 % 2)); then echo 12; else echo 13; fi; }
