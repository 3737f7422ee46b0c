//! What a person asks to be written into the repository (a number of replicas, an image, a host's state), and where it was written.
//! Parsing and printing only.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::model::image::ImageRef;
use crate::model::name::{HostName, ServiceName};
use crate::model::problem::Place;

/// `web=12`: a service and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// The service.
    pub service: ServiceName,
    /// How many replicas it is to have.
    pub replicas: u32,
}

/// `web=registry/web:1.6.0`: a service and its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bump {
    /// The service.
    pub service: ServiceName,
    /// The image that it is to have.
    pub image: ImageRef,
}

/// One value that is to be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A service's replicas.
    Scale(Scale),
    /// A service's image.
    Bump(Bump),
    /// A host gives its replicas away, and takes no new ones.
    Drain(HostName),
    /// A host takes replicas.
    Activate(HostName),
}

/// A value that was put somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The keys that lead to it: of the service or the host, or of the variable that it comes from.
    pub path: Vec<String>,
    /// Where it stands; where nothing stood, the name of what it was written into.
    pub place: Place,
    /// What stood there; none where nothing did.
    pub old: Option<String>,
    /// What stands there now; none where nothing does.
    pub new: Option<String>,
}

impl Written {
    /// The variable that was edited, where one was.
    pub fn variable(&self) -> Option<String> {
        (self.path.first()? == "vars").then(|| self.path.join("."))
    }
}

/// What became of one edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What was asked for.
    pub edit: Edit,
    /// What was written for it; nothing where it was so already.
    pub written: Vec<Written>,
    /// Who else uses the variable that was edited.
    pub users: BTreeSet<String>,
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, replicas) = text.split_once('=').ok_or("write it as SERVICE=N")?;
        Ok(Self {
            service: service.parse().map_err(|error| format!("{error}"))?,
            replicas: replicas
                .parse()
                .map_err(|_| format!("{replicas:?} is not a number of replicas: 0, 1, 2 and so on"))?,
        })
    }
}

impl FromStr for Bump {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, image) = text.split_once('=').ok_or("write it as SERVICE=IMAGE")?;
        Ok(Self {
            service: service.parse().map_err(|error| format!("{error}"))?,
            image: image.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

impl Edit {
    /// The service or the host whose value it is.
    pub fn name(&self) -> &str {
        match self {
            Self::Scale(Scale { service, .. }) | Self::Bump(Bump { service, .. }) => service.as_str(),
            Self::Drain(host) | Self::Activate(host) => host.as_str(),
        }
    }

    /// The value, as it is written.
    pub fn value(&self) -> String {
        match self {
            Self::Scale(scale) => scale.replicas.to_string(),
            Self::Bump(bump) => bump.image.to_string(),
            Self::Drain(_) => "drain".to_owned(),
            Self::Activate(_) => "active".to_owned(),
        }
    }

    /// The word for what is done, and whether the value is said with it.
    fn words(&self) -> (&'static str, bool) {
        match self {
            Self::Scale(_) => ("scale", true),
            Self::Bump(_) => ("bump", true),
            Self::Drain(_) => ("drain", false),
            Self::Activate(_) => ("activate", false),
        }
    }

    /// Several of one kind as one line: `scale web to 12, api to 3`.
    pub fn line(edits: &[Self]) -> String {
        let verb = edits.first().map_or("", |edit| edit.words().0);
        let each = edits.iter().map(|edit| match edit.words().1 {
            true => format!("{} to {}", edit.name(), edit.value()),
            false => edit.name().to_owned(),
        });
        format!("{verb} {}", each.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::line(std::slice::from_ref(self)))
    }
}
