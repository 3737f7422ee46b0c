//! Public addresses on real hosts: bound, kept over reboots, moved with their replica under traffic, and taken back where they lock out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::bare::{Bare, address, on};
use super::lab;
use super::scene::{Scene, service};

const HOSTS: [&str; 2] = ["h5", "h6"];
/// Until what is waited for is given up.
const LONG: Duration = Duration::from_secs(180);

/// An address of the lab's network that no host has, of each family.
fn free(last: u8) -> [IpAddr; 2] {
    let (four, six) = (address(HOSTS[0], "4"), address(HOSTS[0], "6"));
    let (four, six) = (four.rsplit_once('.').unwrap().0, six.rsplit_once(':').unwrap().0);
    [
        format!("{four}.{last}").parse().unwrap(),
        format!("{six}:{last}").parse().unwrap(),
    ]
}

/// Whether an address stands on a host, and not in name only.
fn stands(host: &str, address: IpAddr) -> bool {
    let said = on(host, "ip -o address show dev eth0");
    let mut own = said.lines().filter(|line| !line.contains("dadfailed"));
    own.any(|line| {
        line.split_whitespace()
            .any(|word| word.split('/').next() == Some(&address.to_string()))
    })
}

#[track_caller]
fn stand_on(host: &str, addresses: &[IpAddr]) {
    for address in addresses {
        for other in HOSTS {
            assert_eq!(stands(other, *address), other == host, "{address} on {other}");
        }
    }
}

/// A neighbour that goes on believing what it was told last, for longer than any test takes.
struct Believer(&'static str);

impl Believer {
    fn new(host: &'static str) -> Self {
        let it = Self(host);
        it.believes_for(3_600_000);
        it
    }

    fn believes_for(&self, ms: u32) {
        for family in ["ipv4", "ipv6"] {
            let setting = format!("/proc/sys/net/{family}/neigh/eth0/base_reachable_time_ms");
            on(self.0, &format!("echo {ms} >{setting}"));
        }
    }

    /// Tells it that a host has an address.
    fn hears(&self, address: IpAddr, host: &str) {
        let mac = on(host, "cat /sys/class/net/eth0/address");
        let told = format!(
            "ip neigh replace {address} lladdr {} dev eth0 nud reachable && echo told",
            mac.trim()
        );
        assert_eq!(on(self.0, &told).trim(), "told");
    }
}

impl Drop for Believer {
    fn drop(&mut self) {
        self.believes_for(30_000);
    }
}

fn scene(cluster: &str) -> Scene {
    let scene = Scene::new(cluster, &HOSTS);
    scene.edit("cdk.yaml", "ssh: {config", "ssh: {user: sudoer, become: sudo, config");
    scene
}

fn hosts(scene: &Scene, of: [&str; 2]) {
    let lines = HOSTS.iter().zip(of);
    let lines: Vec<String> = lines
        .map(|(host, more)| format!("  {host}: {{address: {host}{more}}}\n"))
        .collect();
    scene.write("hosts.yaml", &format!("hosts:\n{}", lines.concat()));
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// The host name of the replica that answered.
    By(String),
    /// Nobody took the connection.
    Closed(String),
    /// It was cut.
    Cut(String),
}

fn ask(to: SocketAddr) -> Said {
    let patience = Duration::from_secs(5);
    let mut stream = match TcpStream::connect_timeout(&to, patience) {
        Ok(stream) => stream,
        // `connect(2)` says this only once the other side has answered, else it says `refused`: whoever took the connection has cut it.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Said::Cut(error.to_string()),
        Err(error) => return Said::Closed(error.to_string()),
    };
    let mut answer = String::new();
    let asked = stream
        .set_read_timeout(Some(patience))
        .and_then(|()| stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"))
        .and_then(|()| stream.read_to_string(&mut answer));
    match (asked, answer.split_once("\r\n\r\n")) {
        (Ok(_), Some((_, body))) => Said::By(body.trim().to_owned()),
        (Ok(_), None) => Said::Cut("an empty answer".to_owned()),
        (Err(error), _) => Said::Cut(error.to_string()),
    }
}

/// A request, and when it began and ended.
#[derive(Debug)]
struct Asked {
    of: IpAddr,
    began: Instant,
    ended: Instant,
    said: Said,
}

/// Clients that ask again and again, each over a new connection, until their end.
struct Traffic {
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Asked>>>,
}

impl Traffic {
    fn start(addresses: &[IpAddr], port: u16) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let clients = addresses.iter().flat_map(|address| [*address; 2]).map(|of| {
            let stop = Arc::clone(&ended);
            std::thread::spawn(move || {
                let mut all = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    let said = ask((of, port).into());
                    let ended = Instant::now();
                    all.push(Asked { of, began, ended, said });
                }
                all
            })
        });
        let clients = clients.collect();
        Self { ended, clients }
    }

    fn end(self) -> Vec<Vec<Asked>> {
        self.ended.store(true, Ordering::SeqCst);
        self.clients.into_iter().map(|client| client.join().unwrap()).collect()
    }
}

