# The part of cdk's firewall that stays on a host: takes a change back, confirms one, and loads the rules at boot.
# A change lies in pending.ID; the rename of that folder, which only one can do, decides what becomes of it.
# usage: keeper back ID | keeper confirm ID | keeper boot
set -u
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
dir=/var/lib/cdk/firewall

# Keeps what a confirmed change has taken the place of.
keep_before() {
    mkdir "$dir/before" && cp "$1/back.nft" "$dir/before/rules.nft" || return 1
    for file in rules.json listing; do
        [ ! -e "$dir/current/$file" ] || cp "$dir/current/$file" "$dir/before/$file" || return 1
    done
}

# Makes a confirmed change what stands after the next boot, and keeps what it replaced.
finish() {
    [ -e "$1" ] || return 0
    rm -rf "$dir/before" "$dir/current.old"
    # Half of it, as on a full disk, is nothing to go back to.
    keep_before "$1" || rm -rf "$dir/before"
    if [ -e "$dir/current" ]; then mv -T "$dir/current" "$dir/current.old"; fi
    if [ -s "$1/rules.json" ]; then mv -T "$1" "$dir/current"; fi
    rm -rf "$dir/current.old" "$1"
    # Not all of the machine's disks: a busy one would take longer than cdk waits for its confirmation.
    set -- "$dir"
    for kept in "$dir"/before "$dir"/before/* "$dir"/current "$dir"/current/*; do [ ! -e "$kept" ] || set -- "$@" "$kept"; done
    sync "$@" 2>/dev/null || sync
}

# Puts back what stood before a change. Where even that is refused, an open host is better than a lost one.
load_back() {
    [ ! -e "$1/none.nft" ] || nft -f "$1/back.nft" || nft -f "$1/none.nft" || return 1
    # All of it goes at once: what is left by a kill must not be taken for another change.
    mv -T "$1" "$dir/gone.${1##*.}" || return 1
    rm -rf "$dir"/gone.*
}

# One at a time, and what another was killed over comes to its end first.
exec 9<"$dir" && flock 9
if [ ! -e "$dir/current" ] && [ -e "$dir/current.old" ]; then mv -T "$dir/current.old" "$dir/current"; fi
for change in "$dir"/confirmed.*; do finish "$change"; done

case $1 in
back)
    mv -T "$dir/pending.$2" "$dir/back.$2" 2>/dev/null || [ -e "$dir/back.$2" ] || exit 0
    until load_back "$dir/back.$2"; do sleep 1; done
    ;;
confirm)
    # One that never came into force is none: what changed it was killed.
    [ -e "$dir/pending.$2/stands" ] && mv -T "$dir/pending.$2" "$dir/confirmed.$2" 2>/dev/null || { echo "cdk-answer late"; exit 0; }
    finish "$dir/confirmed.$2"
    systemctl stop "cdk-firewall-back-$2.timer" 2>/dev/null
    echo "cdk-answer confirmed"
    ;;
boot)
    # A change that nobody confirmed before the host went down is no change.
    for change in "$dir"/pending.*; do
        [ -e "$change" ] || continue
        id=${change##*/pending.}
        mv -T "$change" "$dir/back.$id" 2>/dev/null && load_back "$dir/back.$id"
    done
    rm -rf "$dir"/back.* "$dir"/gone.*
    if [ -e "$dir/current/rules.nft" ]; then nft -f "$dir/current/rules.nft"; fi
    ;;
esac
