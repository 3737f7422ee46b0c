//! A question about one packet: `203.0.113.9:443 → bj-01`. The answer is a rule set's.

use std::net::IpAddr;
use std::str::FromStr;

use crate::model::name::HostName;
use crate::model::traffic::Traffic;

/// How a question is written.
const FORM: &str = "write it as `203.0.113.9:443 → bj-01`: an address, a host's name or `container` for one of its own; a port as 53/udp, \
                    or icmp; the host";

/// Who sends the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Somebody at this address.
    Address(IpAddr),
    /// A host of the cluster, or a container on it.
    Host(HostName),
    /// A container of the host that it is sent to.
    OwnContainer,
}

/// The first packet of something, and whom it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who sends it.
    pub from: Origin,
    /// One port, or a ping.
    pub traffic: Traffic,
    /// The host that it is for.
    pub host: HostName,
}

impl FromStr for Question {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || FORM.to_owned();
        let (packet, host) = text
            .split_once('→')
            .or_else(|| text.split_once("->"))
            .ok_or_else(wrong)?;
        let (from, traffic) = packet.trim().rsplit_once(':').ok_or_else(wrong)?;
        let traffic: Traffic = traffic.parse()?;
        let is_one = match traffic {
            Traffic::Icmp => true,
            Traffic::Ports { range, .. } => range.ports().start() == range.ports().end(),
        };
        if !is_one {
            return Err(format!("ask about one port, not {traffic}"));
        }
        let from = from.trim();
        let address = from.trim_matches(['[', ']']).parse::<IpAddr>();
        let from = match (from, address) {
            (_, Ok(address)) => Origin::Address(address),
            ("container", Err(_)) => Origin::OwnContainer,
            (name, Err(_)) => Origin::Host(name.parse().map_err(|_| wrong())?),
        };
        let host = host.trim().parse().map_err(|_| wrong())?;
        Ok(Self { from, traffic, host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_read_as_they_are_written() -> Result<(), String> {
        let one: Question = "203.0.113.9:443 → bj-01".parse()?;
        assert_eq!(one.from, Origin::Address("203.0.113.9".parse().map_err(|_| "address")?));
        assert_eq!(
            (one.traffic.to_string().as_str(), one.host.as_str()),
            ("443/tcp", "bj-01")
        );
        let six: Question = "[2001:db8::9]:53/udp -> bj-01".parse()?;
        assert_eq!(six.traffic.to_string(), "53/udp");
        assert_eq!("container:80 -> a".parse::<Question>()?.from, Origin::OwnContainer);
        assert_eq!("b:icmp->a".parse::<Question>()?.traffic, Traffic::Icmp);
        for wrong in [
            "",
            "203.0.113.9 → a",
            "203.0.113.9:443",
            "1.2.3.4:80-90 → a",
            "1.2.3.4:0 → a",
            "1.2.3.4:80 → ",
        ] {
            assert!(wrong.parse::<Question>().is_err(), "{wrong}");
        }
        Ok(())
    }
}
