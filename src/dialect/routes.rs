//! A host's routes and addresses as Linux and sshd tell them, in the model's words. Only reading.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::network::{Route, RouteKind, Subnet};

/// What stands before the words of `SSH_CONNECTION`.
pub const SSH: &str = "=ssh ";

/// The routes in the text of `/proc/net/route`, `/proc/net/fib_trie` and `/proc/net/ipv6_route`, in any order, and the
/// addresses in a line of `SSH_CONNECTION` behind [`SSH`]. Default routes lead anywhere, and are left out.
pub fn routes(text: &str) -> Vec<Route> {
    let mut all = Vec::new();
    let mut leaf = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(addresses) = line.strip_prefix(SSH) {
            all.extend(connection(addresses));
        } else if let ["|--", address] = words.as_slice() {
            leaf = address.parse::<Ipv4Addr>().ok();
        } else if let (["/32", "host", "LOCAL"], Some(address)) = (words.as_slice(), leaf) {
            all.push(alone(address.into(), RouteKind::Address));
        } else {
            all.extend(ipv4(&words).or_else(|| ipv6(&words)));
        }
    }
    all.retain(|route| !route.to.is_everything());
    all.sort();
    all.dedup();
    all
}

fn alone(address: IpAddr, kind: RouteKind) -> Route {
    Route {
        to: Subnet::of(address),
        interface: String::new(),
        kind,
    }
}

/// `CLIENT PORT SERVER PORT`
fn connection(words: &str) -> Vec<Route> {
    let address = |at: usize| {
        let word = words.split_whitespace().nth(at)?;
        // A link-local address bears its interface.
        word.split('%').next()?.parse::<IpAddr>().ok()
    };
    let peer = address(0).map(|address| alone(address, RouteKind::SshPeer));
    let own = address(2).map(|address| alone(address, RouteKind::Address));
    peer.into_iter().chain(own).collect()
}

/// `INTERFACE DESTINATION GATEWAY FLAGS … MASK …`, addresses as the machine's own (little-endian) numbers.
fn ipv4(words: &[&str]) -> Option<Route> {
    let [interface, to, _, _, _, _, _, mask, ..] = words else {
        return None;
    };
    let number = |text: &str| u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 8);
    let address = Ipv4Addr::from(number(to)?.swap_bytes());
    let bits = u8::try_from(number(mask)?.count_ones()).ok()?;
    Some(Route {
        to: Subnet::new(address.into(), bits)?,
        interface: (*interface).to_owned(),
        kind: RouteKind::Route,
    })
}

/// `DESTINATION BITS SOURCE BITS GATEWAY METRIC … INTERFACE`, in hexadecimal.
fn ipv6(words: &[&str]) -> Option<Route> {
    let [to, bits, _, _, _, _, _, _, _, interface] = words else {
        return None;
    };
    let number = u128::from_str_radix(to, 16).ok().filter(|_| to.len() == 32)?;
    let bits = u8::from_str_radix(bits, 16).ok()?;
    let is_own = bits == 128 && *interface == "lo";
    Some(Route {
        to: Subnet::new(Ipv6Addr::from(number).into(), bits)?,
        interface: (*interface).to_owned(),
        kind: if is_own { RouteKind::Address } else { RouteKind::Route },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_read_as_linux_writes_them() {
        let text = "=ssh 198.51.100.7 50022 10.77.0.11 22\n\
            Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t01004D0A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.77.0.11\n        /32 host LOCAL\n     |-- 10.77.0.255\n        /32 link BROADCAST\n\
            fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
            00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
        let found: Vec<String> = routes(text)
            .iter()
            .map(|route| format!("{} {} {:?}", route.to, route.interface, route.kind))
            .collect();
        assert_eq!(
            found,
            [
                "10.77.0.0/24 eth0 Route",
                "10.77.0.11/32  Address",
                "172.17.0.0/16 docker0 Route",
                "198.51.100.7/32  SshPeer",
                "fd00::/64 eth0 Route",
            ]
        );
    }
}
