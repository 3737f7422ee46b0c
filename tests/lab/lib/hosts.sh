# up, down, status, exec: the containers that are a lab's hosts and its registry.
# shellcheck shell=bash

# One run of one container, on its network: what `up` writes down and later compares.
# shellcheck disable=SC2016
as_seen='{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Running}} {{.State.Paused}}{{range $n, $e := .NetworkSettings.Networks}} {{$n}} {{$e.IPAddress}}{{end}}'

cmd_up() {
    local count=${1-} disk=''
    [[ $count =~ ^[1-9][0-9]?$ ]] && ((count <= most_hosts)) || die "up: how many hosts? 1 to $most_hosts"
    shift
    if [[ ${1-} == --disk ]]; then
        disk=${2-}
        [[ $disk =~ ^[1-9][0-9]*[MG]$ ]] || die "--disk: a size such as 500M or 2G"
        shift 2
    fi
    (($# == 0)) || die "up: unexpected \`$*\`"
    if all_up "$count" "$disk"; then return; fi
    engine_up
    with_lock "lab-$lab" up "$count" "$disk"
}

# all_up COUNT DISK: nothing to do? One call of the engine, compared with what the last `up` wrote down.
all_up() {
    local count=$1 n names=() now known
    [[ -e $state/ssh_config ]] || return 1
    [[ -z $2 || $(stat -c %s "$state/disks/h$count" 2>/dev/null) == $(numfmt --from=iec "$2") ]] || return 1
    names=("$(container_of registry)")
    for ((n = 1; n <= count; n++)); do names+=("$(container_of "h$n")"); done
    now=$(docker inspect -f "$as_seen" "${names[@]}" 2>/dev/null) || return 1
    known=$(cat "$state/up/registry" $(seq -f "$state/up/h%g" "$count") 2>/dev/null) || return 1
    [[ $now == "$known" ]]
}

up() {
    local count=$1 disk=$2 n pid failed=''
    local begun=$SECONDS jobs=()
    raise_limits
    host_images
    ensure_state
    ensure_network
    ensure_container registry '' &
    jobs+=($!)
    for ((n = 1; n <= count; n++)); do
        # Creating is the engine's work and is mostly one after the other anyway; booting overlaps.
        while (($(jobs -rp | wc -l) >= 8)); do wait -n || true; done
        ensure_container "h$n" "$disk" &
        jobs+=($!)
    done
    for pid in "${jobs[@]}"; do wait "$pid" || failed=1; done
    [[ -z $failed ]] || die "not all hosts came up; see above. \`lab up\` again takes up from here"
    write_ssh_files
    say "$lab: $count hosts up after $((SECONDS - begun)) s"
}

home_of() { docker network inspect -f '{{index .Labels "cdk-lab.home"}}' "$network" 2>/dev/null || true; }

# Everything random of a lab, made once; `id` tells containers of this state from those of a lost one.
ensure_state() {
    local home
    home=$(home_of)
    [[ -z $home || $home == "$state" ]] || die "a lab named \`$lab\` with its state in $home is up: choose another name (-n), or CDK_LAB_HOME"
    mkdir -p "$state"/{up,faults,disks}
    chmod 700 "$state"
    [[ -s $state/id ]] || head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n' | write "$state/id"
    id=$(<"$state/id")
    [[ -s $state/id_ed25519.pub ]] || {
        rm -f "$state/id_ed25519"
        ssh-keygen -q -t ed25519 -N '' -C "cdk-lab-$lab" -f "$state/id_ed25519"
    }
    [[ -s $state/registry-password ]] || head -c 18 /dev/urandom | base64 | tr '+/' 'ab' | write "$state/registry-password"
    [[ -s $state/htpasswd ]] || htpasswd -iBn ci <"$state/registry-password" | write "$state/htpasswd"
}

# ensure_container NAME DISK: running, answering, written down; made anew where the engine cannot start it any more.
ensure_container() {
    local name=$1 disk=$2 container found
    container=$(container_of "$name")
    found=$(docker inspect -f '{{index .Config.Labels "cdk-lab.id"}} {{index .Config.Labels "cdk-lab.disk"}}{{range $n, $e := .NetworkSettings.Networks}} {{$n}}{{end}}|{{.State.Status}}' "$container" 2>/dev/null) || found=
    case $found in
        "$id "*" $network|"@(running|paused|exited))
            [[ $name == registry || -z $disk || $found == "$id $disk $network|"* ]] ||
                die "$name was made without \`--disk $disk\`: \`lab down\` first"
            ;;
        '') ;;
        *) # of a lost state, off its network, half made or half removed
            docker rm -fv "$container" >/dev/null 2>&1 || true
            found=
            ;;
    esac
    case ${found#*|} in
        paused) docker unpause "$container" >/dev/null ;;
        exited)
            mount_disk "$name"
            if ! docker start "$container" >/dev/null; then
                say "$name does not start any more: made anew, what it held is lost"
                docker rm -fv "$container" >/dev/null 2>&1 || true
                found=
            fi
            ;;
    esac
    if [[ -z $found ]]; then "create_$(if [[ $name == registry ]]; then echo registry; else echo host; fi)" "$name" "$disk"; fi
    wait_ready "$name"
}

