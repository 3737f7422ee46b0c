//! Nobody is locked out: each case of [`CASES`] is played on a real host, which can be reached again and has the rules that it had.

use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::super::bare::TAKEN_BACK;
use super::super::lab;
use super::super::lock::{apply_away, ended_away, move_to};
use super::super::scene::{Run, Running, Scene};
use super::cases::{Blow, CASES, Case, End};
use super::strike::{Moment, Obstacle, Strike};
use super::{BESIDE, Bare, HOSTS, WALLED, address, controller, on, scene};

/// More than anything here takes: a host takes a change back after 4 s, and its boot takes some more.
const LONG: Duration = Duration::from_secs(90);

fn can_get_in(host: &str) -> bool {
    let config = lab::state().join("ssh_config");
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(config).args(["-o", "ConnectTimeout=1", host, "true"]);
    ssh.output().is_ok_and(|output| output.status.success())
}

/// Where a case is played: a host, and a cluster of its own.
struct Stage<'a> {
    scene: &'a Scene,
    strike: &'a Strike<'a>,
    host: &'static str,
}

impl Stage<'_> {
    /// The host's table, without what comes and goes.
    fn table(&self) -> String {
        on(self.host, &format!("nft -s list table inet cdk-{}", self.scene.cluster))
    }

    /// Git says this.
    fn says(&self, rules: &str, confirm_timeout: &str, message: &str) {
        let own = controller();
        let (network, _) = own.rsplit_once('.').unwrap();
        let rules = rules
            .replace("CDK", &own)
            .replace("UPPER", &format!("{network}.128/25"));
        let text = format!("firewall: {{confirm_timeout: {confirm_timeout}, {rules}}}\n");
        self.scene.write("firewall.yaml", &text);
        self.scene.git(&["add", "-A"]);
        self.scene.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Git says this, and so it is; what then stands.
    fn stands(&self, rules: &str) -> String {
        self.says(rules, "20s", "as it was");
        if self.scene.cdk(&["plan", "--detailed-exitcode"]).code != Some(0) {
            self.scene.cdk(&["apply", "--yes", "--lock-timeout", "60s"]).ended(0);
            self.scene.nothing_to_do();
        }
        self.table()
    }

    /// By which port cdk comes.
    fn comes_by(&self, port: u16) {
        let config = std::fs::read_to_string(lab::state().join("ssh_config")).unwrap();
        let key = address(self.host, "4");
        let text = format!("Port {port}\nHostKeyAlias {key}\n{config}");
        std::fs::write(self.scene.beside("ssh_config"), text).unwrap();
    }

    fn play(&self, case: &Case) {
        let Case { rules, end, blow, .. } = *case;
        let before = self.stands(case.before);
        self.strike.prepare(case.obstacle, case.moment.or(self.proof(case)));
        if case.obstacle == Some(Obstacle::OtherPort) {
            self.comes_by(2222);
        }
        self.says(rules, self.patience(case), case.name);
        let running = self.scene.start(&["apply", "--yes", "--lock-timeout", "60s"]);
        if case.moment.or(self.proof(case)).is_some() {
            self.strike.holds();
            if case.moment.is_none_or(|moment| moment == Moment::InForce) && blow == Blow::Nothing {
                assert!(!can_get_in(self.host), "{}: it locks nobody out", case.name);
            }
        }
        let run = self.strike_with(blow, running, || self.is_back(end, &before));
        lab::until(case.name, LONG, || self.is_back(end, &before) && can_get_in(self.host));
        if let Some(run) = run {
            self.ended(run, case);
        }
        self.strike.clear();
        self.comes_by(22);
    }

    /// How long a host waits for the confirmation. What is proved while it waits needs some of that time.
    fn patience(&self, case: &Case) -> &'static str {
        match (case.end, self.proof(case)) {
            (End::New, _) => "20s",
            (_, Some(_)) => "10s",
            (_, None) => "4s",
        }
    }

    /// The moment at which it is proved that a case would lock out, where nothing else is to happen.
    fn proof(&self, case: &Case) -> Option<Moment> {
        let is_whole = case.obstacle.is_none() && matches!(case.end, End::AsBefore(_));
        is_whole.then_some(Moment::InForce)
    }

    /// Whether the host has the rules that it should have, and nothing goes on there.
    fn is_back(&self, end: End, before: &str) -> bool {
        let table = self.table();
        let is_new = !table.is_empty() && !table.contains("9101");
        let is_right = match end {
            End::Refused(_) | End::AsBefore(_) => table == before,
            End::New => is_new,
            End::Either => is_new || table == before,
        };
        is_right && self.strike.is_over()
    }

    /// Strikes, and lets go on what is held; how cdk ended, where it did so by itself.
    fn strike_with(&self, blow: Blow, running: Running, is_back: impl Fn() -> bool) -> Option<Run> {
        let host = self.host;
        let back = |what: &str| lab::until(what, LONG, &is_back);
        match blow {
            Blow::Nothing => {
                self.strike.go();
                return Some(running.end());
            }
            Blow::KillCdk => {
                running.signal("KILL");
                running.end();
                self.strike.go();
                return None;
            }
            Blow::KillScript => {
                self.strike.kill();
                return Some(running.end());
            }
            Blow::Cut => {
                lab::lab(&["fault", "cut", host]);
                self.strike.go();
                back("the host takes it back without a network");
                lab::lab(&["fault", "heal", host]);
            }
            Blow::KillSshd => {
                lab::lab(&["fault", "kill-sshd", host]);
                self.strike.go();
                back("the host takes it back without sshd");
                lab::lab(&["fault", "start-sshd", host]);
            }
            Blow::Freeze => {
                lab::lab(&["fault", "pause", host]);
                let run = running.end();
                lab::lab(&["fault", "unpause", host]);
                self.strike.go();
                return Some(run);
            }
            Blow::PowerCut => {
                lab::lab(&["fault", "power-cut", host]);
                lab::lab(&["fault", "start", host]);
            }
            Blow::Reboot => drop(lab::lab(&["fault", "reboot", host])),
        }
        // Whatever cdk would do yet: the host needed nothing of it.
        running.signal("KILL");
        running.end();
        None
    }

    /// What cdk said in the end.
    fn ended(&self, run: Run, case: &Case) {
        match (case.end, case.blow) {
            (End::Refused(words), _) => run.ended(3).says(words),
            (End::AsBefore(words), _) => run.ended(4).says(words),
            (End::New, Blow::Nothing) => run.ended(0),
            (End::New | End::Either, _) => run,
        };
    }
}

