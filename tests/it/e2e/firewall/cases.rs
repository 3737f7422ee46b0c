//! Forty ways to lock oneself out of a host: what git then says, what goes wrong besides, at which moment, and how it must end.

use super::strike::{Moment, Obstacle};

/// What strikes while a change is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// Nothing.
    Nothing,
    /// cdk gets `kill -9`.
    KillCdk,
    /// What runs on the host for it gets `kill -9`.
    KillScript,
    /// No packet comes through until the host is as it should be.
    Cut,
    /// All of sshd gets `kill -9`, and it stays away so long.
    KillSshd,
    /// The host stands still until cdk has given up.
    Freeze,
    /// The host loses power.
    PowerCut,
    /// It reboots.
    Reboot,
}

/// How it ends. Whatever it is, the host can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// cdk refuses it at once with these words: nothing is touched.
    Refused(&'static str),
    /// cdk says this, or nothing where it is no more, and the host has the rules that it had.
    AsBefore(&'static str),
    /// The host has the new rules, and nobody is locked out by them.
    New,
    /// It has the ones or the others, whole: it was a race.
    Either,
}

/// One way.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// What stands before: [`WALLED`] or [`OPEN`].
    pub before: &'static str,
    /// What git then says, as the inside of the section's braces.
    pub rules: &'static str,
    /// What goes wrong by itself.
    pub obstacle: Option<Obstacle>,
    /// When the blow comes.
    pub moment: Option<Moment>,
    /// The blow.
    pub blow: Blow,
    /// How it ends.
    pub end: End,
    /// Whether it is played in each run of the tests, and not only in full ones.
    pub always: bool,
}

/// Only cdk comes in, and one port is open.
pub const WALLED: &str = "default: deny, admin: [CDK], rules: [{name: one, allow: 9101/tcp, from: any}]";
/// Anybody comes in, and one port is closed.
pub const OPEN: &str = "rules: [{name: one, deny: 9101/tcp, from: any}]";
/// Locks out: a network that cdk is not in.
const ELSEWHERE: &str = "default: deny, admin: [192.0.2.0/24], rules: [{name: one, allow: 9102/tcp, from: any}]";
/// Does not.
const ANOTHER: &str = "default: deny, admin: [CDK], rules: [{name: two, allow: 9103/tcp, from: any}]";

const NOT_CONFIRMED: &str = "not confirmed over a new connection";

const fn case(name: &'static str, rules: &'static str) -> Case {
    Case {
        name,
        before: WALLED,
        rules,
        obstacle: None,
        moment: None,
        blow: Blow::Nothing,
        end: End::AsBefore(NOT_CONFIRMED),
        always: false,
    }
}

impl Case {
    const fn always(self) -> Self {
        Self { always: true, ..self }
    }

    const fn opened(self) -> Self {
        Self { before: OPEN, ..self }
    }

    const fn ends(self, end: End) -> Self {
        Self { end, ..self }
    }

    const fn at(self, moment: Moment, blow: Blow) -> Self {
        Self {
            moment: Some(moment),
            blow,
            ..self
        }
    }

    const fn with(self, obstacle: Obstacle, says: &'static str) -> Self {
        Self {
            obstacle: Some(obstacle),
            end: End::AsBefore(says),
            ..self
        }
    }
}

