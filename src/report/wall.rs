//! The rules in force on hosts, and the one that decides for a packet, as `cdk firewall` tells them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::firewall::{Confirmations, Confirmed, Decider, InForce, LiveFirewall, RuleSet, Sender, Verdict};
use crate::model::name::HostName;
use crate::model::question::Question;
use crate::report::style::{Paint, Style};
use crate::report::words::clean;

/// That a change waits on a host.
const WAITS: &str = "a change that is in force waits to be confirmed or taken back (`cdk firewall confirm` confirms it): these are the rules without it";

/// The version of these documents that this cdk writes.
pub const FIREWALL_DOCUMENT_VERSION: u32 = 1;

/// The rules in force, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirewallDocument {
    /// The format's version, [`FIREWALL_DOCUMENT_VERSION`].
    pub version: u32,
    /// The cluster.
    pub cluster: String,
    /// Host by host.
    pub hosts: BTreeMap<HostName, HostFirewall>,
}

/// The firewall of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostFirewall {
    /// The cluster's rules; none where there are none, or nobody knows.
    pub rules: Option<RuleSet>,
    /// What was changed by hand since the last apply, line by line.
    pub by_hand: Vec<String>,
    /// Whether a change is in force there that waits to be confirmed or taken back; the rules are those without it.
    pub pending: bool,
    /// Why nobody knows.
    pub unknown: Option<String>,
}

/// What becomes of one packet, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The format's version, [`FIREWALL_DOCUMENT_VERSION`].
    pub version: u32,
    /// The host.
    pub host: String,
    /// Whether it comes in.
    pub verdict: Verdict,
    /// What decides: `admin`, `rule`, `icmp`, `default`, `itself` for what a host says to itself, or `none` where it has no rules.
    pub by: String,
    /// The rule's name, where a rule decides.
    pub rule: Option<String>,
    /// That rule, in the YAML's words.
    pub words: Option<String>,
    /// Whether somebody changed the rules by hand, so that another one may decide.
    pub changed_by_hand: bool,
}

/// The rules as data.
pub fn document(all: &InForce) -> FirewallDocument {
    let host = |live: &Result<LiveFirewall, String>| match live {
        Ok(live) => HostFirewall {
            rules: stands(live).cloned(),
            by_hand: live.by_hand.clone(),
            pending: live.pending.is_some(),
            unknown: None,
        },
        Err(why) => HostFirewall {
            rules: None,
            by_hand: Vec::new(),
            pending: false,
            unknown: Some(why.clone()),
        },
    };
    FirewallDocument {
        version: FIREWALL_DOCUMENT_VERSION,
        cluster: all.cluster.to_string(),
        hosts: all
            .hosts
            .iter()
            .map(|(name, live)| (name.clone(), host(live)))
            .collect(),
    }
}

/// The cluster's rules, where its table is there.
fn stands(live: &LiveFirewall) -> Option<&RuleSet> {
    live.rules.as_ref().filter(|_| live.hash.is_some())
}

/// The rules in words; hosts that have the same are told together.
pub fn text(all: &InForce, style: Style) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, live) in &all.hosts {
        let said = match live {
            Ok(live) => host(live, style),
            Err(why) => format!("    {} unknown: {}\n", style.paint(Paint::Warn, "!"), clean(why)),
        };
        match groups.iter_mut().find(|(same, _)| *same == said) {
            Some((_, names)) => names.push(name.as_str()),
            None => groups.push((said, vec![name.as_str()])),
        }
    }
    let groups: Vec<String> = groups
        .into_iter()
        .map(|(said, names)| format!("{}\n{said}", style.paint(Paint::Strong, &names.join(", "))))
        .collect();
    groups.join("\n")
}

fn host(live: &LiveFirewall, style: Style) -> String {
    let waits = match live.pending {
        Some(_) => format!("    {} {}\n", style.paint(Paint::Warn, "!"), WAITS),
        None => String::new(),
    };
    let Some(rules) = stands(live) else {
        return format!("    no rules of this cluster\n{waits}");
    };
    let mut out = String::new();
    let mut line = |name: &str, said: &str| out.push_str(&format!("    {name:<12} {said}\n"));
    if !rules.admin.from.is_empty() {
        let from: Vec<String> = rules.admin.from.iter().map(ToString::to_string).collect();
        let ports: Vec<String> = rules.admin.ports.iter().map(|port| format!("{port}/tcp")).collect();
        line("admin", &format!("allow {} from {}", ports.join(", "), from.join(", ")));
    }
    for rule in &rules.rules {
        line(&clean(&rule.name), &clean(&rule.to_string()));
    }
    line("default", &rules.default.to_string());
    for one in &live.by_hand {
        out.push_str(&format!(
            "    {} changed by hand: {}\n",
            style.paint(Paint::Warn, "!"),
            clean(one)
        ));
    }
    out + &waits
}