/// Plays all cases of one host, one after the other; the names of those that did not end as they should.
fn play_all(host: &'static str, cases: &[&Case], failed: &Mutex<Vec<String>>) {
    let cluster = format!("locked{}", &host[1..]);
    let scene = scene(&cluster, &[host], "");
    scene.edit("cdk.yaml", "services/*.yaml, ", "");
    let (from, to) = (lab::state().join("ssh_config"), scene.beside("ssh_config"));
    scene.edit("cdk.yaml", from.to_str().unwrap(), &to);
    let strike = Strike::on(host);
    let stage = Stage {
        scene: &scene,
        strike: &strike,
        host,
    };
    stage.comes_by(22);
    for case in cases {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.play(case)));
        if played.is_err() {
            failed.lock().unwrap().push(format!("{host}: {}", case.name));
            lab::lab(&["fault", "heal", host]);
            strike.clear();
            stage.comes_by(22);
            on(
                host,
                &format!("nft delete table inet cdk-{cluster}; rm -rf /var/lib/cdk/firewall"),
            );
        }
    }
    // After a reboot the rules that were confirmed last stand before anything else does.
    let stands = stage.stands(super::cases::WALLED);
    lab::lab(&["fault", "reboot", host]);
    lab::until("a reboot", LONG, || can_get_in(host) && stage.table() == stands);
    scene.nothing_to_do();
}

#[test]
fn nobody_is_locked_out() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    // Some cases alone: parts of their names, with `|` between.
    let some = std::env::var("CDK_TEST_CASES").ok();
    let is_played = |case: &Case| match &some {
        Some(some) => some.split('|').any(|part| case.name.contains(part)),
        None => case.always || crate::full(),
    };
    let played: Vec<&Case> = CASES.iter().filter(|case| is_played(case)).collect();
    let failed = Mutex::default();
    std::thread::scope(|scope| {
        for (number, host) in HOSTS.into_iter().enumerate() {
            let own: Vec<&Case> = played.iter().skip(number).step_by(2).copied().collect();
            let failed = &failed;
            scope.spawn(move || play_all(host, &own, failed));
        }
    });
    let failed: Vec<String> = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), played.len());
    assert!(played.len() >= 8 || some.is_some(), "{}", played.len());
}

