//! A host's public addresses as `ip` and cdk's script tell them, in the model's words. Only text.

use std::net::IpAddr;

use crate::dialect::answer::Answer;
use crate::model::address::{Binding, Bound, LiveAddresses, WayOut};
use crate::model::name::ClusterName;
use crate::model::network::Subnet;

/// What becomes of an address, as the script is told.
pub fn word(to: Binding) -> &'static str {
    match to {
        Binding::Bound => "bound",
        Binding::TakenOver => "taken-over",
        Binding::Released => "released",
    }
}

/// The addresses, from the answer to `read`. What is only being tried does not count: it may be taken back.
pub fn live(answer: &Answer<'_>, cluster: &ClusterName) -> LiveAddresses {
    let mut live = LiveAddresses::default();
    let mut section = "";
    let mut tried = Vec::new();
    for line in &answer.body {
        if let Some(line) = line.strip_prefix('|') {
            match section {
                "addresses" => live.bound.extend(bound(line)),
                "routes" => live.ways_out.extend(way_out(line)),
                _ => {}
            }
            continue;
        }
        let words: Vec<&str> = line.strip_prefix('=').unwrap_or_default().split(' ').collect();
        section = words.first().copied().unwrap_or_default();
        match words.as_slice() {
            ["kept", of, address] => keep(&mut live, of, address, cluster),
            ["pending", to, _, address, interface, ..] => {
                tried.extend(address.parse().map(|one| (*to, one, *interface)))
            }
            _ => {}
        }
    }
    for (to, address, interface) in tried {
        if to != word(Binding::Released) {
            if !live.own.contains(&address) {
                live.bound.remove(&address);
            }
        } else if live.own.contains(&address) {
            let bound = || Bound {
                interface: interface.to_owned(),
                network: Subnet::of(address),
            };
            live.bound.entry(address).or_insert_with(bound);
        }
    }
    live
}

fn keep(live: &mut LiveAddresses, of: &str, address: &str, cluster: &ClusterName) {
    let Ok(address) = address.parse() else { return };
    if of == cluster.as_str() {
        live.own.insert(address);
    } else if let Ok(other) = of.parse() {
        live.others.insert(address, other);
    }
}

/// A line of `ip -o address show`: `2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\ …`. One that the kernel refuses because
/// somebody else has it is not there.
fn bound(line: &str) -> Option<(IpAddr, Bound)> {
    let mut words = line.split_whitespace();
    let (interface, address) = (words.nth(1)?, words.nth(1)?);
    let (address, network) = match address.split_once('/') {
        Some((own, bits)) => (own, Subnet::new(own.parse().ok()?, bits.parse().ok()?)?),
        // `inet 203.0.113.5 peer 10.0.0.1/32`
        None => (address, words.nth(1)?.parse().ok()?),
    };
    let address: IpAddr = address.parse().ok()?;
    let interface = interface.split('@').next()?.to_owned();
    (!words.any(|word| word == "dadfailed")).then_some((address, Bound { interface, network }))
}

/// A line of `ip -o route show default`, with `-6` before it for IPv6: `default via 10.0.0.1 dev eth0 …`.
fn way_out(line: &str) -> Option<WayOut> {
    let words = line.split_whitespace();
    let is_ipv6 = line.starts_with("-6 ");
    let all: Vec<&str> = words.collect();
    let after = |key: &str| {
        let at = all.iter().position(|word| *word == key)?;
        all.get(at + 1).copied()
    };
    // What stands for none: the kernel's own defaults.
    let none = if is_ipv6 { 1024 } else { 0 };
    Some(WayOut {
        is_ipv6,
        metric: after("metric").and_then(|metric| metric.parse().ok()).unwrap_or(none),
        interface: after("dev")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::answer::answer;

    const SAID: &str = "Welcome!\n\
        cdk-answer read\n\
        =kept shop 203.0.113.5\n\
        =kept shop 203.0.113.8\n\
        =kept other 203.0.113.6\n\
        =pending taken-over shop 203.0.113.7 eth0 c0ffee\n\
        =pending released shop 203.0.113.8 eth0\n\
        =addresses\n\
        |1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n\
        |2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever\n\
        |2: eth0    inet 203.0.113.5/32 scope global eth0\\       valid_lft forever preferred_lft forever\n\
        |2: eth0    inet 203.0.113.7/32 scope global eth0\\       valid_lft forever preferred_lft forever\n\
        |2: eth0    inet6 fd00::11/64 scope global \\       valid_lft forever preferred_lft forever\n\
        |2: eth0    inet6 fd00::50/128 scope global dadfailed tentative \\       valid_lft forever preferred_lft forever\n\
        |2: eth0    inet 203.0.113.4 peer 10.9.0.1/32 scope global eth0\\       valid_lft forever preferred_lft forever\n\
        |3: docker0    inet 10.0.0.1/25 brd 172.17.255.255 scope global docker0\\       valid_lft forever preferred_lft forever\n\
        =routes\n\
        |default via 10.0.0.2 dev away metric 200 \n\
        |default via 10.0.0.1 dev eth0 metric 100 \n\
        |-6 default via fe80::1 dev eth1 metric 1024 pref medium\n";

    #[test]
    fn what_is_tried_does_not_count_and_what_is_being_released_stands() {
        let said = answer(SAID).unwrap();
        let live = live(&said, &"shop".parse().unwrap());
        let bound: Vec<String> = live.bound.keys().map(IpAddr::to_string).collect();
        let all = [
            "10.0.0.1",
            "10.0.0.11",
            "127.0.0.1",
            "203.0.113.4",
            "203.0.113.5",
            "203.0.113.8",
            "fd00::11",
        ];
        assert_eq!(bound, all);
        assert_eq!(live.own.len(), 2);
        assert_eq!(live.others.len(), 1);
        let of = |text: &str| live.interface_for(text.parse().unwrap());
        assert_eq!(of("10.0.0.50"), Some("eth0"), "a bridge to containers leads nowhere");
        assert_eq!(of("198.51.100.1"), Some("eth0"));
        assert_eq!(of("fd00::99"), Some("eth0"));
        assert_eq!(of("2001:db8::1"), Some("eth1"));
    }
}