create_registry() {
    local error
    # shellcheck disable=SC2046
    error=$(docker run -d --name "$(container_of registry)" --hostname registry --network "$network" --ip "$(ip4_of -5)" --ip6 "$(ip6_of -5)" \
        $(mac_flag -5) --label cdk-lab="$lab" --label cdk-lab.id="$id" --label cdk-lab.disk= \
        -v "$state/htpasswd:/htpasswd:ro" -v /var/lib/docker-registry -p 127.0.0.1::5000 --stop-signal SIGTERM \
        -e REGISTRY_AUTH=htpasswd -e REGISTRY_AUTH_HTPASSWD_REALM=lab -e REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd \
        -e REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/docker-registry -e REGISTRY_STORAGE_DELETE_ENABLED=true \
        -e REGISTRY_HTTP_ADDR=:5000 -e REGISTRY_LOG_LEVEL=warn -e OTEL_TRACES_EXPORTER=none \
        "$(host_image 12)" docker-registry serve /etc/docker/registry/config.yml 2>&1 >/dev/null) || die "the registry cannot be started: $error"
}

create_host() {
    local name=$1 disk=$2 n debian other storage args=() error cap
    n=$(number_of "$name")
    debian=$(debian_of "$n")
    for cap in SYS_ADMIN NET_ADMIN SYS_PTRACE SYS_CHROOT NET_RAW MKNOD DAC_READ_SEARCH IPC_LOCK SYSLOG SYS_NICE SYS_MODULE AUDIT_WRITE; do
        args+=(--cap-add "$cap")
    done
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        args+=(--cgroupns private)
    elif ((debian >= 13)); then
        args+=(-e SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 -e SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=0)
    fi
    # All that may ever be, so that a lab can grow.
    for ((other = 1; other <= most_hosts; other++)); do args+=(--add-host "h$other:$(ip4_of "$other")"); done
    storage=/var/lib/docker
    if [[ -n $disk ]]; then
        truncate -s "$disk" "$state/disks/$name"
        mkfs.ext4 -q -F -m 0 -O ^has_journal "$state/disks/$name"
        mount_disk "$name"
        storage=$state/disks/$name.mount:/var/lib/docker
    fi
    # shellcheck disable=SC2046
    error=$(docker run -d --name "$(container_of "$name")" --hostname "$name" --network "$network" --ip "$(ip4_of "$n")" --ip6 "$(ip6_of "$n")" \
        $(mac_flag "$n") --add-host "registry.lab:$(ip4_of -5)" \
        --label cdk-lab="$lab" --label cdk-lab.id="$id" --label cdk-lab.disk="$disk" \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
        --stop-signal SIGRTMIN+3 --tmpfs /run --tmpfs /run/lock --tmpfs /tmp -v "$storage" -e container=docker -e LAB_KEY="$(<"$state/id_ed25519.pub")" \
        "${args[@]}" "$(host_image "$debian")" bash -c "$(<"$here/host/init")" init 2>&1 >/dev/null) || die "$name cannot be started: $error"
}

mount_disk() { # a --disk host's file system is mounted out here, and must be again after this machine's reboot
    [[ -e $state/disks/$1 ]] || return 0
    mkdir -p "$state/disks/$1.mount"
    mountpoint -q "$state/disks/$1.mount" || mount -o loop "$state/disks/$1" "$state/disks/$1.mount" ||
        die "the disk of $1 cannot be mounted: are there loop devices? (\`losetup -f\`)"
}

# wait_ready NAME: until it answers; then writes down its engine, its host keys, and which start of it that was.
wait_ready() {
    local name=$1 container answer
    container=$(container_of "$name")
    if [[ $name == registry ]]; then
        wait_until 30 registry_answers || die "the registry does not answer: $(docker logs --tail 3 "$container" 2>&1)"
        registry_port | write "$state/registry-port"
    else
        answer=$(docker exec -i "$container" bash -s 120 <"$here/host/ready" 2>&1) || die "$name does not come up: $answer"
        printf '%s\n' "$answer" | write "$state/up/$name.answer"
    fi
    docker inspect -f "$as_seen" "$container" | write "$state/up/$name"
}