/// The time within which two hosts have an address: from when one was last seen without it until the other is.
#[derive(Debug)]
struct Both {
    of: IpAddr,
    from: Instant,
    until: Instant,
}

impl Both {
    /// Watches an address go from one host to another.
    fn watch(of: IpAddr, old: &'static str, new: &'static str) -> JoinHandle<Self> {
        let mut from = Instant::now();
        std::thread::spawn(move || {
            lab::until("the address has gone to the other host", LONG, || {
                let looked = Instant::now();
                let comes = !stands(new, of);
                if comes {
                    from = looked;
                }
                !comes && !stands(old, of)
            });
            let until = Instant::now();
            Self { of, from, until }
        })
    }

    fn has(&self, asked: &Asked) -> bool {
        self.of == asked.of && asked.began <= self.until && asked.ended >= self.from
    }
}

#[test]
fn a_public_address_moves_with_its_replica_under_traffic() {
    let _hosts = lab::faulty(&HOSTS);
    let _bare = Bare::new(&HOSTS);
    let scene = scene("public");
    let addresses = free(201);
    let [four, six] = addresses;
    let more = format!(
        "    ports: [\"9300:8080\"]\n    public_addresses: [\"{four}\", \"{six}\"]\n    environment: {{HOST: \"{{{{ host.name }}}}\"}}\n    hostname: \"{{{{ host.name }}}}\"\n"
    );
    scene.write("services/web.yaml", &service("web", &lab::app(1), &more, "replicas: 1"));
    hosts(&scene, ["", ", state: drain"]);
    scene.commit("one");
    scene
        .something_to_do()
        .says(&format!("+ {four}"))
        .says("goes with web.1");
    scene.apply();
    scene.nothing_to_do();
    stand_on("h5", &addresses);
    // It is no sender's: others know this host by its own.
    let way = on("h5", &format!("ip -6 route get {}", address("h6", "6")));
    assert!(way.contains(" src ") && !way.contains(&format!(" src {six} ")), "{way}");
    scene
        .cdk(&["ps"])
        .ended(0)
        .says("PUBLIC")
        .says(&format!("{four}, {six}"));
    scene.cdk(&["hosts"]).ended(0).says(&four.to_string());

    // It moves with its replica, and nobody is turned away.
    hosts(&scene, [", state: drain", ""]);
    scene.commit("the other way round");
    scene.something_to_do().says(&format!("> {four}")).says("h5 → h6 eth0");
    let traffic = Traffic::start(&addresses, 9300);
    let both = addresses.map(|address| Both::watch(address, "h5", "h6"));
    scene.apply();
    let both = both.map(|watch| watch.join().unwrap());
    // Who was told by the old host last is told otherwise by the new one, again and again.
    let believer = Believer::new(lab::SHARED[0]);
    addresses.iter().for_each(|address| believer.hears(*address, "h5"));
    lab::until("the other one answers its neighbours", LONG, || {
        let asks = |address: &IpAddr| {
            on(
                believer.0,
                &format!("curl -s -m 2 http://{}/", SocketAddr::new(*address, 9300)),
            )
        };
        addresses.iter().all(|address| asks(address).contains("h6"))
    });
    lab::until("the other one answers", LONG, || {
        addresses
            .iter()
            .all(|address| matches!(ask((*address, 9300).into()), Said::By(who) if who.contains("h6")))
    });
    for client in traffic.end() {
        for host in HOSTS {
            let answers = |asked: &Asked| matches!(&asked.said, Said::By(who) if who.contains(host));
            assert!(client.iter().any(answers), "it did not move under traffic: {host}");
        }
        // Who comes is let in. While both hosts have it the network may change its mind to and fro, and what is under way then is cut;
        // before and after that nothing is.
        let is_well = |asked: &&Asked| match asked.said {
            Said::By(_) => true,
            Said::Closed(_) => false,
            Said::Cut(_) => both.iter().any(|both| both.has(asked)),
        };
        let ill: Vec<&Asked> = client.iter().filter(|asked| !is_well(asked)).collect();
        assert!(ill.is_empty(), "{ill:?}, both had it: {both:?}");
    }
    scene.nothing_to_do();
    stand_on("h6", &addresses);

    // It is kept over a reboot, and what was done by hand is seen and put right.
    lab::lab(&["fault", "reboot", "h6"]);
    lab::until("the addresses stand again", LONG, || {
        addresses.iter().all(|address| stands("h6", *address))
    });
    lab::until("the replica is up again", LONG, || {
        scene.cdk(&["plan"]).out.contains("No changes")
    });
    on("h6", &format!("ip address delete {four}/32 dev eth0"));
    scene.something_to_do().says("taken off by hand");
    scene.apply();
    stand_on("h6", &addresses);

    // The other one tried to have it too, and found that somebody has: it stands there in name only.
    on("h5", &format!("ip address add {six}/128 dev eth0"));
    let in_name_only = format!("ip -o address show dev eth0 dadfailed | grep -cF ' {six}/'");
    lab::until("it is found to be taken", LONG, || {
        on("h5", &in_name_only).trim() == "1"
    });

    // Its host is gone: it goes with the replica to the other one, and does not come back with the host.
    lab::lab(&["fault", "power-cut", "h6"]);
    hosts(&scene, ["", ", state: down"]);
    scene.commit("h6 is gone");
    scene.apply();
    assert!(addresses.iter().all(|address| stands("h5", *address)));
    lab::lab(&["fault", "start", "h6"]);
    lab::until("it has booted", LONG, || {
        on("h6", "systemctl is-active cdk-address.service").trim() == "active"
    });
    stand_on("h5", &addresses);
    hosts(&scene, ["", ""]);
    scene.commit("h6 is back");
    lab::until("its engine answers", LONG, || {
        scene.cdk(&["plan", "--detailed-exitcode"]).code == Some(2)
    });
    scene.apply();
    scene.nothing_to_do();
    stand_on("h5", &addresses);
    assert!(!on("h6", "ls /var/lib/cdk/address/kept/public").contains(&four.to_string()));

    // Without the address in git it goes, with nothing else.
    scene.write(
        "services/web.yaml",
        &service(
            "web",
            &lab::app(1),
            &more.replace("public_addresses", "x-was"),
            "replicas: 1",
        ),
    );
    scene.commit("no address");
    scene
        .something_to_do()
        .says(&format!("- {four}"))
        .says("nobody needs it any more");
    scene.apply();
    scene.nothing_to_do();
    assert!(addresses.iter().all(|address| !stands("h5", *address)));
}