#[test]
fn where_one_host_fails_the_others_go_back_and_none_is_begun() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let open = "firewall:\n  default: deny\n  admin: [CDK]\n  rules:\n    - {name: one, allow: 9101/tcp, from: any}\n";
    let open = open.replace("CDK", &controller());
    let scene = scene("locked", &HOSTS, &open);
    scene.edit("cdk.yaml", "services/*.yaml, ", "");
    scene.commit("rules");
    scene.apply();
    let tables = || HOSTS.map(|host| on(host, "nft -s list table inet cdk-locked"));
    let before = tables();
    assert!(before[0].contains("9101"), "{before:?}");

    // A network that cdk is not in: the first host takes it back, and the second is not touched.
    scene.edit("firewall.yaml", &controller(), "192.0.2.0/24");
    scene.edit("firewall.yaml", "default: deny", "confirm_timeout: 4s\n  default: deny");
    scene.commit("another network");
    let kept = "stat -c %i /var/lib/cdk/firewall/current";
    let untouched = on(BESIDE, kept);
    let run = scene.cdk(&["apply", "--yes"]).ended(4);
    run.says("not confirmed over a new connection").says_one_of(&TAKEN_BACK);
    assert_eq!(tables(), before);
    assert_eq!(on(BESIDE, kept), untouched);

    // It would come in now, and not again for an hour.
    let seldom = "\n    - {name: seldom, allow: 22/tcp, from: any, limit: 1/hour}\n";
    scene.edit("firewall.yaml", "from: any}\n", &format!("from: any}}{seldom}"));
    scene.commit("not again");
    let run = scene.cdk(&["apply", "--yes"]).ended(4);
    run.says("only by the rule seldom, at most 1/hour")
        .says_one_of(&TAKEN_BACK);
    assert_eq!(tables(), before);

    // What never came into force, since what changed it there was killed, is no change that anybody can confirm.
    let keeper = "cd /var/lib/cdk/firewall && cp -r current pending.1-1 && rm -f pending.1-1/stands && sh keeper confirm 1-1; rm -rf pending.1-1";
    assert_eq!(on(WALLED, keeper).trim(), "cdk-answer late");

    // The second host does not come in: the first, done already, goes back with it. What was changed there by hand comes back too, and is
    // told as that.
    on(WALLED, "nft insert rule inet cdk-locked incoming tcp dport 6666 accept");
    let before = tables();
    assert!(before[0].contains("6666"), "{before:?}");
    scene.write("firewall.yaml", &open.replace("9101", "9102"));
    scene.commit("both");
    let strike = Strike::on(BESIDE);
    strike.prepare(Some(Obstacle::NotArmed), None);
    let run = scene.cdk(&["apply", "--yes"]).ended(4);
    run.says("arms no way back");
    assert_eq!(tables(), before);
    scene.something_to_do().says("changed by hand: + tcp dport 6666 accept");
    assert!(can_get_in(WALLED) && !address(WALLED, "4").is_empty());
}

/// On the host itself nothing need come in to confirm: then it is asked whether who started cdk there could.
#[test]
fn who_changes_a_host_from_within_can_come_back_too() {
    let _hosts = lab::faulty(&HOSTS);
    let _walls = Bare::new(&HOSTS);
    let rules = "firewall:\n  default: deny\n  admin: [192.0.2.0/24]\n";
    let scene = scene("within", &[WALLED], rules);
    scene.edit("cdk.yaml", "services/*.yaml, ", "");
    scene.edit("hosts.yaml", &format!("address: {WALLED}"), "address: local");
    scene.commit("from within");
    move_to(&scene, WALLED);
    let table = || on(WALLED, "nft list table inet cdk-within");
    let connection = |from: &str| format!("SSH_CONNECTION=\"{from} 50000 10.77.0.1 22\"");
    apply_away(WALLED, &connection("203.0.113.9"));
    let (code, said) = ended_away(WALLED);
    assert!(
        code == "4" && said.contains("over SSH from 203.0.113.9"),
        "{code}: {said}"
    );
    assert_eq!(table(), "");
    // `sudo` keeps nothing of that in the environment: who came in is known by what it was started from.
    on(
        WALLED,
        "printf 'env -u SSH_CONNECTION \"$@\"\\nexit $?\\n' >/root/away/sudo",
    );
    apply_away(WALLED, &format!("{} sh /root/away/sudo env", connection("203.0.113.9")));
    let (code, said) = ended_away(WALLED);
    assert!(
        code == "4" && said.contains("over SSH from 203.0.113.9"),
        "{code}: {said}"
    );
    assert_eq!(table(), "");
    apply_away(WALLED, &connection("192.0.2.9"));
    let (code, said) = ended_away(WALLED);
    assert_eq!(code, "0", "{said}");
    assert!(table().contains("192.0.2.0/24"));
    on(WALLED, "rm -rf /root/away");
}
