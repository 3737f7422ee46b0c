# cdk's firewall on a host, by root: reads it, changes it, takes a change back.
# usage: script read TABLE SSH_CONNECTION | script change TABLE ID EXPECTED SECONDS SSH_CONNECTION | script undo TABLE ID SECONDS | script back
# change reads from its input: the rules as JSON, a line (empty: none); the keeper, up to a line `--`; the table for nft.
verb=$1
dir=/var/lib/cdk/firewall

undone() { rm -rf "$dir/next.$id" "$dir/keeper.$id"; }

# The table without what comes and goes by itself: counters, and who was counted lately.
listing() { nft -s list table inet "$table" 2>/dev/null | sed -e '/elements = {.*}/d' -e '/elements = {/,/}/d'; }
hash_of() { if [ -s "$1" ]; then sha256sum <"$1" | cut -c 1-64; else echo none; fi; }

# came_in WHAT: how who runs this came in by SSH. `sudo` and `su` take that out of the environment: then by the nearest ancestor that knows it.
came_in() {
    found=$1 pid=$$
    while [ -z "$found" ] && [ "${pid:-1}" -gt 1 ]; do
        found=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p' | head -n 1)
        pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
    done
    echo "$found"
}

take_back() {
    for change in "$dir"/pending.* "$dir"/back.*; do
        if [ -e "$change" ]; then sh "$dir/keeper" back "${change##*.}"; fi
    done
}

# Arms the way back to $dir/next.$id/now, then puts the table of $dir/next.$id in force.
try() {
    printf 'table inet %s\ndelete table inet %s\n' "$table" "$table" >"$dir/next.$id/none.nft" || unwritten
    # What cdk wrote comes back as cdk wrote it: nft does not list its own lists as it read them.
    if [ -s "$dir/next.$id/now" ] && [ -e "$dir/current/rules.nft" ] && cmp -s "$dir/next.$id/now" "$dir/current/listing"; then
        cp "$dir/current/rules.nft" "$dir/next.$id/back.nft" || unwritten
    else
        cat "$dir/next.$id/none.nft" "$dir/next.$id/now" >"$dir/next.$id/back.nft" || unwritten
    fi
    for file in rules back; do
        nft -c -f "$dir/next.$id/$file.nft" 2>"$dir/next.$id/said" && continue
        say "refused $file"
        lines "$dir/next.$id/said"
        rm -rf "$dir/next.$id"
        exit 0
    done
    sync "$dir/next.$id"/* 2>/dev/null || sync
    mv -T "$dir/next.$id" "$dir/pending.$id" || unwritten
    exec 3<"$dir/pending.$id/back.nft"
    if ! systemd-run --quiet --collect --unit="cdk-firewall-back-$id" --on-active="${seconds}s" \
        --timer-property=AccuracySec=100ms --property=Restart=on-failure sh "$dir/keeper" back "$id" 2>"$dir/said"; then
        # All of it at once: half of it would be taken for a change that is in force.
        mv -T "$dir/pending.$id" "$dir/gone.$id" && rm -rf "$dir/gone.$id"
        say "unarmed"
        lines "$dir/said"
        exit 0
    fi
    if ! nft -f "$dir/pending.$id/rules.nft" 2>"$dir/said"; then
        sh "$dir/keeper" back "$id"
        say "refused rules"
        lines "$dir/said"
        exit 0
    fi
    if ! stand "$dir/pending.$id"; then
        # The host was faster than nft, and has taken back what was not in force yet; or the disk is full.
        sh "$dir/keeper" back "$id"
        nft -f - <&3
        fail "late"
    fi
    say "tried"
}

# Notes that a change is in force, and how nft lists what cdk wrote. What it goes back to was listed when cdk wrote it: what was changed by
# hand since is seen beside that.
stand() {
    listing >"$1/stands.new" && { [ -e "$1/listing" ] || cp "$1/stands.new" "$1/listing"; } && mv -T "$1/stands.new" "$1/stands"
}

command -v nft >/dev/null || fail "missing nftables"
table=${2-}

case $verb in
read)
    said=$(nft list tables inet 2>&1) || fail "unread $said"
    new=$(mktemp) && listing >"$new" || fail "unread there is no room in ${TMPDIR-/tmp}"
    if printf '%s\n' "$said" | grep -qxF "table inet $table" && [ ! -s "$new" ]; then
        fail "unread $(nft list table inet "$table" 2>&1 | head -n 1)"
    fi
    # A change that nobody confirmed is no change: what is told is what comes back.
    for change in "$dir"/pending.*; do
        if [ "$(head -n 1 "$change/none.nft" 2>/dev/null)" = "table inet $table" ]; then
            cp "$change/now" "$new" 2>/dev/null || [ ! -e "$change" ] || fail "unread there is no room in ${TMPDIR-/tmp}"
            if [ -e "$change/stands" ]; then pending=${change##*/pending.}; fi
        fi
    done
    say "read"
    set -- $(came_in "$3")
    echo "=ssh ${4-0}"
    printf '%s\n' "$said" | sed -n 's/^table inet \(cdk-.*\)$/=table \1/p'
    for bridge in /sys/class/net/br-*; do
        if [ -e "$bridge/bridge" ]; then echo "=bridge ${bridge##*/}"; fi
    done
    if [ -n "${pending-}" ]; then echo "=pending $pending"; fi
    echo "=hash $(hash_of "$new")"
    if [ -e "$dir/current/rules.json" ]; then
        printf '=rules '
        cat "$dir/current/rules.json"
        echo "=confirmed $(hash_of "$dir/current/listing")"
        if ! cmp -s "$new" "$dir/current/listing"; then
            echo "=was"
            lines "$dir/current/listing"
            echo "=is"
            lines "$new"
        fi
    fi
    rm -f "$new"
    case $(cat "$dir/current/rules.json" 2>/dev/null) in
    *'"default":"deny"'*) ;;
    *)
        echo "=sockets"
        ss -Hltunp 2>/dev/null | sed 's/^/|/'
        ;;
    esac
    ;;
