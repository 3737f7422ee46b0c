//! A host where one exact step of a firewall's change is held, refused or broken: programs that stand before the real ones there.

use std::time::Duration;

use super::super::lab;
use super::on;

/// Stands before nft, mv and systemd-run; what it does besides running the real one is said in /run/strike.
const PROGRAM: &str = r#"#!/bin/sh
call="${0##*/} $*"
hold() {
    [ ! -e /run/strike/held ] || return 0
    echo $PPID >/run/strike/holding && /bin/mv /run/strike/holding /run/strike/held
    until [ -e /run/strike/go ] || [ ! -e /run/strike/held ]; do /bin/sleep 0.05; done
}
PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ ! -e /run/strike/before ] || . /run/strike/before
"${0##*/}" "$@"
code=$?
[ ! -e /run/strike/after ] || . /run/strike/after
exit $code
"#;

/// A moment in the life of a change, on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// nft is about to look at the rules: nothing is armed.
    Unarmed,
    /// The way back is written down, and nothing runs yet that takes it.
    Noted,
    /// The way back is armed, the rules are not in force.
    Armed,
    /// The rules are in force, and wait to be confirmed.
    InForce,
    /// The host has begun to take them back.
    GoingBack,
    /// cdk is in by a new connection, and about to confirm.
    CameIn,
    /// The change is confirmed, and nothing says so but a folder's name.
    Confirmed,
    /// What stood is put away, what stands is not yet in its place.
    HalfKept,
}

/// What goes wrong by itself on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// nft refuses the rules when it is asked.
    RefusedAtCheck,
    /// It refuses them only when they are to be in force.
    RefusedAtLoad,
    /// It is killed in between.
    LoadIsKilled,
    /// They are in force, and it says that they are not.
    LoadsAndFails,
    /// It has read the rules, and puts them in force only after the host has taken the change back.
    LoadsTooLate,
    /// It refuses what the host would go back to.
    BackIsRefused,
    /// It does not work for a moment, while the host takes the change back.
    BackFailsAtFirst,
    /// What takes the change back is killed while it does.
    BackIsKilled,
    /// systemd arms nothing.
    NotArmed,
    /// nft does not tell the rules.
    Unread,
    /// sshd listens on another port too, over which cdk comes.
    OtherPort,
    /// The disk on which the host keeps its way back is full.
    DiskFull,
}

/// A call of a program there, as a pattern of the shell, and whether what happens comes before it or after it.
type Place = (&'static str, &'static str);

impl Moment {
    fn place(self) -> Place {
        match self {
            Self::Unarmed => ("before", "nft -c -f */next.*/rules.nft"),
            Self::Noted => ("before", "systemd-run *"),
            Self::Armed => ("before", "nft -f */pending.*/rules.nft"),
            Self::InForce => ("after", "nft -f */pending.*/rules.nft"),
            Self::GoingBack => ("after", "mv -T */pending.* */back.*"),
            Self::CameIn => ("before", "mv -T */pending.* */confirmed.*"),
            Self::Confirmed => ("after", "mv -T */pending.* */confirmed.*"),
            Self::HalfKept => ("after", "mv -T */current */current.old"),
        }
    }
}

impl Obstacle {
    /// Where, and what the program does there instead or besides.
    fn snippet(self) -> (Place, &'static str) {
        const REFUSES: &str = "echo 'Error: syntax error, unexpected newline' >&2; exit 1";
        match self {
            Self::RefusedAtCheck => (("before", "nft -c -f */next.*/rules.nft"), REFUSES),
            Self::RefusedAtLoad => (Moment::Armed.place(), REFUSES),
            Self::LoadIsKilled => (Moment::Armed.place(), "kill -9 $$"),
            Self::LoadsAndFails => (Moment::InForce.place(), "exit 1"),
            Self::LoadsTooLate => (
                Moment::Armed.place(),
                "cp \"$2\" /run/strike/read; while [ -e \"${2%/*}\" ] || ls -d /var/lib/cdk/firewall/back.* >/run/strike/left 2>&1; do \
                 sleep 0.05; done; nft -f /run/strike/read; exit",
            ),
            Self::BackIsRefused => (("before", "nft -c -f */next.*/back.nft"), REFUSES),
            Self::BackFailsAtFirst => (
                ("before", "nft -f */back.*/*.nft"),
                "echo >>/run/strike/failed; [ $(wc -l </run/strike/failed) -gt 2 ] || exit 1",
            ),
            Self::BackIsKilled => (
                Moment::GoingBack.place(),
                "[ -e /run/strike/killed ] || { touch /run/strike/killed; kill -9 $PPID; }",
            ),
            Self::NotArmed => (
                Moment::Noted.place(),
                "echo 'Failed to start transient timer unit' >&2; exit 1",
            ),
            Self::Unread => (
                ("before", "nft list tables*"),
                "echo 'Operation not permitted' >&2; exit 1",
            ),
            Self::DiskFull | Self::OtherPort => (("before", ""), ""),
        }
    }
}

