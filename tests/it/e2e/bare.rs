//! Hosts without what cdk keeps for root there, before a test and after it: firewalls, public addresses. What tests share of asking hosts.

use super::lab;

/// What cdk says of a change that was not confirmed. Where the host is slow it was faster than cdk, which asks it for that too late.
pub const TAKEN_BACK: [&str; 2] = ["taken back", "nothing waits there any more"];

/// Hosts whose firewalls and public addresses are taken off, now and at its end.
pub struct Bare(&'static [&'static str]);

impl Bare {
    /// Takes them off.
    pub fn new(hosts: &'static [&'static str]) -> Self {
        let bare = Self(hosts);
        bare.take_off();
        bare
    }

    fn take_off(&self) {
        let shell = "systemctl disable --now cdk-firewall.service cdk-address.service; rm -rf /var/lib/cdk/firewall /var/lib/cdk/address \
                     /etc/systemd/system/cdk-firewall.service /etc/systemd/system/cdk-address.service /run/cdk-address; \
                     systemctl daemon-reload; nft delete table inet others; nft list tables inet | sed -n 's/^table inet \\(cdk-.*\\)/\\1/p' | \
                     while read -r table; do nft delete table inet \"$table\"; done; ip route flush root 10.99.7.0/24 dev eth0; \
                     kill $(cat /run/walled.pid); rm -f /run/walled.pid; ip -o address show dev eth0 | while read -r _ _ _ one _; do \
                     case $one in *.20[1-9]/32 | *.210/32 | *::20[1-9]/128 | *::210/128) ip address delete \"$one\" dev eth0 ;; esac; done; true";
        lab::everywhere(self.0, |host| on(host, shell));
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.take_off();
    }
}

/// What a shell on a host prints, whatever it ends with.
pub fn on(host: &str, shell: &str) -> String {
    lab::lab(&["exec", host, "sh", "-c", &format!("{{ {shell}; }} 2>/dev/null || true")])
}

/// A host's own address of a family (`4` or `6`) on the lab's network.
pub fn address(host: &str, family: &str) -> String {
    let shell = format!(
        "ip -o -{family} address show dev eth0 scope global primary | sed 's/.*inet6\\? \\([^/]*\\).*/\\1/' | head -n 1"
    );
    on(host, &shell).trim().to_owned()
}