change)
    id=$3 expected=$4 seconds=$5
    umask 077
    mkdir -p "$dir" || fail "unwritten $dir"
    take_back
    # Of those that were killed long ago.
    find "$dir" -maxdepth 1 -mmin +60 \( -name 'next.*' -o -name 'keeper.*' \) -exec rm -rf {} +
    mkdir "$dir/next.$id" || unwritten
    IFS= read -r json
    if [ -n "$json" ]; then printf '%s\n' "$json" >"$dir/next.$id/rules.json" || unwritten; fi
    while IFS= read -r line && [ "$line" != "--" ]; do printf '%s\n' "$line" >>"$dir/keeper.$id" || unwritten; done
    cat >"$dir/next.$id/rules.nft" || unwritten
    if cmp -s "$dir/keeper.$id" "$dir/keeper"; then rm -f "$dir/keeper.$id"; else mv "$dir/keeper.$id" "$dir/keeper" || unwritten; fi
    install_unit cdk-firewall.service <<UNIT
[Unit]
Description=cdk: the firewall as git has it
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=local-fs.target nftables.service
Conflicts=shutdown.target
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh $dir/keeper boot
ExecReload=/bin/sh $dir/keeper boot

[Install]
WantedBy=sysinit.target nftables.service
UNIT
    listing >"$dir/next.$id/now" || unwritten
    case $expected in any | "$(hash_of "$dir/next.$id/now")") ;; *) rm -rf "$dir/next.$id"; fail "moved" ;; esac
    try
    echo "=way $(came_in "$6")"
    ;;
undo)
    id=$3 seconds=$4
    umask 077
    take_back
    [ -s "$dir/before/rules.nft" ] || fail "nothing"
    cp -r "$dir/before" "$dir/next.$id" || unwritten
    listing >"$dir/next.$id/now" || unwritten
    try
    ;;
back)
    set -- "$dir"/pending.* "$dir"/back.*
    [ -e "$1" ] || [ -e "$2" ] || fail "nothing"
    take_back
    say "back"
    ;;
esac
