//! What is free on a host's disk: `df` is asked, for the engine's API does not tell. What is not said is not known.

use std::process::Stdio;

use tokio::process::Command;

use crate::model::unit::Bytes;

/// What a shell of the host runs to tell it; none for a folder whose name a shell could take for something else.
pub fn tell(folder: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let is_plain = folder.starts_with('/') && folder.chars().all(plain);
    is_plain.then(|| format!("LC_ALL=C df -Pk {folder}"))
}

/// What is free on this machine.
pub async fn local(folder: &str) -> Option<Bytes> {
    let mut df = Command::new("df");
    df.args(["-Pk", "--", folder]).stdin(Stdio::null()).kill_on_drop(true);
    free(&String::from_utf8_lossy(&df.output().await.ok()?.stdout))
}

/// What is free, as `df -Pk` says it: in the fourth column of the second line, in kibibytes.
pub fn free(said: &str) -> Option<Bytes> {
    let kibibytes: u64 = said.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(Bytes(kibibytes.saturating_mul(1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_df_says_is_read_and_nothing_else() {
        let said = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/loop3 2031440 16 1913192 1% /var/lib/docker\n";
        assert_eq!(free(said), Some(Bytes(1_913_192 << 10)));
        assert_eq!(free("df: /nowhere: No such file or directory\n"), None);
        assert_eq!(tell("/var/lib/docker").unwrap(), "LC_ALL=C df -Pk /var/lib/docker");
        assert_eq!(tell("/var/lib/$(reboot)"), None);
        assert_eq!(tell(""), None);
    }
}
