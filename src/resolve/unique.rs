//! What makes an item of a list unique, where Compose says that two files do not simply join their lists. Pure.

use crate::source::yaml::{Kind, Node};

/// What an item is unique by; none where it cannot be said.
pub type Unique = fn(&Node) -> Option<String>;

/// The rule for the list at `pattern`; none where lists are joined as they are.
pub fn unique(pattern: &str) -> Option<Unique> {
    let by: Unique = match pattern {
        "services.*.ports" => port,
        "services.*.volumes" | "services.*.devices" => |node| target(node, path),
        "services.*.configs" => |node| target(node, |name| format!("/{}", name.trim_start_matches('/'))),
        "services.*.secrets" => |node| target(node, secret),
        "services.*.tmpfs" => |node| text(node)?.split(':').next().map(str::to_owned),
        "services.*.env_file" | "services.*.label_file" => |node| text(node.get("path").unwrap_or(node)),
        "services.*.extra_hosts" => |node| text(node)?.split(['=', ':']).next().map(str::to_owned),
        "firewall.rules" => |node| text(node.get("name")?),
        "ingress.*.listen" => |node| text(node.get("port")?),
        "cluster.include"
        | "cluster.env"
        | "services.*.cap_add"
        | "services.*.cap_drop"
        | "services.*.depends_on"
        | "services.*.deploy.placement.constraints"
        | "services.*.dns"
        | "services.*.dns_opt"
        | "services.*.dns_search"
        | "services.*.expose"
        | "services.*.group_add"
        | "services.*.networks"
        | "services.*.networks.aliases"
        | "services.*.security_opt" => text,
        _ => return None,
    };
    Some(by)
}

fn text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Text(text) | Kind::Number { written: text, .. } => Some(text.clone()),
        Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => None,
    }
}

/// Where in the container something stands: `target`, or what a short form or a name comes to.
fn target(node: &Node, of: fn(&str) -> String) -> Option<String> {
    let target = node.get("target").or_else(|| node.get("source"));
    text(target.unwrap_or(node)).map(|text| of(&text))
}

/// `[SOURCE:]TARGET[:OPTIONS]`
fn path(short: &str) -> String {
    let parts: Vec<&str> = short.split(':').collect();
    let target = match parts.as_slice() {
        [target] | [_, target, ..] => target,
        [] => short,
    };
    target.trim_end_matches('/').to_owned()
}

fn secret(name: &str) -> String {
    match name.starts_with('/') {
        true => name.to_owned(),
        false => format!("/run/secrets/{name}"),
    }
}

/// Compose's {ip, target, published, protocol}.
fn port(node: &Node) -> Option<String> {
    let key = |ip: &str, published: &str, target: &str, protocol: &str| {
        Some(format!(
            "[{}]:{published}:{target}/{protocol}",
            ip.trim_matches(['[', ']'])
        ))
    };
    if node.map().is_some() {
        let part = |key: &str| node.get(key).and_then(text).unwrap_or_default();
        let protocol = node.get("protocol").and_then(text).unwrap_or_else(|| "tcp".to_owned());
        return key(&part("host_ip"), &part("published"), &part("target"), &protocol);
    }
    let whole = text(node)?;
    let (rest, protocol) = whole.split_once('/').unwrap_or((&whole, "tcp"));
    let (before, target) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (ip, published) = before.rsplit_once(':').unwrap_or(("", before));
    key(ip, published, target, protocol)
}