registry_answers() { [[ $(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://$(registry_port)/v2/") == 401 ]]; }

cmd_down() {
    local name home
    case ${1-} in
        '')
            home=$(home_of)
            [[ -z $home || $home == "$state" ]] || die "lab \`$lab\` has its state in $home: set CDK_LAB_HOME to ${home%/*}"
            with_lock "lab-$lab" down
            ;;
        --all)
            for name in $(own_labs); do
                lab_paths "$name"
                with_lock "lab-$lab" down
            done
            ;;
        *) die "down: only \`--all\` may follow" ;;
    esac
}

# The labs of this CDK_LAB_HOME, and remains whose home is gone. Others share this machine: theirs are in use.
own_labs() {
    local name home
    for name in $(all_labs); do
        lab_paths "$name"
        home=$(home_of)
        if [[ -z $home || $home == "$state" || ! -d $home ]]; then
            echo "$name"
        else
            say "left alone: lab \`$name\`, whose state is in $home"
        fi
    done
}

all_labs() {
    {
        if [[ -d $labs ]]; then find "$labs" -mindepth 1 -maxdepth 1 -type d -not -name '.*' -printf '%f\n'; fi
        if engine_answers; then
            docker ps -a --filter label=cdk-lab --format '{{.Label "cdk-lab"}}'
            docker network ls --filter label=cdk-lab --format '{{.Label "cdk-lab"}}'
        fi
    } | sort -u
}

down() {
    if ! engine_answers; then
        [[ -d $state ]] || return 0
        engine_up # dead containers can only be removed by a running engine
    fi
    remove_containers
    remove_network
    forget_faults
    local disk
    for disk in "$state"/disks/*.mount; do
        if mountpoint -q "$disk"; then umount "$disk" || umount -l "$disk"; fi
    done
    rm -rf "$state"
}

remove_containers() {
    docker ps -aq --filter "label=cdk-lab=$lab" | xargs -rP 8 -n 4 docker rm -fv >/dev/null || true
    # A second look: an engine under load says "removal already in progress".
    wait_until 30 no_containers || die "some hosts cannot be removed: $(docker ps -a --filter "label=cdk-lab=$lab" --format '{{.Names}} {{.Status}}')"
}

no_containers() {
    local left
    left=$(docker ps -aq --filter "label=cdk-lab=$lab")
    [[ -z $left ]] || { xargs -r docker rm -fv <<<"$left" >/dev/null 2>&1; false; }
}

cmd_status() {
    local name status n
    load_slot
    engine_answers || die "the engine is not running: \`lab up\` starts it"
    printf '%-9s %-15s %-7s %-9s %s\n' HOST ADDRESS DEBIAN STATE DOCKER
    docker ps -a --filter "label=cdk-lab=$lab" --format '{{.Names}} {{.State}}' | sed "s/^$network-//" | sort -V | while read -r name status; do
        n=$(number_of_any "$name")
        if [[ $name == registry ]]; then
            printf '%-9s %-15s %-7s %-9s %s\n' registry "$(ip4_of "$n")" - "$status" "published on $(registry_port)"
        else
            printf '%-9s %-15s %-7s %-9s %s\n' "$name" "$(ip4_of "$n")" "$(debian_of "$n")" "$status" \
                "$(sed -n 's/^engine //p' "$state/up/$name.answer" 2>/dev/null)"
        fi
    done
}

# init_of HOST: its first process. The engine is asked only where that is another one than last time.
init_of() {
    local host=$1 known=$state/up/$1.init init since
    if read -r init since 2>/dev/null <"$known" && [[ $since == "$(began "$init")" ]]; then
        echo "$init"
        return
    fi
    init=$(docker inspect -f '{{.State.Pid}}' "$(container_of "$host")" 2>/dev/null) || init=0
    ((init)) || die "$host is not running"
    echo "$init $(began "$init")" | write "$known"
    echo "$init"
}

# began PID: when that process began, in ticks since the boot; nothing where there is none. See proc_pid_stat(5), field 22.
began() {
    local stat fields
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    read -ra fields <<<"${stat##*) }"
    echo "${fields[19]}"
}

cmd_exec() {
    local host=${1-} init
    (($# >= 2)) || die "exec: HOST CMD..."
    shift
    [[ $host == registry ]] || number_of "$host" >/dev/null
    if [[ -t 0 && -t 1 ]]; then
        docker exec -it "$(container_of "$host")" "$@"
        return
    fi
    # Tests do this a thousand times: without the engine it takes a tenth of the work.
    init=$(init_of "$host")
    nsenter --target "$init" --mount --uts --ipc --net --pid -- env -i container=docker HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
