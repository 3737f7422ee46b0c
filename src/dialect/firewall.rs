//! A rule set in nft's words, and what cdk's script on a host says of its firewall. Only text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::dialect::answer::Answer;
use crate::model::firewall::{Admin, Bridges, Listener, LiveFirewall, Rule, RuleSet, Source, Verdict, Way};
use crate::model::name::ClusterName;
use crate::model::network::Subnet;
use crate::model::setting::Protocol;
use crate::model::traffic::Traffic;

/// How many senders a rule's limit counts at once: beyond them it holds for nobody else.
const COUNTED: u32 = 65_535;

/// The name of a cluster's table.
pub fn table_name(cluster: &ClusterName) -> String {
    format!("cdk-{cluster}")
}

/// The cluster whose table this is; none where it is not one of cdk's.
fn owner(table: &str) -> Option<ClusterName> {
    table.strip_prefix("cdk-")?.parse().ok()
}

/// What makes the table anew, or removes it where there are no rules: read by `nft -f`, which does all of it or nothing.
pub fn script(cluster: &ClusterName, rules: Option<&RuleSet>) -> String {
    let table = table_name(cluster);
    let mut text = format!("table inet {table}\ndelete table inet {table}\n");
    if let Some(rules) = rules {
        text += &whole(&table, rules);
    }
    text
}

/// The table. Its first chain sees packets before Docker's NAT does, and so by the port that the sender named, whether a program of the
/// host listens there or Docker hands it on; the second closes the way past that, straight to a container's address.
fn whole(table: &str, rules: &RuleSet) -> String {
    let mut text = format!("table inet {table} {{\n");
    for (index, rule) in rules.rules.iter().enumerate() {
        if rule.limit.is_some() {
            for (family, kind) in [(Family::V4, "ipv4_addr"), (Family::V6, "ipv6_addr")] {
                let name = set_name(index, family);
                // A write to a string cannot fail.
                let _ = writeln!(
                    text,
                    "\tset {name} {{ type {kind}; size {COUNTED}; flags dynamic,timeout; timeout 1d; }}"
                );
            }
        }
    }
    let bridges = bridges(&rules.bridges);
    text += "\tchain incoming {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n";
    for line in incoming(rules, &bridges) {
        let _ = writeln!(text, "\t\t{line}");
    }
    text += "\t}\n\tchain direct {\n\t\ttype filter hook forward priority filter - 10; policy accept;\n";
    text += "\t\tct state established,related accept\n\t\tct status dnat accept\n";
    for bridge in &bridges {
        let _ = writeln!(text, "\t\tiifname {bridge} accept");
    }
    for bridge in &bridges {
        let _ = writeln!(text, "\t\toifname {} drop", bridge.replace("iifname", "oifname"));
    }
    text + "\t}\n}\n"
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

fn set_name(rule: usize, family: Family) -> String {
    let family = if family == Family::V4 { 4 } else { 6 };
    format!("limit-{rule}-{family}")
}

/// Which interfaces lead to containers, each as a match's right side.
fn bridges(bridges: &Bridges) -> Vec<String> {
    let Bridges { also, except } = bridges;
    let plain = |name: &&String| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@'))
    };
    let quoted = |names: &BTreeSet<String>| -> Vec<String> {
        names.iter().filter(plain).map(|name| format!("\"{name}\"")).collect()
    };
    let mut all = vec!["\"docker0\"".to_owned()];
    all.extend(quoted(also));
    let except = quoted(except);
    all.push(match except.is_empty() {
        true => "\"br-*\"".to_owned(),
        false => format!("\"br-*\" iifname != {{ {} }}", except.join(", ")),
    });
    all
}

/// What decides on packets to the host, line by line.
fn incoming(rules: &RuleSet, bridges: &[String]) -> Vec<String> {
    let RuleSet {
        version: _,
        cluster: _,
        default,
        admin: Admin { from, ports },
        rules,
        vrrp,
        bridges: _,
    } = rules;
    let mut lines: Vec<String> = [
        "fib daddr type != { local, broadcast, multicast, anycast } accept",
        "iifname \"lo\" accept",
        "ct state established,related accept",
        "icmp type != echo-request accept",
        "icmpv6 type != echo-request accept",
        "meta l4proto igmp accept",
        "udp sport 67 udp dport 68 accept",
        "udp sport 547 udp dport 546 accept",
    ]
    .map(str::to_owned)
    .into();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    if !ports.is_empty() {
        for (_, from) in by_family(from) {
            lines.push(format!(
                "{from} tcp dport {{ {} }} accept comment \"admin\"",
                ports.join(", ")
            ));
        }
    }
    for (index, one) in rules.iter().enumerate() {
        lines.extend(rule(index, one, bridges));
    }
    for (_, from) in by_family(vrrp) {
        lines.push(format!("{from} meta l4proto 112 accept comment \"vrrp\""));
    }
    lines.push("meta l4proto { icmp, ipv6-icmp } accept".to_owned());
    lines.push(word(*default).to_owned());
    lines
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "accept",
        Verdict::Deny => "drop",
    }
}

