//! What a rule set decides: for one packet, for everybody whom no rule names, for who comes in by SSH. No types of its own.

use std::net::IpAddr;

use crate::model::firewall::{Decider, Place, Rule, RuleSet, Sender, Source, Verdict, Way};
use crate::model::setting::Protocol;
use crate::model::traffic::{Rate, Traffic};

impl Source {
    /// Whether everyone of a family of addresses is meant, in whichever words.
    fn is_everybody(&self, is_ipv6: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Of { networks, .. } => {
                let mut all = networks.iter().filter(|network| network.is_everything());
                all.any(|network| network.is_ipv6() == is_ipv6)
            }
        }
    }
}

impl RuleSet {
    /// What becomes of somebody whom no rule names, by whichever family of addresses lets more in.
    pub fn strangers(&self, traffic: Traffic) -> Verdict {
        let by = |is_ipv6: bool| {
            let mut rules = self.rules.iter().filter(|rule| rule.from.is_everybody(is_ipv6));
            let fits = |rule: &&Rule| rule.traffic.iter().any(|one| one.holds(traffic));
            rules.find(fits).map_or(self.default, |rule| rule.verdict)
        };
        by(false).min(by(true))
    }

    /// Whether nothing lets anybody in to this.
    pub fn names_nobody(&self, traffic: Traffic) -> bool {
        let admin = self
            .admin
            .ports
            .iter()
            .filter_map(|port| Traffic::port(Protocol::Tcp, *port));
        let mut rules = self
            .rules
            .iter()
            .filter(|rule| rule.traffic.iter().any(|one| one.holds(traffic)));
        let decides = rules.find(|rule| rule.verdict == Verdict::Allow || rule.from == Source::Any);
        let last = decides.map_or(self.default, |rule| rule.verdict);
        last == Verdict::Deny && !admin.into_iter().any(|one| one == traffic)
    }

    /// The rule that lets somebody in this way, but less often than once a minute: who has come in so may find the door shut.
    pub fn scant(&self, way: Way) -> Option<&Rule> {
        match self.decide(&Sender::at(way.from), Traffic::port(Protocol::Tcp, way.port)?) {
            (Verdict::Allow, Decider::Rule(rule)) => rule.limit.is_some_and(Rate::is_scant).then_some(rule),
            (_, Decider::Itself | Decider::Admin | Decider::Rule(_) | Decider::Icmp | Decider::Default) => None,
        }
    }

    /// Whether somebody who came in this way could do so again.
    pub fn lets_in(&self, way: Way) -> bool {
        Traffic::port(Protocol::Tcp, way.port)
            .is_some_and(|traffic| self.decide(&Sender::at(way.from), traffic).0 == Verdict::Allow)
    }

    /// What decides whether the first packet of something comes in, and what that is. A rule's `limit` is not reached.
    pub fn decide(&self, sender: &Sender, traffic: Traffic) -> (Verdict, Decider<'_>) {
        if sender.place == Place::Here {
            return (Verdict::Allow, Decider::Itself);
        }
        let is_admins = self.admin.from.iter().any(|network| network.holds(sender.address))
            && self
                .admin
                .ports
                .iter()
                .any(|port| Traffic::port(Protocol::Tcp, *port) == Some(traffic));
        if is_admins {
            return (Verdict::Allow, Decider::Admin);
        }
        let fits = |rule: &&Rule| rule.from.holds(sender) && rule.traffic.iter().any(|one| one.holds(traffic));
        match (self.rules.iter().find(fits), traffic) {
            (Some(rule), _) => (rule.verdict, Decider::Rule(rule)),
            (None, Traffic::Icmp) => (Verdict::Allow, Decider::Icmp),
            (None, Traffic::Ports { .. }) => (self.default, Decider::Default),
        }
    }
}

impl Sender {
    /// Somebody elsewhere.
    pub fn at(address: IpAddr) -> Self {
        Self {
            address,
            place: Place::Elsewhere,
        }
    }
}
