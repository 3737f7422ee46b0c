# The test application's images, and the small programs of the lab that rustc compiles.
# shellcheck shell=bash

# compiled SOURCE: path of the static binary, compiled unless it is at hand already.
compiled() {
    local source=$1 hash binary
    hash=$(cat "$source" "$here/lib/app.sh" | sha256sum)
    binary=$cache/$(basename "$source" .rs)-${hash:0:12}
    if [[ ! -x $binary ]]; then
        PATH=$PATH:${HOME:-/root}/.cargo/bin command -v rustc >/dev/null || die "no rustc in PATH: it compiles $source"
        mkdir -p "$cache"
        PATH=$PATH:${HOME:-/root}/.cargo/bin rustc --edition 2024 -O -C target-feature=+crt-static -C strip=symbols -C panic=abort \
            -o "$binary.$$" "$source" >&2 || die "rustc could not compile $source"
        mv "$binary.$$" "$binary"
    fi
    echo "$binary"
}

cmd_image() {
    local image=${1-} push='' variant=''
    [[ $image =~ ^[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || die "image: NAME:VERSION, e.g. app:1.0"
    shift
    while (($#)); do
        case $1 in
            --push) push=1 ;;
            --variant) variant=${2-}; shift || true; [[ -n $variant ]] || die "--variant: which?" ;;
            *) die "image: unexpected \`$1\`" ;;
        esac
        shift
    done
    engine_up
    with_lock image build_app_image "$image" "$variant"
    [[ -z $push ]] || with_lock "push-$lab" push_image "$image" "$variant"
}

# An import made twice has two ids, even of equal content: the first one is kept under a name of its content.
kept_image() { # IMAGE VARIANT BINARY
    local hash
    hash=$(printf '%s\n' "$1" "$2" "$3" | sha256sum)
    echo "cdk-lab/app:${hash:0:16}"
}

build_app_image() {
    local image=$1 variant=$2 binary kept folder
    binary=$(compiled "$here/app/main.rs")
    kept=$(kept_image "$image" "$variant" "$(basename "$binary")")
    if ! docker image inspect "$kept" >/dev/null 2>&1; then
        folder=$(mktemp -d)
        # shellcheck disable=SC2064
        trap "rm -rf '$folder'" RETURN
        cp "$binary" "$folder/app"
        echo "${image##*:}" >"$folder/version"
        mkdir -m 1777 "$folder/tmp"
        if [[ -n $variant ]]; then echo "$variant" >"$folder/variant"; fi
        tar -C "$folder" --owner=0 --group=0 --sort=name --mtime=@0 -c . |
            docker import -c 'CMD ["/app"]' -c 'EXPOSE 8080' -c 'LABEL cdk-lab.app=1' - "$kept" >/dev/null
    fi
    docker tag "$kept" "$image"
    # The name under which hosts know it, for those that use this machine's engine as a host.
    docker tag "$kept" "registry.lab:5000/$image"
}

push_image() {
    local image=$1 variant=$2 port kept said
    port=$(registry_port)
    [[ -n $port ]] || die "the registry of lab \`$lab\` is not up: \`lab -n $lab up 4\`"
    kept=$(kept_image "$image" "$variant" "$(basename "$(compiled "$here/app/main.rs")")")
    # Not `docker login`: it would write into the caller's own settings.
    mkdir -p "$state/docker"
    printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$port" "$(printf 'ci:%s' "$(<"$state/registry-password")" | base64 -w 0)" | write "$state/docker/config.json"
    docker tag "$kept" "$port/$image"
    said=$(docker --config "$state/docker" push "$port/$image" 2>&1) || die "push of $image failed: $(tail -n 2 <<<"$said")"
    docker rmi "$port/$image" >/dev/null
    [[ $said =~ digest:\ (sha256:[0-9a-f]{64}) ]] || die "push of $image gave no digest: $said"
    echo "registry.lab:5000/$image@${BASH_REMATCH[1]}"
}
