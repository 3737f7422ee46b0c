//! The platform that an image is built for or a host is of, in Go's words; and which images a host runs. Names only, nobody is asked.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::host::HostFacts;

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform: write it as linux/amd64 or linux/arm/v7")]
pub struct PlatformError(String);

/// An operating system and a processor, `os/arch[/variant]`: each by one name, whichever of its names it was made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: String,
    arch: String,
    variant: Option<String>,
}

impl Platform {
    /// A platform by any of its names; none where it says nothing: what stands beside images in a registry (attestations,
    /// say) is of an `unknown` one.
    pub fn new(os: &str, arch: &str, variant: &str) -> Option<Self> {
        let (arch, variant) = normal(arch, variant);
        let os = os.to_lowercase();
        let told = |word: &str| !matches!(word, "" | "unknown");
        (told(&os) && told(&arch)).then_some(Self { os, arch, variant })
    }

    /// Whether a host of this platform runs an image of that one by itself, without emulation.
    ///
    /// As engines choose (`Only` in github.com/containerd/platforms, `compare.go`): amd64 runs 386 too, 64-bit ARM runs
    /// 32-bit ARM, and 32-bit ARM runs what is built for its lower versions. Unlike there, a variant of amd64 or arm64 never
    /// speaks against a host: no engine tells its own.
    pub fn runs(&self, image: &Self) -> bool {
        let processor = match (self.arch.as_str(), image.arch.as_str()) {
            ("amd64", "386") | ("arm64", "arm") => true,
            ("arm", "arm") => match (self.version(), image.version()) {
                (Some(own), Some(built_for)) => built_for <= own,
                (None, _) | (_, None) => true,
            },
            (own, built_for) => own == built_for,
        };
        self.os == image.os && processor
    }

    /// Whether a host of this platform runs an image that is there for these. Where none of them is known there is no reason against it.
    pub fn runs_one_of(&self, platforms: &BTreeSet<Self>) -> bool {
        platforms.is_empty() || platforms.iter().any(|platform| self.runs(platform))
    }

    fn version(&self) -> Option<u32> {
        self.variant.as_deref()?.strip_prefix('v')?.parse().ok()
    }
}

impl HostFacts {
    /// The host's platform; none where it did not tell it.
    pub fn platform(&self) -> Option<Platform> {
        Platform::new(&self.os, &self.arch, "")
    }

    /// Whether the host runs an image that is there for these platforms. Where either is not known there is no reason against it.
    pub fn runs_one_of(&self, platforms: &BTreeSet<Platform>) -> bool {
        self.platform().is_none_or(|own| own.runs_one_of(platforms))
    }
}

/// One name for each processor and version. The names are those of `normalizeArch` in swarmkit (`manager/scheduler/filter.go`) and
/// in github.com/containerd/platforms (`database.go`), and what kernels say (`uname -m`).
fn normal(arch: &str, variant: &str) -> (String, Option<String>) {
    let (arch, variant) = (arch.to_lowercase(), variant.to_lowercase());
    let version = |otherwise: &str| match variant.as_str() {
        "" => Some(otherwise.to_owned()),
        number if number.starts_with(|c: char| c.is_ascii_digit()) => Some(format!("v{number}")),
        named => Some(named.to_owned()),
    };
    let (arch, variant) = match arch.as_str() {
        "386" | "i386" | "i486" | "i586" | "i686" => ("386", None),
        "amd64" | "x86_64" | "x86-64" => ("amd64", version("v1").filter(|variant| variant != "v1")),
        "arm64" | "aarch64" => (
            "arm64",
            version("v8").filter(|variant| !matches!(variant.as_str(), "v8" | "v8.0")),
        ),
        "armhf" => ("arm", Some("v7".to_owned())),
        "armel" => ("arm", Some("v6".to_owned())),
        "arm" => ("arm", version("v7")),
        "loongarch64" => ("loong64", version("").filter(|variant| !variant.is_empty())),
        // The kernel's armv5tel, armv6l, armv7l, armv8l.
        other => match other.strip_prefix("armv").and_then(|rest| rest.get(..1)) {
            Some(number) => ("arm", Some(format!("v{number}"))),
            None => (other, version("").filter(|variant| !variant.is_empty())),
        },
    };
    (arch.to_owned(), variant)
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let platform = match parts.as_slice() {
            [os, arch] => Self::new(os, arch, ""),
            [os, arch, variant] => Self::new(os, arch, variant),
            _ => None,
        };
        platform.ok_or_else(|| PlatformError(text.to_owned()))
    }
}

impl TryFrom<String> for Platform {
    type Error = PlatformError;

    fn try_from(text: String) -> Result<Self, PlatformError> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> String {
        platform.to_string()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.variant.iter().map(|variant| format!("/{variant}"));
        f.pad(&format!("{}/{}{}", self.os, self.arch, variant.collect::<String>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn a_platform_has_one_name() {
        for (written, read) in [
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v8.2", "linux/arm64/v8.2"),
            ("linux/i686", "linux/386"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/armv7l", "linux/arm/v7"),
            ("linux/armv5tel", "linux/arm/v5"),
            ("linux/riscv64", "linux/riscv64"),
            ("linux/loongarch64", "linux/loong64"),
        ] {
            assert_eq!(platform(written).to_string(), read, "{written}");
        }
        for wrong in ["", "linux", "linux/", "/amd64", "unknown/unknown", "linux/arm/v7/x"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_runs_its_own_platform_and_those_below_it() {
        for (host, runs, does_not) in [
            (
                "linux/x86_64",
                "linux/amd64 linux/386 linux/amd64/v3",
                "linux/arm64 linux/arm windows/amd64",
            ),
            ("linux/i686", "linux/386", "linux/amd64"),
            (
                "linux/aarch64",
                "linux/arm64 linux/arm64/v8 linux/arm/v7 linux/arm/v6",
                "linux/amd64",
            ),
            (
                "linux/armv7l",
                "linux/arm linux/arm/v7 linux/arm/v6 linux/arm/v5",
                "linux/arm64 linux/arm/v8",
            ),
            ("linux/armv6l", "linux/arm/v6 linux/arm/v5", "linux/arm/v7 linux/arm"),
            ("linux/riscv64", "linux/riscv64", "linux/amd64"),
        ] {
            let host = platform(host);
            for image in runs.split(' ') {
                assert!(host.runs(&platform(image)), "{host} runs {image}");
            }
            for image in does_not.split(' ') {
                assert!(!host.runs(&platform(image)), "{host} does not run {image}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_no_reason_against_a_host() {
        let only_arm = BTreeSet::from([platform("linux/arm64")]);
        let amd64 = HostFacts {
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            ..HostFacts::default()
        };
        assert!(!amd64.runs_one_of(&only_arm));
        assert!(amd64.runs_one_of(&BTreeSet::new()));
        assert!(HostFacts::default().runs_one_of(&only_arm));
    }
}
