# What goes wrong on purpose. Network faults are rules on the lab's bridge, by hardware address: hosts cannot see them, reboots keep them.
# shellcheck shell=bash

cmd_fault() {
    local what=${1-} host=${2-} container
    [[ -n $what ]] || die "fault: which? \`lab\` alone prints the usage"
    load_slot
    if [[ $what != heal || -n $host ]]; then
        number_of_any "$host" >/dev/null
        container=$(container_of "$host")
        docker inspect "$container" >/dev/null 2>&1 || die "lab \`$lab\` has no $host"
    fi
    case $what in
        stop) docker stop -t 30 "$container" >/dev/null ;;
        power-cut) docker kill "$container" >/dev/null ;;
        pause) docker pause "$container" >/dev/null ;;
        start | unpause)
            mount_disk "$host"
            docker "$what" "$container" >/dev/null
            back "$host"
            ;;
        reboot)
            docker restart -t 30 "$container" >/dev/null
            back "$host"
            ;;
        kill-dockerd | kill-sshd | start-dockerd | start-sshd) with_lock "lab-$lab" "fault_${what/-*/}" "$host" "${what#*-}" ;;
        cut) with_lock "fault-$lab" add_fault "cut-$host" ;;
        partition)
            number_of_any "${3-}" >/dev/null
            [[ $host != "$3" ]] || die "partition: two different hosts"
            with_lock "fault-$lab" add_fault "partition-$host-$3"
            ;;
        loss)
            [[ ${3-} =~ ^[0-9]+$ ]] && (($3 >= 1 && $3 <= 100)) || die "loss: how many percent, 1 to 100?"
            with_lock "fault-$lab" add_fault "loss-$host" "$3"
            ;;
        delay)
            [[ ${3-} =~ ^[0-9]+$ ]] && (($3 <= 60000)) || die "delay: how many milliseconds, 0 to 60000?"
            start_delay "$host" "$3"
            ;;
        full-disk) fill_disk "$host" ;;
        heal) heal "$host" ;;
        *) die "unknown fault \`$what\`; \`lab\` alone prints the usage" ;;
    esac
}

# back HOST: it answers again, and the next `up` knows that it has nothing to do.
back() {
    wait_ready "$1"
    if [[ -s $state/faults/delay-$1 ]]; then start_delay "$1" "$(<"$state/faults/delay-$1")"; fi
}

# Masked while they are down: systemd would start them again, and the socket would start dockerd at the first call.
fault_kill() {
    local container
    container=$(container_of "$1")
    # shellcheck disable=SC2016
    docker exec "$container" bash -euc '
        units=$1 process=$2
        systemctl mask --runtime -q $units
        pkill -9 -f "$process" || true
        end=$((SECONDS + 10))
        while pgrep -f "$process" >/dev/null; do ((SECONDS < end)) || exit 1; sleep 0.05; done
        systemctl stop $units 2>/dev/null' kill "$(units_of "$2")" "$(process_of "$2")" || die "$2 of $1 does not die"
    rm -f "$state/up/$1"
}

fault_start() {
    local units
    units=$(units_of "$2")
    # shellcheck disable=SC2016,SC2086
    docker exec "$(container_of "$1")" sh -euc 'systemctl unmask --runtime -q "$@"; systemctl reset-failed "$@" 2>/dev/null || true; systemctl start "$@"' \
        start $units || die "$2 of $1 does not start: \`lab exec $1 journalctl -u ${units##* }\`"
    back "$1"
}

units_of() { if [[ $1 == dockerd ]]; then echo docker.socket docker.service; else echo ssh.service; fi; }
process_of() { if [[ $1 == dockerd ]]; then echo '^/usr/s?bin/dockerd'; else echo '^(/usr/sbin/)?sshd|^/usr/lib/openssh/sshd-'; fi; }

add_fault() {
    echo "${2-}" >"$state/faults/$1"
    render_faults
}

