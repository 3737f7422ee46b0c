//! What an engine says of a container that a gate goes by: the ways to its ports, what its health check last said. Only reading.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bollard::models::ContainerInspectResponse;

/// How many characters of a program's last line are shown.
const SHOWN: usize = 200;

/// Whether the addresses that a port is published on count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// They come last.
    Too,
    /// They say nothing.
    No,
}

/// The addresses under which its host may reach a container's port: the container's own, then those that it is published on.
pub fn ways(answer: &ContainerInspectResponse, port: u16, published: Published) -> Vec<SocketAddr> {
    let mode = answer
        .host_config
        .as_ref()
        .and_then(|host| host.network_mode.as_deref());
    if mode == Some("host") {
        return vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)];
    }
    let settings = answer.network_settings.as_ref();
    let networks = settings
        .and_then(|settings| settings.networks.as_ref())
        .into_iter()
        .flatten();
    let own: BTreeSet<IpAddr> = networks
        .flat_map(|(_, endpoint)| [endpoint.ip_address.as_deref(), endpoint.global_ipv6_address.as_deref()])
        .filter_map(|text| text?.parse().ok())
        .collect();
    let settings = settings.filter(|_| published == Published::Too);
    let published = settings.and_then(|settings| settings.ports.as_ref()?.get(&format!("{port}/tcp"))?.as_ref());
    let published = published.into_iter().flatten().filter_map(|binding| {
        let port = binding.host_port.as_deref()?.parse().ok()?;
        let address = match binding.host_ip.as_deref() {
            None | Some("" | "0.0.0.0") => Ipv4Addr::LOCALHOST.into(),
            Some("::") => Ipv6Addr::LOCALHOST.into(),
            Some(address) => address.parse().ok()?,
        };
        Some(SocketAddr::new(address, port))
    });
    let own = own.into_iter().map(|address| SocketAddr::new(address, port));
    own.chain(published).collect()
}

/// What a container's health check last said; none where it has not been asked.
pub fn health(answer: &ContainerInspectResponse) -> Option<String> {
    let log = answer.state.as_ref()?.health.as_ref()?.log.as_ref()?;
    let last = log.last()?;
    let code = last.exit_code.unwrap_or_default();
    Some(ended(
        "its health check",
        code,
        last.output.as_deref().unwrap_or_default(),
    ))
}

/// That a program ended with a code, and the last that it said.
pub fn ended(what: &str, code: i64, said: &str) -> String {
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    match last {
        None => format!("{what} ended with code {code}"),
        Some(line) => {
            let line: String = line.chars().take(SHOWN).collect();
            format!("{what} ended with code {code}: {line}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(text: &str) -> ContainerInspectResponse {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_containers_own_address_comes_before_what_is_published() {
        let answer = inspected(
            r#"{"HostConfig": {"NetworkMode": "shop.front"}, "NetworkSettings": {
                "Networks": {"shop.front": {"IPAddress": "172.18.0.2"}},
                "Ports": {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "20001"}, {"HostIp": "::", "HostPort": "20001"}]}}}"#,
        );
        let ways: Vec<String> = ways(&answer, 8080, Published::Too)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(ways, ["172.18.0.2:8080", "127.0.0.1:20001", "[::1]:20001"]);
        assert_eq!(super::ways(&answer, 8080, Published::No).len(), 1);
        assert_eq!(super::ways(&answer, 81, Published::Too).len(), 1);
        let host = inspected(r#"{"HostConfig": {"NetworkMode": "host"}}"#);
        assert_eq!(super::ways(&host, 80, Published::No), ["127.0.0.1:80".parse().unwrap()]);
        assert_eq!(super::ways(&inspected("{}"), 80, Published::Too), []);
    }

    #[test]
    fn a_health_check_is_told_by_its_last_end() {
        let answer = inspected(
            r#"{"State": {"Health": {"Log": [{"ExitCode": 0, "Output": ""}, {"ExitCode": 7, "Output": "a\nnot ready\n"}]}}}"#,
        );
        assert_eq!(
            health(&answer).unwrap(),
            "its health check ended with code 7: not ready"
        );
        assert_eq!(health(&inspected(r#"{"State": {}}"#)), None);
    }
}
