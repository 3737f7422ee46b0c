//! Mounts as an engine takes and reports them: in its long form, or as `Binds` where only those can say what is asked. Both ways.

use bollard::models::{
    HostConfig, Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum as Propagation,
    MountTmpfsOptions, MountType, MountVolumeOptions,
};
use std::collections::BTreeSet;

use crate::model::runtime::is_default;
use crate::model::setting::{Mount, MountOptions, MountSource};
use crate::model::unit::Bytes;

const PROPAGATIONS: [(&str, Propagation); 6] = [
    ("private", Propagation::PRIVATE),
    ("rprivate", Propagation::RPRIVATE),
    ("shared", Propagation::SHARED),
    ("rshared", Propagation::RSHARED),
    ("slave", Propagation::SLAVE),
    ("rslave", Propagation::RSLAVE),
];

/// What is asked of an engine.
pub(super) fn write(mounts: &BTreeSet<Mount>, host: &mut HostConfig) {
    let (short, long): (Vec<&Mount>, Vec<&Mount>) = mounts.iter().partition(|mount| needs_short(mount));
    host.mounts = Some(long.into_iter().map(engine_mount).collect());
    if !short.is_empty() {
        host.binds = Some(short.into_iter().filter_map(bind_text).collect());
    }
}

/// What was asked for.
pub(super) fn read(host: &mut HostConfig) -> BTreeSet<Mount> {
    let long = host.mounts.take().unwrap_or_default();
    let short = host.binds.take().unwrap_or_default();
    let all = long.into_iter().filter_map(mount);
    all.chain(short.iter().map(|text| bind(text))).collect()
}

/// Only `Binds` can label for SELinux, and make a folder of a path that is not there on engines of every age; in the long form
/// such a path is an error.
fn needs_short(mount: &Mount) -> bool {
    mount.options.selinux.is_some() || mount.options.create_host_path
}

fn engine_mount(mount: &Mount) -> EngineMount {
    let (typ, source) = match &mount.source {
        MountSource::Bind(path) => (MountType::BIND, Some(path.clone())),
        MountSource::Volume(name) => (MountType::VOLUME, Some(name.clone())),
        MountSource::Anonymous => (MountType::VOLUME, None),
        MountSource::Tmpfs => (MountType::TMPFS, None),
    };
    let MountOptions {
        propagation,
        create_host_path: _,
        selinux: _,
        nocopy,
        subpath,
        size,
        mode,
    } = &mount.options;
    let propagation = propagation.as_deref().and_then(|word| {
        let found = PROPAGATIONS.iter().find(|(name, _)| *name == word);
        found.map(|(_, propagation)| *propagation)
    });
    let bind = MountBindOptions {
        propagation,
        ..MountBindOptions::default()
    };
    let volume = MountVolumeOptions {
        no_copy: nocopy.then_some(true),
        subpath: subpath.clone(),
        ..MountVolumeOptions::default()
    };
    let tmpfs = MountTmpfsOptions {
        size_bytes: (!is_default(size)).then(|| i64::try_from(size.0).unwrap_or(i64::MAX)),
        mode: (*mode != 0).then(|| i64::from(*mode)),
        options: None,
    };
    EngineMount {
        typ: Some(typ),
        source,
        target: Some(mount.target.clone()),
        read_only: mount.read_only.then_some(true),
        bind_options: (!is_default(&bind)).then_some(bind),
        volume_options: (!is_default(&volume)).then_some(volume),
        tmpfs_options: (!is_default(&tmpfs)).then_some(tmpfs),
        ..EngineMount::default()
    }
}

/// `SOURCE:TARGET[:OPTIONS]`; none of what has no source.
fn bind_text(mount: &Mount) -> Option<String> {
    let source = match &mount.source {
        MountSource::Bind(source) | MountSource::Volume(source) => source,
        MountSource::Anonymous | MountSource::Tmpfs => return None,
    };
    let MountOptions {
        propagation,
        create_host_path: _,
        selinux,
        nocopy,
        subpath: _,
        size: _,
        mode: _,
    } = &mount.options;
    let words = [
        Some(if mount.read_only { "ro" } else { "rw" }),
        selinux.as_deref(),
        propagation.as_deref(),
        nocopy.then_some("nocopy"),
    ];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    Some(format!("{source}:{}:{}", mount.target, words.join(",")))
}

/// What was asked to be mounted; none for kinds that cdk never asks for.
fn mount(mount: EngineMount) -> Option<Mount> {
    let source = mount.source.unwrap_or_default();
    let source = match mount.typ? {
        MountType::BIND => MountSource::Bind(source),
        MountType::VOLUME if source.is_empty() => MountSource::Anonymous,
        MountType::VOLUME => MountSource::Volume(source),
        MountType::TMPFS => MountSource::Tmpfs,
        MountType::NPIPE | MountType::CLUSTER | MountType::IMAGE => return None,
    };
    let (bind, volume) = (
        mount.bind_options.unwrap_or_default(),
        mount.volume_options.unwrap_or_default(),
    );
    let tmpfs = mount.tmpfs_options.unwrap_or_default();
    let propagation = bind.propagation.map(|propagation| propagation.to_string());
    Some(Mount {
        target: mount.target.unwrap_or_default(),
        source,
        read_only: mount.read_only.unwrap_or(false),
        options: MountOptions {
            propagation: propagation.filter(|word| !is_own(word)),
            create_host_path: bind.create_mountpoint.unwrap_or(false),
            selinux: None,
            nocopy: volume.no_copy.unwrap_or(false),
            subpath: volume.subpath.filter(|path| !path.is_empty()),
            size: Bytes(tmpfs.size_bytes.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)),
            mode: tmpfs.mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0),
        },
    })
}

/// `SOURCE:TARGET[:OPTIONS]`, the short form that `docker run -v` uses.
fn bind(text: &str) -> Mount {
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or_default().to_owned();
    let target = parts.next().unwrap_or_default().to_owned();
    let words: Vec<&str> = parts.next().unwrap_or_default().split(',').collect();
    let one_of = |known: &[&str]| {
        words
            .iter()
            .find(|word| known.contains(word))
            .map(|word| (*word).to_owned())
    };
    let is_path = source.starts_with('/');
    let propagations: Vec<&str> = PROPAGATIONS.iter().map(|(name, _)| *name).collect();
    Mount {
        target,
        read_only: words.contains(&"ro"),
        options: MountOptions {
            propagation: one_of(&propagations).filter(|word| !is_own(word)),
            create_host_path: is_path,
            selinux: one_of(&["z", "Z"]),
            nocopy: words.contains(&"nocopy"),
            ..MountOptions::default()
        },
        source: if is_path {
            MountSource::Bind(source)
        } else {
            MountSource::Volume(source)
        },
    }
}

/// Whether it is what an engine does where nothing is asked.
fn is_own(propagation: &str) -> bool {
    propagation.is_empty() || propagation == "rprivate"
}
