//! A host whose disk is full: asked before anything is pulled.

use super::lab::{self, FAULTY};
use super::scene::{Scene, service};

/// A host whose engine keeps all it has on a disk of 48 MB, for as long as this lives.
struct Small(&'static str);

impl Small {
    fn on(host: &'static str) -> Self {
        let small = Self(host);
        small.disk("mount -t tmpfs -o size=48m tmpfs /var/lib/docker");
        small
    }

    /// Changes what lies under the engine while it does not run.
    fn disk(&self, change: &str) {
        let shell = format!("systemctl stop docker.socket docker && {change} && systemctl start docker");
        lab::lab(&["exec", self.0, "sh", "-c", &shell]);
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.disk("umount /var/lib/docker");
    }
}

#[test]
fn what_does_not_fit_is_not_begun_with() {
    let hosts = [FAULTY[0], FAULTY[1]];
    let _hosts = lab::faulty(&hosts);
    let scene = Scene::new("disk", &hosts);
    let deploy = "mode: global, update_config: {parallelism: 0, monitor: 1s}";
    scene.write("services/web.yaml", &service("web", &lab::app(1), "", deploy));
    scene.commit("web 1");
    let small = Small::on(hosts[1]);
    let refused = scene.cdk(&["apply", "--yes"]).ended(3);
    refused
        .says(&format!("{} has ", hosts[1]))
        .says(" of disk left")
        .says("prune");
    assert_eq!(scene.containers().len(), 0, "the other host is not begun with either");
    drop(small);
    scene.apply();
    assert_eq!(scene.containers().len(), 2);
    scene.nothing_to_do();
}