#[test]
fn an_address_that_somebody_has_is_refused_and_one_that_is_needed_comes_back() {
    let _hosts = lab::faulty(&HOSTS);
    let _bare = Bare::new(&HOSTS);
    let scene = scene("needed");
    scene.edit("cdk.yaml", "services/*.yaml]", "firewall.yaml]");
    scene.write("firewall.yaml", "firewall: {confirm_timeout: 60s}\n");
    let [taken, _] = free(1);
    let [own, _] = free(202);
    // This machine has that one.
    hosts(&scene, [&format!(", public_addresses: [\"{taken}\"]"), ""]);
    scene.commit("taken");
    scene
        .cdk(&["apply", "--yes"])
        .ended(4)
        .says("somebody else on its network answers");
    assert!(!stands("h5", taken));

    // Many on one host get there and go side by side, and none is in another's way.
    let many: Vec<IpAddr> = (203..211).flat_map(free).collect();
    let list: Vec<String> = many.iter().map(|address| format!("\"{address}\"")).collect();
    hosts(
        &scene,
        [&format!(", public_addresses: [\"{own}\", {}]", list.join(", ")), ""],
    );
    scene.commit("many");
    scene.apply();
    scene.nothing_to_do();
    stand_on("h5", &many);

    hosts(&scene, [&format!(", public_addresses: [\"{own}\"]"), ""]);
    scene.commit("its own");
    scene.apply();
    scene.nothing_to_do();
    stand_on("h5", &[own]);
    assert!(!many.iter().any(|address| stands("h5", *address)));
    // From here on ssh goes over it, and so it cannot go.
    let reached =
        format!("  h5: {{address: {own}, private_address: {own}, ssh: {{user: sudoer}}}}\n  h6: {{address: h6}}\n");
    let config = std::fs::read_to_string(lab::state().join("ssh_config")).unwrap();
    scene.write("ssh_config", &format!("{config}\nHost {own}\n    HostKeyAlias h5\n"));
    scene.write("hosts.yaml", &format!("hosts:\n{reached}"));
    let path = scene.path();
    let old = format!("config: {}/ssh_config", lab::state().display());
    scene.edit("cdk.yaml", &old, &format!("config: {}/ssh_config", path.display()));
    scene.edit("firewall.yaml", "60s", "8s");
    scene.commit("the branch that it sits on");
    // Whether it is the old connection or the new one that is missed first.
    scene.cdk(&["apply", "--yes"]).ended(4).says("1 failed");
    lab::until("it is back", LONG, || stands("h5", own));
}
