# The part of cdk's public addresses that stays on a host: puts a change in force, takes it back, confirms it, binds at boot.
# A change lies in pending.ID; the rename of that folder, which only one can do, decides what becomes of it.
# usage: keeper try ID | keeper back ID | keeper confirm ID | keeper free ADDRESS INTERFACE | keeper absent ADDRESS INTERFACE
#        keeper announce ADDRESS INTERFACE | keeper boot
set -u
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
dir=/var/lib/cdk/address

# standing ADDRESS INTERFACE: the address with its bits, where it stands there.
standing() {
    ip -o address show dev "$2" 2>/dev/null | while read -r _ _ _ one _; do
        case $one in "$1" | "$1"/*) echo "$one" ;; esac
    done
}
stands() { [ -n "$(standing "$1" "$2")" ]; }

# Whether nobody on the network answers for an address. IPv6 finds that out by itself when it is bound.
free() {
    case $1 in
    *:*) return 0 ;;
    *)
        arping -q -D -c 2 -w 2 -I "$2" "$1"
        # 1: somebody does. 2: it can't be asked there, as where there is no ARP.
        [ $? -ne 1 ]
        ;;
    esac
}

# A neighbour advertisement for ADDRESS to all nodes: type 136, override, with our link-layer address. See RFC 4861, 4.4.
ADVERTISE='
    use Socket qw(inet_pton AF_INET6 SOCK_RAW);
    my ($address, $interface) = @ARGV;
    sub told { open(my $file, "<", "/sys/class/net/$interface/$_[0]") or exit; my $line = <$file>; chomp $line; $line }
    my $index = told("ifindex");
    socket(my $to, AF_INET6, SOCK_RAW, 58) or exit;
    setsockopt($to, 41, 17, pack("i", $index));
    setsockopt($to, 41, 18, pack("i", 255));
    my $said = pack("CCnNa16CCa6", 136, 0, 0, 0x20000000, inet_pton(AF_INET6, $address), 2, 1, pack("H12", told("address") =~ tr/://dr));
    send($to, $said, 0, pack("SnNa16L", AF_INET6, 0, 0, inet_pton(AF_INET6, "ff02::1"), $index))'

# Tells the network for a minute, or until the address goes: what the one before still says must not last, nor what this one says.
# Without perl, which every Debian has, the kernel tells it of IPv6 once.
announce() { systemd-run --quiet --collect --no-block sh "$dir/keeper" announce "$1" "$2"; }
announcing() {
    left=60
    while [ "$left" -gt 0 ] && stands "$1" "$2"; do
        case $1 in
        *:*) command -v perl >/dev/null && perl -e "$ADVERTISE" "$1" "$2" ;;
        *) arping -q -U -c 1 -w 1 -I "$2" "$1" ;;
        esac
        sleep 1
        left=$((left - 1))
    done
}

# One that was found to be somebody else's stands in name only.
bury() {
    case $1 in
    *:*) if ip -o address show dev "$2" dadfailed 2>/dev/null | grep -qF " $1/"; then drop "$1" "$2"; fi ;;
    esac
}

# An IPv6 address is bound as one that nothing new is sent from (`preferred_lft 0`): the kernel would take it for the host's own sender
# address, since its prefix is the longest. Whom others let in as this host comes from the host's own one.

# take ADDRESS INTERFACE: as our own, whatever others say. On an interface that is gone there is nothing to take.
take() {
    bury "$1" "$2"
    stands "$1" "$2" && return 0
    [ -e "/sys/class/net/$2" ] || return 0
    case $1 in
    *:*)
        conf=/proc/sys/net/ipv6/conf/$2
        probes=$(cat "$conf/dad_transmits") notify=$(cat "$conf/ndisc_notify")
        # Not probed for, the address is told to the network as soon as it is bound.
        echo 0 >"$conf/dad_transmits"
        echo 1 >"$conf/ndisc_notify"
        ip address add "$1/128" dev "$2" preferred_lft 0
        code=$?
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            ip -o address show dev "$2" tentative | grep -qF " $1/" || break
            sleep 0.05
        done
        echo "$probes" >"$conf/dad_transmits"
        echo "$notify" >"$conf/ndisc_notify"
        [ "$code" -eq 0 ] || return "$code"
        # Who had it may have spoken at that moment.
        if ip -o address show dev "$2" tentative | grep -qF " $1/"; then
            ip address delete "$1/128" dev "$2"
            ip address add "$1/128" dev "$2" preferred_lft 0 nodad || return 1
        fi
        ;;
    *) ip address add "$1/32" dev "$2" || return 1 ;;
    esac
    announce "$1" "$2"
}

# add ADDRESS INTERFACE: unless somebody has it.
add() {
    bury "$1" "$2"
    stands "$1" "$2" && return 0
    case $1 in
    *:*)
        conf=/proc/sys/net/ipv6/conf/$2 notify=$(cat "/proc/sys/net/ipv6/conf/$2/ndisc_notify")
        # Probed for, it is told to the network.
        echo 1 >"$conf/ndisc_notify"
        ip address add "$1/128" dev "$2" preferred_lft 0 || return 1
        left=60
        while [ "$left" -gt 0 ] && ip -o address show dev "$2" tentative | grep -F " $1/" | grep -vqF dadfailed; do
            sleep 0.1
            left=$((left - 1))
        done
        echo "$notify" >"$conf/ndisc_notify"
        if ip -o address show dev "$2" tentative | grep -qF " $1/"; then
            ip address delete "$1/128" dev "$2"
            echo "somebody on the network has it, or $2 has no link" >&2
            return 1
        fi
        ;;
    *) ip address add "$1/32" dev "$2" || return 1 ;;
    esac
    announce "$1" "$2"
}

# drop ADDRESS INTERFACE
drop() {
    one=$(standing "$1" "$2")
    [ -z "$one" ] || ip address delete "$one" dev "$2"
}

# Does what a change says, or takes it back.
try() {
    read -r to cluster address interface _ <"$1/change" || return 1
    case $to in
    bound) add "$address" "$interface" ;;
    taken-over) take "$address" "$interface" ;;
    released)
        if stands "$address" "$interface"; then : >"$1/stood" || return 1; fi
        drop "$address" "$interface"
        ;;
    esac
}
undo() {
    read -r to cluster address interface _ <"$1/change" || return 0
    case $to in
    # One that was kept before the change stays.
    bound | taken-over) [ -e "$dir/kept/$cluster/$address" ] || drop "$address" "$interface" ;;
    # One that did not stand before does not stand after.
    released) [ ! -e "$1/stood" ] || take "$address" "$interface" ;;
    esac
}

# Makes a confirmed change what stands after the next boot.
finish() {
    [ -e "$1/change" ] || return 0
    read -r to cluster address interface _ <"$1/change"
    mkdir -p "$dir/kept/$cluster" || return 1
    case $to in
    released) rm -f "$dir/kept/$cluster/$address" ;;
    *)
        echo "$interface" >"$1/interface" || return 1
        mv -T "$1/interface" "$dir/kept/$cluster/$address" || return 1
        ;;
    esac
    rm -rf "$1"
    sync "$dir/kept/$cluster" 2>/dev/null || sync
}

case $1 in
announce)
    announcing "$2" "$3"
    exit
    ;;
free)
    free "$2" "$3"
    exit
    ;;
absent)
    ! stands "$2" "$3"
    exit
    ;;
esac

# One at a time, and what another was killed over comes to its end first.
exec 9<"$dir" && flock 9
for change in "$dir"/confirmed.*; do finish "$change"; done

case $1 in
try)
    # 3: the host was faster, and has taken back what was not in force yet.
    [ -e "$dir/pending.$2/change" ] || exit 3
    try "$dir/pending.$2"
    ;;
back)
    mv -T "$dir/pending.$2" "$dir/back.$2" 2>/dev/null || [ -e "$dir/back.$2/change" ] || exit 0
    until undo "$dir/back.$2"; do sleep 1; done
    rm -rf "$dir/back.$2"
    ;;
confirm)
    mv -T "$dir/pending.$2" "$dir/confirmed.$2" 2>/dev/null || { echo "cdk-answer late"; exit 0; }
    read -r to _ address interface _ <"$dir/confirmed.$2/change"
    finish "$dir/confirmed.$2" || { echo "cdk-answer unwritten $dir"; exit 0; }
    systemctl stop "cdk-address-back-$2.timer" 2>/dev/null
    # Who had it before may have spoken up to now.
    [ "$to" = released ] || announce "$address" "$interface"
    echo "cdk-answer confirmed"
    ;;
boot)
    # A change that nobody confirmed before the host went down is no change; none of it stands any more.
    read -r now </proc/sys/kernel/random/boot_id
    for change in "$dir"/pending.* "$dir"/back.* "$dir"/next.*; do
        if [ -e "$change/change" ] && ! grep -qF " $now" "$change/change"; then rm -rf "$change"; fi
    done
    code=0
    for kept in "$dir"/kept/*/*; do
        [ -e "$kept" ] || continue
        address=${kept##*/}
        read -r interface <"$kept"
        if [ ! -e "/sys/class/net/$interface" ]; then
            code=1
        else
            # Another host may have got it since: then it stays there.
            { stands "$address" "$interface" || { free "$address" "$interface" && add "$address" "$interface"; }; } 9>&- &
        fi
    done
    wait
    exit "$code"
    ;;
esac
