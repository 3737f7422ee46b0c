# cdk's firewall on a host, by root: reads it, changes it, takes a change back.
# usage: script read TABLE SSH_CONNECTION | script change TABLE ID EXPECTED SECONDS SSH_CONNECTION | script undo TABLE ID SECONDS | script back
# change reads from its input: the rules as JSON, a line (empty: none); the keeper, up to a line `--`; the table for nft.
verb=$1
dir=/var/lib/cdk/firewall

undone() { rm -rf "$dir/next" "$dir/keeper.new"; }

# The table without what comes and goes by itself: counters, and who was counted lately.
listing() { nft -s list table inet "$table" 2>/dev/null | sed -e '/elements = {.*}/d' -e '/elements = {/,/}/d'; }
hash_of() { if [ -s "$1" ]; then sha256sum <"$1" | cut -c 1-64; else echo none; fi; }

take_back() {
    for change in "$dir"/pending.* "$dir"/back.*; do
        if [ -e "$change" ]; then sh "$dir/keeper" back "${change##*.}"; fi
    done
}

# Arms the way back to $dir/next/now, then puts the table of $dir/next in force.
try() {
    printf 'table inet %s\ndelete table inet %s\n' "$table" "$table" >"$dir/next/none.nft" || unwritten
    # What cdk wrote comes back as cdk wrote it: nft does not list its own lists as it read them.
    if [ -s "$dir/next/now" ] && [ -e "$dir/current/rules.nft" ] && cmp -s "$dir/next/now" "$dir/current/listing"; then
        cp "$dir/current/rules.nft" "$dir/next/back.nft" || unwritten
    else
        cat "$dir/next/none.nft" "$dir/next/now" >"$dir/next/back.nft" || unwritten
    fi
    for file in rules back; do
        nft -c -f "$dir/next/$file.nft" 2>"$dir/next/said" && continue
        say "refused $file"
        lines "$dir/next/said"
        rm -rf "$dir/next"
        exit 0
    done
    sync "$dir"/next/* 2>/dev/null || sync
    mv -T "$dir/next" "$dir/pending.$id" || unwritten
    exec 3<"$dir/pending.$id/back.nft"
    if ! systemd-run --quiet --collect --unit="cdk-firewall-back-$id" --on-active="${seconds}s" \
        --timer-property=AccuracySec=100ms --property=Restart=on-failure sh "$dir/keeper" back "$id" 2>"$dir/said"; then
        rm -rf "$dir/pending.$id"
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
    if ! listing >"$dir/pending.$id/listing"; then
        # The host was faster than nft, and has taken back what was not in force yet; or the disk is full.
        sh "$dir/keeper" back "$id"
        nft -f - <&3
        fail "late"
    fi
    say "tried $(hash_of "$dir/pending.$id/listing")"
}

command -v nft >/dev/null || fail "missing nftables"
table=${2-}

case $verb in
read)
    said=$(nft list tables inet 2>&1) || fail "unread $said"
    say "read"
    set -- $3
    echo "=ssh ${4-0}"
    printf '%s\n' "$said" | sed -n 's/^table inet \(cdk-.*\)$/=table \1/p'
    for bridge in /sys/class/net/br-*; do
        if [ -e "$bridge/bridge" ]; then echo "=bridge ${bridge##*/}"; fi
    done
    new=$(mktemp)
    listing >"$new"
    # A change that nobody confirmed is no change: what is told is what comes back.
    for change in "$dir"/pending.*; do
        if [ "$(head -n 1 "$change/none.nft" 2>/dev/null)" = "table inet $table" ]; then
            echo "=pending ${change##*/pending.}"
            cat "$change/now" >"$new"
        fi
    done
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
    rm -rf "$dir/next"
    mkdir "$dir/next" || unwritten
    IFS= read -r json
    if [ -n "$json" ]; then printf '%s\n' "$json" >"$dir/next/rules.json" || unwritten; fi
    rm -f "$dir/keeper.new"
    while IFS= read -r line && [ "$line" != "--" ]; do printf '%s\n' "$line" >>"$dir/keeper.new" || unwritten; done
    cat >"$dir/next/rules.nft" || unwritten
    if cmp -s "$dir/keeper.new" "$dir/keeper"; then rm -f "$dir/keeper.new"; else mv "$dir/keeper.new" "$dir/keeper" || unwritten; fi
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
    listing >"$dir/next/now" || unwritten
    case $expected in any | "$(hash_of "$dir/next/now")") ;; *) rm -rf "$dir/next"; fail "moved" ;; esac
    try
    echo "=way $6"
    ;;
undo)
    id=$3 seconds=$4
    umask 077
    take_back
    [ -e "$dir/before/rules.nft" ] || fail "nothing"
    rm -rf "$dir/next"
    cp -r "$dir/before" "$dir/next" || unwritten
    listing >"$dir/next/now" || unwritten
    try
    ;;
back)
    set -- "$dir"/pending.* "$dir"/back.*
    [ -e "$1" ] || [ -e "$2" ] || fail "nothing"
    take_back
    say "back"
    ;;
esac
