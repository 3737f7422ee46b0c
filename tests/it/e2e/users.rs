//! Who cdk is on a host and how it gets there: root, the docker group, sudo; jump hosts, other ports, an sshd that forwards no sockets.

use super::lab;
use super::scene::{Scene, service};

/// One host of each Debian.
const BOTH: [&str; 2] = ["h1", "h2"];

fn scene(name: &str, replicas: u32) -> Scene {
    let scene = Scene::new(name, &BOTH);
    let deploy = format!("replicas: {replicas}, update_config: {{parallelism: 0, monitor: 1s}}");
    scene.write(
        "services/web.yaml",
        &service("web", &lab::app(1), "    environment: {BY: nobody}\n", &deploy),
    );
    scene
}

/// Writes hosts.yaml with these words for ssh at every host.
fn reach(scene: &Scene, ssh: &str) {
    let hosts = BOTH.map(|host| format!("  {host}: {{address: {host}, ssh: {{{ssh}}}}}\n"));
    scene.write("hosts.yaml", &format!("hosts:\n{}", hosts.concat()));
}

#[test]
fn root_the_docker_group_and_sudo_all_apply_the_same() {
    let scene = scene("users", 6);
    let users = [("root", ""), ("deploy", ""), ("sudoer", ", become: sudo")];
    let mut before = "nobody";
    for (user, more) in users {
        reach(&scene, &format!("user: {user}{more}"));
        scene.edit("services/web.yaml", &format!("BY: {before}"), &format!("BY: {user}"));
        scene.commit(user);
        scene.apply();
        scene.nothing_to_do();
        scene.runs("web", 6, &lab::app(1));
        before = user;
    }
    // It can be said once for the cluster, and taken back for a host.
    scene.write(
        "hosts.yaml",
        "hosts:\n  h1: {address: h1}\n  h2: {address: h2, ssh: {user: root, become: none}}\n",
    );
    scene.edit("cdk.yaml", "ssh: {config", "ssh: {user: sudoer, become: sudo, config");
    scene.nothing_to_do();
}

/// Users of h1 that lack something: `asked` the right to sudo without a password, `nocli` a Docker CLI that sudo finds; and
/// `narrow`, which has what cdk's own message says, and no more.
fn make_users() {
    let script = r#"
        for user in asked nocli narrow; do
            id "$user" >/dev/null 2>&1 && continue
            useradd -m -s /bin/sh -p '*' "$user"
            install -d -m 700 -o "$user" -g "$user" "/home/$user/.ssh"
            install -m 600 -o "$user" -g "$user" /root/.ssh/authorized_keys "/home/$user/.ssh/"
        done
        rules() { printf '%s\n' 'asked ALL=(ALL) ALL' 'Defaults:nocli secure_path=/nowhere' 'nocli ALL=(ALL) NOPASSWD: ALL' \
            'narrow ALL=(root) NOPASSWD: /usr/bin/docker system dial-stdio'; }
        rules >/etc/sudoers.d/cdk-users.new && chmod 440 /etc/sudoers.d/cdk-users.new &&
            mv /etc/sudoers.d/cdk-users.new /etc/sudoers.d/cdk-users"#;
    lab::lab(&["exec", "h1", "sh", "-c", script]);
}

#[test]
fn what_a_user_lacks_is_told_with_its_cure() {
    let scene = scene("rights", 1);
    make_users();
    let with = |ssh: &str| {
        scene.write(
            "hosts.yaml",
            &format!("hosts:\n  h1: {{address: h1, ssh: {{{ssh}}}}}\n"),
        );
        scene.cdk(&["plan"])
    };
    with("user: sudoer")
        .ended(10)
        .says("usermod -aG docker sudoer")
        .says("become: sudo");
    with("user: asked, become: sudo")
        .ended(10)
        .says("asked ALL=(root) NOPASSWD: /usr/bin/docker system dial-stdio");
    with("user: nocli, become: sudo").ended(10).says("install docker-cli");
    with("user: narrow, become: sudo").ended(0).says("1 to create");
    // Where the host is named it must answer, and nothing is begun.
    scene.write("hosts.yaml", "hosts:\n  h1: {address: h1, ssh: {user: sudoer}}\n");
    scene.commit("a user without rights");
    scene
        .cdk(&["apply", "--yes", "--host", "h1"])
        .ended(6)
        .says("become: sudo");
    assert_eq!(scene.containers().len(), 0);
}

/// A second sshd of h1, on a port of its own, that forwards no sockets and opens two sessions at most. It ends with the value.
struct NarrowSshd;

impl NarrowSshd {
    fn start() -> Self {
        let script =
            "/usr/sbin/sshd -p 2222 -o AllowStreamLocalForwarding=no -o MaxSessions=2 -o PidFile=/run/sshd-2222.pid";
        drop(Self);
        lab::lab(&["exec", "h1", "sh", "-c", script]);
        lab::until("it listens", std::time::Duration::from_secs(60), || {
            lab::lab(&["exec", "h1", "ss", "-Hltn", "sport = :2222"]).contains("2222")
        });
        Self
    }
}

impl Drop for NarrowSshd {
    fn drop(&mut self) {
        let script = "! test -e /run/sshd-2222.pid || kill $(cat /run/sshd-2222.pid) || true; rm -f /run/sshd-2222.pid";
        lab::lab(&["exec", "h1", "sh", "-c", script]);
    }
}

#[test]
fn another_port_a_jump_host_and_an_sshd_that_forwards_no_sockets() {
    let scene = scene("ways", 8);
    let _sshd = NarrowSshd::start();
    // The host key is the same, only ssh would look for it under another name.
    let config = std::fs::read_to_string(lab::state().join("ssh_config")).unwrap();
    let own = scene.beside("ssh_config");
    std::fs::write(&own, format!("Host h1\n    HostKeyAlias h1\n{config}")).unwrap();
    scene.edit("cdk.yaml", lab::state().join("ssh_config").to_str().unwrap(), &own);
    scene.write(
        "hosts.yaml",
        "hosts:\n  h1: {address: h1, ssh: {port: 2222}}\n  h2: {address: h2, ssh: {jump: h1}}\n",
    );
    scene.commit("roundabout");
    scene.apply();
    scene.nothing_to_do();
    scene.runs("web", 8, &lab::app(1));
    // Sudo has as few sessions there.
    scene.write(
        "hosts.yaml",
        "hosts:\n  h1: {address: h1, ssh: {port: 2222, user: sudoer, become: sudo}}\n  h2: {address: h2, ssh: {jump: deploy@h1, user: root}}\n",
    );
    scene.edit("services/web.yaml", "replicas: 8", "replicas: 10");
    scene.commit("two more, by others");
    scene.apply();
    scene.nothing_to_do();
    scene.runs("web", 10, &lab::app(1));
}