# All network faults of the lab in one table, replaced at once. Neighbour discovery passes: packets vanish, nobody says "no route".
render_faults() {
    local fault kind a b mac_a mac_b rules_in='' rules_out='' rules_forward=''
    for fault in "$state"/faults/{cut,partition,loss}-*; do
        [[ -e $fault ]] || continue
        IFS=- read -r kind a b <<<"${fault##*/}"
        mac_a=$(mac_of "$(number_of_any "$a")")
        case $kind in
            cut)
                rules_in+="ether saddr $mac_a drop; "
                rules_out+="ether daddr $mac_a drop; "
                ;;
            partition)
                mac_b=$(mac_of "$(number_of_any "$b")")
                rules_forward+="ether saddr $mac_a ether daddr $mac_b drop; ether saddr $mac_b ether daddr $mac_a drop; "
                ;;
            loss)
                # `< 100` would be refused.
                b="numgen random mod 100 >= $((100 - $(<"$fault"))) drop; "
                rules_in+="ether saddr $mac_a $b"
                rules_out+="ether daddr $mac_a $b"
                rules_forward+="ether saddr $mac_a $b ether daddr $mac_a $b"
                ;;
        esac
    done
    local table="bridge cdk_lab_$slot" neighbours='ether type arp accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;'
    if [[ -z $rules_in$rules_forward ]]; then
        printf 'table %s\ndelete table %s\n' "$table" "$table"
    else
        printf 'table %s\ndelete table %s\ntable %s {\n' "$table" "$table" "$table"
        printf ' chain input { type filter hook input priority -300; %s %s }\n' "$neighbours" "$rules_in"
        printf ' chain output { type filter hook output priority -300; %s %s }\n' "$neighbours" "$rules_out"
        printf ' chain forward { type filter hook forward priority -300; %s %s }\n}\n' "$neighbours" "$rules_forward"
    fi | nft -f - || die "nft refused the fault's rules"
}

# start_delay HOST MS: what comes to the host waits in a queue of its own network, emptied by a helper out here
# (tc's netem would do, but not every kernel has it). Not what it sends: TCP sends little while its own packets wait. It ends with the host's run and is begun again by `fault start`.
start_delay() {
    local host=$1 ms=$2 init helper table
    stop_delay "$host"
    helper=$(compiled "$here/app/delay.rs")
    init=$(docker inspect -f '{{.State.Pid}}' "$(container_of "$host")")
    ((init)) || die "$host is not running"
    detached "$state/faults/delay-$host.log" nsenter --target "$init" --net "$helper" "$init" "$ms"
    echo "$detached_pid" >"$state/faults/delay-$host.pid"
    wait_until 5 grep -q ready "$state/faults/delay-$host.log" || die "delay: $(cat "$state/faults/delay-$host.log")"
    for table in iptables-legacy ip6tables-legacy; do
        # -w: several hosts share one lock file.
        in_net "$init" "$table" -w 10 -t mangle -A PREROUTING -i eth0 -j NFQUEUE --queue-num 77 --queue-bypass
    done
    echo "$ms" >"$state/faults/delay-$host"
}

in_net() { nsenter --target "$1" --net "${@:2}"; }

stop_delay() {
    local host=$1 pid init table
    pid=$(cat "$state/faults/delay-$host.pid" 2>/dev/null) || return 0
    init=$(docker inspect -f '{{.State.Pid}}' "$(container_of "$host")" 2>/dev/null) || init=0
    if ((init)); then
        for table in iptables-legacy ip6tables-legacy; do
            in_net "$init" "$table" -w 10 -t mangle -D PREROUTING -i eth0 -j NFQUEUE --queue-num 77 --queue-bypass 2>/dev/null || true
        done
    fi
    if [[ $(readlink "/proc/$pid/exe") == "$cache"/delay-* ]]; then kill "$pid"; fi
    rm -f "$state/faults/delay-$host"{,.pid,.log}
}

fill_disk() {
    [[ -e $state/disks/$1 ]] || die "$1 has no disk of its own: \`lab up N --disk 2G\`"
    # Once at full speed, then block by block until nothing fits any more.
    docker exec "$(container_of "$1")" sh -c 'cd /var/lib/docker
        fallocate -l "$(df --output=avail -B1 . | tail -n 1)" .lab-full 2>/dev/null
        dd if=/dev/zero of=.lab-full-too bs=4k 2>/dev/null; df -h . | tail -n 1' >&2
}

heal() {
    local host fault
    for host in ${1:-$(docker ps --filter "label=cdk-lab=$lab" --format '{{.Names}}' | sed "s/^$network-//")}; do
        stop_delay "$host"
        if [[ -e $state/disks/$host ]]; then rm -f "$state/disks/$host.mount"/.lab-full*; fi
        for fault in "$state"/faults/{cut,loss}-"$host" "$state"/faults/partition-{"$host"-*,*-"$host"}; do rm -f "$fault"; done
    done
    if [[ -z ${1-} ]]; then rm -f "$state"/faults/{cut,loss,partition}-*; fi
    with_lock "fault-$lab" render_faults
}

# For `down`: nothing of them stays behind.
forget_faults() {
    local pid file
    slot=$(cat "$state/slot" 2>/dev/null) || return 0
    for file in "$state"/faults/delay-*.pid; do
        pid=$(cat "$file" 2>/dev/null) || continue
        if [[ $(readlink "/proc/$pid/exe") == "$cache"/delay-* ]]; then kill "$pid"; fi
    done
    printf 'table bridge cdk_lab_%s\ndelete table bridge cdk_lab_%s\n' "$slot" "$slot" | nft -f - || true
}
