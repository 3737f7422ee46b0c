//! Every key that says how an engine runs a container, all at once, on both generations of engines: what is applied is what the engine
//! then reports, and stays so through a restart.

use super::lab::{self, SHARED};
use super::scene::Scene;

/// Each key set, those that can't stand together in the second service.
const SERVICES: &str = "\
services:
  one:
    image: IMAGE
    deploy: {mode: global, resources: {limits: {memory: 64M, pids: 100}}, update_config: {parallelism: 0, monitor: 1s},
             restart_policy: {condition: on-failure, max_attempts: 3, delay: 5s, window: 1m}}
    cap_add: [net_admin, CAP_SYS_PTRACE]
    cap_drop: [ALL]
    security_opt: [\"no-new-privileges:true\", seccomp=unconfined, systempaths=unconfined, \"label:disable\"]
    read_only: true
    userns_mode: host
    group_add: [1000, \"2000\", 0]
    init: true
    tty: true
    stdin_open: true
    stop_signal: int
    runtime: io.containerd.runc.v2
    platform: linux/amd64
    ipc: shareable
    cgroup: private
    cgroup_parent: /keys
    shm_size: 96M
    sysctls: [net.core.somaxconn=1024, net.ipv4.ip_unprivileged_port_start=0]
    ulimits: {nofile: 1024, nproc: {soft: 100, hard: 200}, core: -1}
    tmpfs: [/run, \"/scratch:size=64k,mode=755,noexec\"]
    devices: [/dev/null:/dev/nothing:mr, /dev/zero]
    device_cgroup_rules: [\"c 1:3 mr\"]
    annotations: {org.example.one: \"1\"}
    oom_score_adj: 500
    oom_kill_disable: true
    mem_swappiness: 10
    memswap_limit: 128M
    cpu_shares: 512
    cpuset: 0-1
    cpu_period: 50ms
    cpu_quota: 25000
    blkio_config: {weight: 300}
    healthcheck: {test: [CMD, /app, --health], interval: 1s, start_period: 5s, start_interval: 1s}
    volumes:
      - data:/data:nocopy
      - /etc:/host/etc:ro,rslave
      - /srv:/host/srv:z
      - {type: bind, source: /var/tmp/keys, target: /made, bind: {create_host_path: true, propagation: rprivate}}
      - {type: bind, source: /usr, target: /usr, read_only: true, bind: {propagation: slave}, consistency: cached}
      - {type: tmpfs, target: /tmp, tmpfs: {size: 1m, mode: 0700}}
      - {type: tmpfs, target: /memory}
      - {type: volume, target: /own, volume: {nocopy: false}}
    ports: [{target: 8080, name: web, app_protocol: http, mode: ingress}]
  two:
    image: IMAGE
    scale: 2
    cpus: 0.5
    mem_limit: 64M
    mem_reservation: 32M
    pids_limit: 50
    memswap_limit: -1
    pid: host
    ipc: host
    uts: host
    cgroup: host
    init: false
    security_opt: [\"apparmor:unconfined\"]
    stop_signal: \"15\"
    restart: always
    tmpfs: /run
    deploy: {update_config: {parallelism: 0, monitor: 1s}}
  plain:
    image: IMAGE
    deploy: {mode: global, update_config: {parallelism: 0, monitor: 1s}}
volumes: {data: {}}
";

#[test]
fn all_keys_at_once_are_what_the_engines_then_report() {
    let hosts = [SHARED[0], SHARED[1]];
    let scene = Scene::new("keys", &hosts);
    scene.write("services/all.yaml", &SERVICES.replace("IMAGE", &lab::app(1)));
    scene.commit("all keys");
    scene.apply();
    scene.nothing_to_do();
    lab::everywhere(&hosts, |host| {
        for one in lab::containers(&[host], "keys.") {
            lab::engine(host, "POST", &format!("containers/{}/restart?t=1", one.id), None);
        }
    });
    lab::until("all run", std::time::Duration::from_secs(120), || {
        scene.containers().iter().all(|one| one.state == "running")
    });
    scene.nothing_to_do();

    scene.edit("services/all.yaml", "cpu_shares: 512", "cpu_shares: 256");
    scene.edit("services/all.yaml", "pids: 100", "pids: 200");
    scene.edit("services/all.yaml", "cpuset: 0-1", "cpuset: \"0\"");
    scene.commit("what changes in place");
    let before: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    scene.apply();
    scene.nothing_to_do();
    let after: Vec<String> = scene.containers().into_iter().map(|one| one.id).collect();
    assert_eq!(before, after, "no container was made anew");
}
