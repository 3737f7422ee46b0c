# A host's public addresses, by root: reads them, changes one, takes a change back.
# usage: script read CLUSTER | script change CLUSTER ID VERB ADDRESS INTERFACE SECONDS | script back ADDRESS
# VERB: bound (nobody may answer for it), taken-over, released. change reads the keeper from its input.
verb=$1
dir=/var/lib/cdk/address

undone() { rm -rf "$dir/next.$id" "$dir/keeper.$id"; }

# take_back ADDRESS: what waits of it.
take_back() {
    for change in "$dir"/pending.* "$dir"/back.*; do
        case $(cat "$change/change" 2>/dev/null) in
        *" $1 "*) sh "$dir/keeper" back "${change##*.}" ;;
        esac
    done
}

command -v ip >/dev/null || fail "missing iproute2"

case $verb in
read)
    say "read"
    for kept in "$dir"/kept/*/*; do
        if [ -e "$kept" ]; then
            of=${kept%/*}
            echo "=kept ${of##*/} ${kept##*/}"
        fi
    done
    for change in "$dir"/pending.*; do if [ -e "$change/change" ]; then echo "=pending $(cat "$change/change")"; fi; done
    echo "=addresses"
    ip -o address show | sed 's/^/|/'
    echo "=routes"
    { ip -o -4 route show default && ip -o -6 route show default | sed 's/^/-6 /'; } | sed 's/^/|/'
    ;;
change)
    cluster=$2 id=$3 to=$4 address=$5 interface=$6 seconds=$7
    umask 077
    mkdir -p "$dir" || fail "unwritten $dir"
    case $address in
    *:*) ;;
    *)
        # Another program of that name knows other words.
        case $(arping -V 2>&1) in *iputils*) ;; *) fail "missing iputils-arping" ;; esac
        ;;
    esac
    [ -e "/sys/class/net/$interface" ] || fail "nowhere $interface"
    cat >"$dir/keeper.$id" || unwritten
    if cmp -s "$dir/keeper.$id" "$dir/keeper"; then rm -f "$dir/keeper.$id"; else mv "$dir/keeper.$id" "$dir/keeper" || unwritten; fi
    take_back "$address"
    install_unit cdk-address.service --no-block <<UNIT
[Unit]
Description=cdk: the public addresses as git has them
Wants=network-online.target
After=network-online.target systemd-networkd.service networking.service NetworkManager.service
Before=docker.service
PartOf=systemd-networkd.service networking.service NetworkManager.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh $dir/keeper boot
TimeoutStartSec=60
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target systemd-networkd.service networking.service NetworkManager.service
UNIT
    if [ "$to" = released ] && [ ! -e "$dir/kept/$cluster/$address" ] && sh "$dir/keeper" absent "$address" "$interface"; then
        fail "nothing"
    fi
    rm -rf "$dir/next.$id"
    mkdir "$dir/next.$id" || unwritten
    read -r boot </proc/sys/kernel/random/boot_id
    echo "$to $cluster $address $interface $boot" >"$dir/next.$id/change" || unwritten
    if [ "$to" = bound ] && ! sh "$dir/keeper" free "$address" "$interface"; then
        rm -rf "$dir/next.$id"
        fail "taken"
    fi
    sync "$dir/next.$id/change" 2>/dev/null || sync
    mv -T "$dir/next.$id" "$dir/pending.$id" || unwritten
    if ! systemd-run --quiet --collect --unit="cdk-address-back-$id" --on-active="${seconds}s" \
        --timer-property=AccuracySec=100ms --property=Restart=on-failure sh "$dir/keeper" back "$id" 2>"$dir/said.$id"; then
        rm -rf "$dir/pending.$id"
        say "unarmed"
    else
        sh "$dir/keeper" try "$id" 2>"$dir/said.$id"
        case $? in
        0) say "tried" ;;
        3) say "late" ;;
        *)
            sh "$dir/keeper" back "$id"
            say "refused"
            ;;
        esac
    fi
    lines "$dir/said.$id"
    rm -f "$dir/said.$id"
    ;;
back)
    grep -qsF " $2 " "$dir"/pending.*/change "$dir"/back.*/change || fail "nothing"
    take_back "$2"
    say "back"
    ;;
esac