/// All of them: those at even places are played on one host, those at odd ones on another.
pub const CASES: [Case; 40] = [
    // By a wrong network.
    case("admin is a network elsewhere", ELSEWHERE).always(),
    case(
        "admin is of the other family",
        "default: deny, admin: [\"2001:db8::/32\"]",
    ),
    case(
        "admin is the host itself",
        "default: deny, admin: [127.0.0.1, 172.17.0.0/16]",
    ),
    case(
        "admin is half of the network, the wrong one",
        "default: deny, admin: [UPPER]",
    ),
    // By a rule.
    case(
        "a rule allows SSH from elsewhere only",
        "default: deny, admin: [192.0.2.1], rules: [{name: ssh, allow: 22/tcp, from: 198.51.100.0/24}]",
    ),
    case(
        "a rule denies SSH to all, and one after it allows it",
        "admin: [192.0.2.1], rules: [{name: no, deny: 22/tcp, from: any}, {name: ssh, allow: 22/tcp, from: [CDK]}]",
    )
    .always(),
    case(
        "a rule denies all that admin may, and admin is heard first",
        "default: deny, admin: [CDK], rules: [{name: no, deny: [tcp, udp, icmp], from: any}]",
    )
    .ends(End::New),
    case(
        "a rule denies SSH, without admin",
        "rules: [{name: no, deny: 22/tcp, from: any}]",
    )
    .opened()
    .ends(End::Refused("without `admin`, could lock you out")),
    // By default.
    case("open before, denied by default", ELSEWHERE).opened(),
    case("denied by default, without admin", "default: deny")
        .opened()
        .ends(End::Refused("`default: deny` without `admin`")),
    case("sshd listens elsewhere than where admin may come in", WALLED)
        .opened()
        .with(Obstacle::OtherPort, "")
        .ends(End::Refused("sshd listens on port 2222 there")),
    // By what nft, systemd or the disk make of it.
    case("nft refuses the rules", ELSEWHERE)
        .with(Obstacle::RefusedAtCheck, "nft refuses the rules")
        .always(),
    case("nft refuses them only when they are to be in force", ELSEWHERE)
        .with(Obstacle::RefusedAtLoad, "nft refuses the rules"),
    case("nft is killed", ELSEWHERE).with(Obstacle::LoadIsKilled, "nft refuses the rules"),
    case("nft fails when the rules are in force", ELSEWHERE).with(Obstacle::LoadsAndFails, "nft refuses the rules"),
    case("nft is slower than the way back", ELSEWHERE)
        .with(Obstacle::LoadsTooLate, "had taken the change back already")
        .always(),
    case("nft refuses what the host would go back to", ELSEWHERE).with(
        Obstacle::BackIsRefused,
        "could not be put back, and so nothing was changed",
    ),
    case("nft fails at first when the host goes back", ELSEWHERE).with(Obstacle::BackFailsAtFirst, NOT_CONFIRMED),
    case("nft does not tell the rules", ELSEWHERE)
        .with(Obstacle::Unread, "")
        .ends(End::Refused("nft does not tell its rules")),
    case("systemd arms nothing", ELSEWHERE).with(Obstacle::NotArmed, "arms no way back"),
    case("the disk is full", ELSEWHERE)
        .with(Obstacle::DiskFull, "cannot be written")
        .always(),
    case("what goes back for cdk is killed", ELSEWHERE).with(Obstacle::BackIsKilled, NOT_CONFIRMED),
    case("what goes back without cdk is killed", ELSEWHERE)
        .with(Obstacle::BackIsKilled, "")
        .at(Moment::InForce, Blow::KillCdk),
    // At each step between arm and confirm, and just before and after.
    case("cdk is killed before it is armed", ELSEWHERE).at(Moment::Unarmed, Blow::KillCdk),
    case("the host loses power when the way back is only written down", ELSEWHERE).at(Moment::Noted, Blow::PowerCut),
    case("cdk is killed when the way back is armed", ELSEWHERE)
        .at(Moment::Armed, Blow::KillCdk)
        .always(),
    case("the network is cut when the way back is armed", ELSEWHERE).at(Moment::Armed, Blow::Cut),
    case("cdk is killed when the rules are in force", ELSEWHERE).at(Moment::InForce, Blow::KillCdk),
    case("what runs on the host is killed when the rules are in force", ELSEWHERE)
        .at(Moment::InForce, Blow::KillScript)
        .ends(End::AsBefore("1 failed")),
    case("the network is cut when the rules are in force", ELSEWHERE)
        .at(Moment::InForce, Blow::Cut)
        .always(),
    case("the host loses power when the rules are in force", ELSEWHERE)
        .at(Moment::InForce, Blow::PowerCut)
        .always(),
    case("sshd is killed when the rules are in force", ELSEWHERE).at(Moment::InForce, Blow::KillSshd),
    case("the host stands still when the rules are in force", ELSEWHERE)
        .at(Moment::InForce, Blow::Freeze)
        .ends(End::AsBefore("1 failed")),
    case("the host reboots when the way back is armed", ELSEWHERE).at(Moment::Armed, Blow::Reboot),
    case("the host reboots when the rules are in force", ELSEWHERE).at(Moment::InForce, Blow::Reboot),
    case("the host loses power while it goes back", ELSEWHERE).at(Moment::GoingBack, Blow::PowerCut),
    case("cdk is killed when it has come in", ANOTHER)
        .at(Moment::CameIn, Blow::KillCdk)
        .ends(End::Either),
    case("the host loses power when the change is confirmed", ANOTHER)
        .at(Moment::Confirmed, Blow::PowerCut)
        .ends(End::New)
        .always(),
    case("what runs on the host is killed when the change is confirmed", ANOTHER)
        .at(Moment::Confirmed, Blow::KillScript)
        .ends(End::New),
    case("the host loses power when half of it is kept", ANOTHER)
        .at(Moment::HalfKept, Blow::PowerCut)
        .ends(End::New),
];