/// Matches of senders, one for each family of addresses that there are some of.
fn by_family(networks: &BTreeSet<Subnet>) -> Vec<(Family, String)> {
    let (six, four): (Vec<&Subnet>, Vec<&Subnet>) = networks.iter().partition(|network| network.is_ipv6());
    let families = [(Family::V4, "ip", four), (Family::V6, "ip6", six)].into_iter();
    let families = families.filter(|(_, _, networks)| !networks.is_empty());
    let families = families.map(|(family, key, networks)| {
        let networks: Vec<String> = outermost(&networks).map(|network| network.to_string()).collect();
        (family, format!("{key} saddr {{ {} }}", networks.join(", ")))
    });
    families.collect()
}

/// Those that lie in none of the others: nft takes no sets whose ranges overlap.
fn outermost<'n>(networks: &'n [&'n Subnet]) -> impl Iterator<Item = &'n Subnet> {
    let within = |one: &Subnet| networks.iter().any(|other| **other != *one && other.encloses(*one));
    networks.iter().copied().filter(move |one| !within(one))
}

/// One rule.
fn rule(index: usize, rule: &Rule, bridges: &[String]) -> Vec<String> {
    let Rule {
        name,
        verdict,
        traffic,
        from,
        limit,
        probe: _,
    } = rule;
    let senders = match from {
        Source::Any => vec![(None, String::new())],
        Source::Of {
            words: _,
            networks,
            containers,
        } => {
            let networks = by_family(networks).into_iter();
            let networks = networks.map(|(family, from)| (Some(family), format!("{from} ")));
            let own = bridges.iter().filter(|_| *containers);
            let own = own.map(|bridge| (None, format!("iifname {bridge} ")));
            networks.chain(own).collect()
        }
    };
    let comment = comment(name);
    let mut lines = Vec::new();
    for (only, sender) in senders {
        for traffic in matches(traffic) {
            if let Some(limit) = limit {
                let families = [(Family::V4, "ip", "ipv4"), (Family::V6, "ip6", "ipv6")].into_iter();
                // nft refuses a match on the one where addresses of the other are named.
                for (family, key, of) in families.filter(|(family, ..)| only.is_none_or(|only| only == *family)) {
                    let set = set_name(index, family);
                    let (count, per) = (limit.count, limit.per);
                    lines.push(format!(
                        "meta nfproto {of} {sender}{traffic} update @{set} {{ {key} saddr limit rate over {count}/{per} burst {count} \
                         packets }} drop comment \"{comment}\""
                    ));
                }
            }
            lines.push(format!("{sender}{traffic} {} comment \"{comment}\"", word(*verdict)));
        }
    }
    lines
}

/// A rule's name as a comment: what nft might take for anything else is left out.
fn comment(name: &str) -> String {
    let plain = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | ':' | '/'));
    plain.take(100).collect()
}

/// Matches of what a rule is about, one for each transport.
fn matches(traffic: &BTreeSet<Traffic>) -> Vec<String> {
    let mut all = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
        let ranges = traffic.iter().filter_map(|one| match one {
            Traffic::Ports { protocol: of, range } if *of == protocol => Some(range.ports()),
            Traffic::Ports { .. } | Traffic::Icmp => None,
        });
        let mut ranges: Vec<(u16, u16)> = ranges.map(|ports| (*ports.start(), *ports.end())).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if u32::from(first) <= u32::from(before.1) + 1 => before.1 = before.1.max(last),
                Some(_) | None => joined.push((first, last)),
            }
        }
        let joined = joined.into_iter().map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        });
        let joined: Vec<String> = joined.collect();
        if !joined.is_empty() {
            all.push(format!("{protocol} dport {{ {} }}", joined.join(", ")));
        }
    }
    if traffic.contains(&Traffic::Icmp) {
        all.push("meta l4proto { icmp, ipv6-icmp }".to_owned());
    }
    all
}