/// What became of the changes that waited, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfirmationsDocument {
    /// The format's version, [`FIREWALL_DOCUMENT_VERSION`].
    pub version: u32,
    /// The cluster.
    pub cluster: String,
    /// Host by host.
    pub hosts: BTreeMap<HostName, Confirmation>,
}

/// What became of the change that waited on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confirmation {
    /// `confirmed`, `nothing` where none waited, or `not_confirmed`.
    pub end: &'static str,
    /// Why it was not.
    pub why: Option<String>,
}

/// What became of the changes that waited, as data.
pub fn confirmations(all: &Confirmations) -> ConfirmationsDocument {
    let one = |confirmed: &Confirmed| {
        let (end, why) = match confirmed {
            Confirmed::Now => ("confirmed", None),
            Confirmed::Nothing => ("nothing", None),
            Confirmed::Not(why) => ("not_confirmed", Some(why.clone())),
        };
        Confirmation { end, why }
    };
    let hosts = all.hosts.iter();
    ConfirmationsDocument {
        version: FIREWALL_DOCUMENT_VERSION,
        cluster: all.cluster.to_string(),
        hosts: hosts.map(|(name, confirmed)| (name.clone(), one(confirmed))).collect(),
    }
}

/// What became of the changes that waited, a line for each host.
pub fn confirmed(all: &ConfirmationsDocument, style: Style) -> String {
    let width = all.hosts.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
    let line = |(name, one): (&HostName, &Confirmation)| {
        let said = match (&one.why, one.end) {
            (Some(why), _) => format!("{} not confirmed: {}", style.paint(Paint::Warn, "!"), clean(why)),
            (None, "nothing") => "nothing waits".to_owned(),
            (None, end) => style.paint(Paint::Add, end),
        };
        format!("{:<width$}  {said}\n", name.as_str())
    };
    all.hosts.iter().map(line).collect()
}

/// What becomes of one packet, as data.
pub fn explanation(question: &Question, live: &LiveFirewall, sender: &Sender) -> Explanation {
    let (verdict, by, rule) = match stands(live) {
        None => (Verdict::Allow, "none", None),
        Some(rules) => match rules.decide(sender, question.traffic) {
            (verdict, Decider::Itself) => (verdict, "itself", None),
            (verdict, Decider::Admin) => (verdict, "admin", None),
            (verdict, Decider::Rule(rule)) => (verdict, "rule", Some(rule)),
            (verdict, Decider::Icmp) => (verdict, "icmp", None),
            (verdict, Decider::Default) => (verdict, "default", None),
        },
    };
    Explanation {
        version: FIREWALL_DOCUMENT_VERSION,
        host: question.host.to_string(),
        verdict,
        by: by.to_owned(),
        rule: rule.map(|rule| rule.name.clone()),
        words: rule.map(ToString::to_string),
        changed_by_hand: !live.by_hand.is_empty(),
    }
}

/// What becomes of one packet, in a sentence.
pub fn answer(question: &Question, live: &LiveFirewall, sender: &Sender) -> String {
    let told = explanation(question, live, sender);
    let why = match (told.by.as_str(), &told.rule, &told.words) {
        ("admin", ..) => "`firewall.admin` keeps SSH open from there".to_owned(),
        (_, Some(rule), Some(words)) => format!("by the rule {}: {}", clean(rule), clean(words)),
        ("itself", ..) => "what the host says to itself always comes in".to_owned(),
        ("icmp", ..) => "no rule denies ICMP".to_owned(),
        ("none", ..) => "it has no rules of this cluster".to_owned(),
        _ => format!("no rule fits, and `default` is {}", told.verdict),
    };
    let hand = match told.changed_by_hand {
        true => "\n! its rules were changed by hand since: `cdk plan` shows how",
        false => "",
    };
    let waits = match &live.pending {
        Some(_) => format!("\n! {WAITS}"),
        None => String::new(),
    };
    let (host, verdict) = (&question.host, told.verdict);
    format!("{verdict}: {} to {host}, {why}{hand}{waits}\n", question.traffic)
}
