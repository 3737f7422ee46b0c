# The hosts' images: debootstrap, then host/setup inside, then `docker import`; cached by the hash of that recipe.
# shellcheck shell=bash

suite_of() { if (($1 == 12)); then echo bookworm; else echo trixie; fi; }

# host_image DEBIAN: the image's name. Anything that goes into it must go into the hash.
host_image() {
    local hash
    hash=$({ declare -f suite_of build_image; cat "$here/host/setup"; } | sha256sum)
    echo "cdk-lab/debian$1:${hash:0:12}"
}

# host_images: both at once, so that a lab mixes the releases.
host_images() {
    local debian
    for debian in 12 13; do
        docker image inspect "$(host_image "$debian")" >/dev/null 2>&1 || {
            with_lock images build_missing
            return
        }
    done
}

build_missing() {
    local debian image pid failed='' jobs=()
    for debian in 12 13; do
        image=$(host_image "$debian")
        if docker image inspect "$image" >/dev/null 2>&1; then continue; fi
        say "making the image of Debian $debian (a minute or two, once)"
        build_image "$debian" "$image" &
        jobs+=($!)
    done
    for pid in "${jobs[@]}"; do wait "$pid" || failed=1; done
    [[ -z $failed ]] || die "the host images could not be made; see above"
    # Other checkouts may have other recipes: a few generations stay.
    docker images --format '{{.Repository}}:{{.Tag}}' --filter label=cdk-lab.host-image | tail -n +7 | while read -r image; do
        docker rmi "$image" >/dev/null 2>&1 || true
    done
}

# The mirror and the proxy that this machine uses itself.
debian_mirror() {
    local found
    if [[ -n ${CDK_LAB_MIRROR-} ]]; then
        echo "$CDK_LAB_MIRROR"
        return
    fi
    found=$(sed -nE 's/^(deb (\[[^]]*\] )?|URIs: *)(https?:[^ ]*\/debian)\/?( .*)?$/\3/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
    echo "${found:-http://deb.debian.org/debian}"
}

build_image() {
    local debian=$1 image=$2 work root log proxy='' include
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/cdk-lab-image.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf --one-file-system '$work'" EXIT
    root=$work/root log=$work/log
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [[ -z $proxy ]] || export http_proxy=$proxy
    include=systemd,systemd-sysv,dbus,openssh-server,docker.io,nftables,iptables,iproute2,procps,sudo,ca-certificates,curl,iputils-ping,iputils-arping
    # Other firewalls, which a test starts beside cdk's; the last is what firewalld's polkitd wants of logind, and debootstrap takes no alternatives.
    include+=,ufw,firewalld,libpam-systemd
    # One image serves as the registry too.
    ((debian != 12)) || include+=,docker-registry
    # A part of docker.io before Debian 13.
    ((debian != 13)) || include+=,docker-cli
    debootstrap --variant=minbase --include="$include" "$(suite_of "$debian")" "$root" "$(debian_mirror)" >"$log" 2>&1 ||
        die "debootstrap of Debian $debian failed: $(tail -n 5 "$log" "$root/debootstrap/debootstrap.log" 2>/dev/null)"
    cp "$here/host/setup" "$root/setup"
    chroot "$root" /bin/sh /setup >"$log" 2>&1 || die "host/setup of Debian $debian failed: $(tail -n 5 "$log")"
    rm "$root/setup"
    tar -C "$root" -c . | docker import \
        -c "LABEL cdk-lab.host-image=$debian" - "$image" >/dev/null || die "docker import of $image failed"
}