/// The programs on a host, until the value is dropped.
pub struct Strike<'a> {
    host: &'a str,
}

impl<'a> Strike<'a> {
    /// Puts them there. They do nothing by themselves yet.
    pub fn on(host: &'a str) -> Self {
        let quoted = PROGRAM.replace('\'', "'\\''");
        on(
            host,
            &format!(
                "rm -rf /run/strike; cd /usr/local/sbin && printf %s '{quoted}' >nft && chmod 755 nft && \
                 for name in mv systemd-run; do cp nft $name; done"
            ),
        );
        Self { host }
    }

    /// The next change meets this, and is held at this moment.
    pub fn prepare(&self, obstacle: Option<Obstacle>, moment: Option<Moment>) {
        self.clear();
        let hold = moment.map(|moment| (moment.place(), "hold"));
        let snippets = obstacle.map(Obstacle::snippet).into_iter().chain(hold);
        let lines = snippets
            .filter(|((_, pattern), _)| !pattern.is_empty())
            .map(|((when, pattern), act)| {
                let pattern = pattern.replace(' ', "\\ ");
                let line = format!("case $call in {pattern}) {act} ;; esac").replace('\'', "'\\''");
                format!("echo '{line}' >>/run/strike/{when}; ")
            })
            .collect::<String>();
        let full = "d=/var/lib/cdk/firewall; cp -a $d /run/strike/kept; mount -t tmpfs -o size=200k none $d; cp -a /run/strike/kept/. $d; \
                    dd if=/dev/zero of=$d/filler bs=4k";
        let more = match obstacle {
            Some(Obstacle::DiskFull) => full,
            Some(Obstacle::OtherPort) => "/usr/sbin/sshd -o PidFile=/run/strike/sshd -p 2222",
            _ => "true",
        };
        on(self.host, &format!("mkdir -p /run/strike; {lines}{more}"));
    }

    /// Waits until a change is held.
    #[track_caller]
    pub fn holds(&self) {
        lab::until("the change is held there", Duration::from_secs(60), || {
            !on(self.host, "cat /run/strike/held").is_empty()
        });
    }

    /// Kills what runs the program that is held.
    pub fn kill(&self) {
        on(self.host, "kill -9 $(cat /run/strike/held); touch /run/strike/go");
    }

    /// What is held goes on.
    pub fn go(&self) {
        on(self.host, "touch /run/strike/go");
    }

    /// Whether nothing of a change runs there or waits any more.
    pub fn is_over(&self) -> bool {
        let shell = "held=$(cat /run/strike/held); [ -n \"$held\" ] && [ -e /proc/$held ] && echo held; \
                     cd /var/lib/cdk/firewall && ls -d next pending.* back.*";
        on(self.host, shell).is_empty()
    }

    /// Nothing is held or refused there any more.
    pub fn clear(&self) {
        let shell = "kill $(cat /run/strike/sshd); umount /var/lib/cdk/firewall; [ ! -e /run/strike ] || touch /run/strike/go; rm -rf /run/strike";
        on(self.host, shell);
    }
}

impl Drop for Strike<'_> {
    fn drop(&mut self) {
        self.clear();
        on(self.host, "cd /usr/local/sbin && rm -f nft mv systemd-run");
    }
}
