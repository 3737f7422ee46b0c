# What cdk's scripts on a host have in common, run before each of them: how they answer, what they need, how their unit gets there.
# Each has `$dir`, its own folder there.
set -u
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

say() { printf 'cdk-answer %s\n' "$*"; }
fail() {
    say "$@"
    exit 0
}
# What cannot be written whole, as on a full disk, is not gone by.
unwritten() {
    undone
    fail "unwritten ${1-$dir}"
}
# What others said.
lines() { sed 's/^/|/' "$1"; }

# install_unit UNIT [OPTION]: enables and starts the unit that it reads, where it is not that one already. Steps on one host go on side by side.
install_unit() {
    unit=/etc/systemd/system/$1
    exec 8</etc/systemd/system && flock 8
    umask 022
    cat >"$unit.new" || unwritten "$unit"
    umask 077
    if cmp -s "$unit.new" "$unit" && systemctl --quiet is-enabled "$1"; then
        rm -f "$unit.new"
    else
        mv "$unit.new" "$unit" && systemctl daemon-reload && systemctl --quiet enable "$1" 2>/dev/null || unwritten "$unit"
        systemctl start ${2-} "$1"
    fi
    exec 8>&-
}

case $(id -u) in 0) ;; *) fail "denied $(id -un)" ;; esac
[ -d /run/systemd/system ] || fail "missing systemd"