/// The firewall, from the answer to `read`.
///
/// # Errors
/// A newer cdk has written there.
pub fn live(answer: &Answer<'_>) -> Result<LiveFirewall, String> {
    let mut live = LiveFirewall::default();
    let (mut section, mut was, mut is) = ("", Vec::new(), Vec::new());
    let mut confirmed = None;
    for line in &answer.body {
        if let Some(line) = line.strip_prefix('|') {
            match section {
                "was" => was.push(line.trim_end()),
                "is" => is.push(line.trim_end()),
                "sockets" => live.listeners.extend(listener(line)),
                _ => {}
            }
            continue;
        }
        let Some(line) = line.strip_prefix('=') else { continue };
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        section = key;
        match key {
            "ssh" => live.ssh_port = value.trim().parse().unwrap_or(0),
            "table" => live.owners.extend(owner(value)),
            "bridge" => drop(live.bridges.insert(value.to_owned())),
            "pending" => live.pending = Some(value.to_owned()),
            "hash" => live.hash = hash(value),
            "confirmed" => confirmed = hash(value),
            "rules" => live.rules = Some(rules(value)?),
            _ => {}
        }
    }
    live.listeners.sort();
    live.listeners.dedup();
    live.by_hand = if live.rules.is_some() && live.hash != confirmed {
        difference(&was, &is)
    } else {
        Vec::new()
    };
    Ok(live)
}

/// Who came in by SSH, from the answer to `change`; none where nobody did, or from the host itself, which no rule keeps out.
pub fn way(answer: &Answer<'_>) -> Option<Way> {
    let said = answer.body.iter().find_map(|line| line.strip_prefix("=way "))?;
    let words: Vec<&str> = said.split_whitespace().collect();
    let from: IpAddr = words.first()?.split('%').next()?.parse().ok()?;
    let is_own = from.is_loopback() || words.get(2) == words.first();
    let port = words.get(3)?.parse().ok()?;
    (!is_own).then_some(Way { from, port })
}

fn hash(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| text != "none" && !text.is_empty())
}

fn rules(text: &str) -> Result<RuleSet, String> {
    let unclear = || "the rules that it remembers do not read: /var/lib/cdk/firewall/current/rules.json".to_owned();
    serde_json::from_str(text).map_err(|_| unclear())
}

/// The lines that went and came, each with its sign.
fn difference(was: &[&str], is: &[&str]) -> Vec<String> {
    if is.is_empty() {
        return vec!["- the whole table".to_owned()];
    }
    let gone = was
        .iter()
        .filter(|line| !is.contains(line))
        .map(|line| format!("- {}", line.trim()));
    let new = is
        .iter()
        .filter(|line| !was.contains(line))
        .map(|line| format!("+ {}", line.trim()));
    let mut all: Vec<String> = gone.chain(new).collect();
    if all.is_empty() {
        all.push("~ the order of its lines".to_owned());
    }
    all
}

/// A line of `ss -Hltunp`: `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=98,fd=3))`.
fn listener(line: &str) -> Option<Listener> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let protocol = match *words.first()? {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    let (address, port) = words.get(4)?.rsplit_once(':')?;
    let address = address.trim_matches(['[', ']']);
    let address = address.split('%').next()?;
    let program = words.get(6).and_then(|word| word.split('"').nth(1)).unwrap_or_default();
    Some(Listener {
        protocol,
        address: address
            .parse()
            .ok()
            .filter(|address: &IpAddr| !address.is_unspecified()),
        port: port.parse().ok()?,
        program: program.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::answer::answer;

    #[test]
    fn who_came_in_from_elsewhere_is_known() {
        let said = |connection: &str| {
            let text = format!("cdk-answer tried\n=way {connection}\n");
            answer(&text)
                .and_then(|answer| way(&answer))
                .map(|way| (way.from.to_string(), way.port))
        };
        assert_eq!(
            said("203.0.113.9 50000 10.0.0.1 22"),
            Some(("203.0.113.9".to_owned(), 22))
        );
        assert_eq!(
            said("fe80::1%eth0 50000 fe80::2%eth0 2222"),
            Some(("fe80::1".to_owned(), 2222))
        );
        // On the host itself, and by a tunnel that ends there.
        for own in ["", "127.0.0.1 50000 127.0.0.1 22", "10.0.0.1 50000 10.0.0.1 22"] {
            assert_eq!(said(own), None, "{own}");
        }
    }
}
