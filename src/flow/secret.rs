//! age: the key, what it opens, and `cdk secret`. Values stay in memory that is overwritten; none is printed, none is in an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::{DecryptError, Decryptor, Encryptor, Identity, IdentityFile, NoCallbacks, x25519};
use zeroize::Zeroizing;

use crate::flow::Settings;
use crate::flow::failure::Failure;
use crate::model::blob::{Opened, SecretRef};
use crate::model::name::FileName;
use crate::model::op::{FileOp, Op};
use crate::plan::step::Plan;
use crate::source::Repository;

/// Secrets as they lie in the repository, encrypted.
pub type Encrypted = BTreeMap<SecretRef, Arc<[u8]>>;

/// Whom `cdk secret set` encrypts for: one age recipient a line, as age's own `-R` takes it.
const RECIPIENTS: &str = "secrets/recipients.txt";

/// The secrets that a plan's steps write; and those that only its ways back do.
pub fn needed(plan: &Plan) -> (BTreeSet<SecretRef>, BTreeSet<SecretRef>) {
    let of = |op: &Op| -> Vec<SecretRef> {
        match op {
            Op::File(FileOp::Write(write)) => write.blob.secrets().cloned().collect(),
            Op::File(FileOp::Remove { .. })
            | Op::Image(_)
            | Op::Volume(_)
            | Op::Network(_)
            | Op::Firewall(_)
            | Op::Address(_)
            | Op::Container(_)
            | Op::Gate(_) => Vec::new(),
        }
    };
    let there = plan.steps.iter().flat_map(|step| of(&step.op)).collect();
    let back = plan.steps.iter().flat_map(|step| &step.undo).flat_map(of).collect();
    (there, back)
}

/// Where the key lies: `CDK_AGE_KEY_FILE`, else `~/.config/cdk/key`.
pub fn key_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CDK_AGE_KEY_FILE").filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path));
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".config/cdk/key"))
}

/// What is to be said of a key that others may read.
pub fn warning() -> Option<String> {
    let path = key_file()?;
    let mode = std::fs::metadata(&path).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        let path = path.display();
        format!("others may read the key {path}: chmod 600 {path}")
    })
}

/// The key, if there is one.
pub struct Key(Vec<Box<dyn Identity + Send + Sync>>);

impl Key {
    /// Reads it.
    ///
    /// # Errors
    /// There is none, or what is there is no key; in words.
    pub fn read() -> Result<Self, String> {
        let path = key_file().ok_or("there is no home folder to look for a key in: set CDK_AGE_KEY_FILE")?;
        let identities = identities(&path)?.into_identities();
        identities
            .map(Self)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// A secret's value.
    ///
    /// # Errors
    /// The key is another's, or the file is damaged; in words.
    pub fn open(&self, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        let words = |error: DecryptError| match error {
            DecryptError::NoMatchingKeys => "it is encrypted for other keys than this one".to_owned(),
            other => other.to_string(),
        };
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(encrypted)).map_err(words)?;
        if decryptor.is_scrypt() {
            return Err("it is encrypted with a passphrase, and cdk uses keys alone".to_owned());
        }
        let identities = self.0.iter().map(|identity| identity.as_ref() as &dyn Identity);
        let mut value = Zeroizing::new(Vec::with_capacity(encrypted.len()));
        let mut reader = decryptor.decrypt(identities).map_err(words)?;
        reader.read_to_end(&mut value).map_err(|error| error.to_string())?;
        Ok(value)
    }
}

fn identities(path: &Path) -> Result<IdentityFile<NoCallbacks>, String> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!(
            "there is no key {}: set CDK_AGE_KEY_FILE, or make one with `cdk secret key`",
            path.display()
        ),
        _ => format!("{}: {error}", path.display()),
    })?;
    // The error names a line and not what stands in it.
    let identities = IdentityFile::from_buffer(std::io::BufReader::new(file));
    identities.map_err(|error| format!("{} is no key of age's: {error}", path.display()))
}

/// Decrypts what a plan needs.
///
/// # Errors
/// What has no key, by name.
pub fn open(plan: &Plan, encrypted: &Encrypted) -> Result<Opened, Failure> {
    let (there, back) = needed(plan);
    let mut opened = Opened::default();
    if there.is_empty() && back.is_empty() {
        return Ok(opened);
    }
    let names = |secrets: &[&SecretRef]| {
        let names: BTreeSet<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    let key = match Key::read() {
        Ok(key) => key,
        Err(_) if there.is_empty() => return Ok(opened),
        Err(why) => {
            let names = names(&there.iter().collect::<Vec<_>>());
            return Err(Failure::Guard(format!(
                "these secrets have to be decrypted: {names}; {why}"
            )));
        }
    };
    let mut wrong: BTreeMap<String, Vec<&SecretRef>> = BTreeMap::new();
    for secret in &there {
        let bytes = encrypted
            .get(secret)
            .ok_or_else(|| "it is not in the repository".to_owned());
        match bytes.and_then(|bytes| key.open(bytes)) {
            Ok(value) => opened.insert(secret.clone(), value),
            Err(why) => wrong.entry(why).or_default().push(secret),
        }
    }
    if let Some((why, secrets)) = wrong.first_key_value() {
        return Err(Failure::Guard(format!(
            "the secret {} cannot be decrypted: {why}",
            names(secrets)
        )));
    }
    for secret in &back {
        // What cannot be read any more is no reason not to go forward.
        if let Some(value) = encrypted.get(secret).and_then(|bytes| key.open(bytes).ok()) {
            opened.insert(secret.clone(), value);
        }
    }
    Ok(opened)
}

/// What `cdk secret set` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file, from the repository's root.
    pub path: PathBuf,
    /// For how many recipients.
    pub recipients: usize,
    /// Whether the YAML has to be told of it.
    pub unnamed: bool,
}

/// Encrypts a value into the repository: into the file that `secrets` names, else into `secrets/NAME.age`.
///
/// # Errors
/// There is nobody to encrypt for, or the file cannot be written.
pub fn set(settings: &Settings, name: &FileName, value: &[u8]) -> Result<Written, Failure> {
    let repository = Repository::find(&settings.directory)?.in_environment(settings.environment.clone());
    let root = repository.root();
    let recipients = recipients(root)?;
    let encrypted = encrypt(&recipients, value).map_err(Failure::Other)?;
    // A repository that is not yet right gets its secrets all the same.
    let named = repository.read(None).ok();
    let entry = named.as_ref().and_then(|manifest| manifest.sections.get("secrets"));
    let entry = entry.and_then(|section| section.value.get(name.as_str()));
    let file = entry.and_then(|secret| secret.get("file")?.text());
    let path = PathBuf::from(file.map_or_else(|| format!("secrets/{name}.age"), str::to_owned));
    write(&root.join(&path), &encrypted).map_err(|error| Failure::Other(format!("{}: {error}", path.display())))?;
    Ok(Written {
        path,
        recipients: recipients.len(),
        unnamed: file.is_none(),
    })
}

/// Whom to encrypt for.
fn recipients(root: &Path) -> Result<Vec<x25519::Recipient>, Failure> {
    let path = root.join(RECIPIENTS);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::Guard(format!(
                "{RECIPIENTS} is missing: it names those who may decrypt, one age recipient (age1…) a line; \
                 `cdk secret key` makes a key and shows its recipient"
            )));
        }
        Err(error) => return Err(Failure::Other(format!("{}: {error}", path.display()))),
    };
    let mut all = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let recipient = line.parse::<x25519::Recipient>();
        all.push(recipient.map_err(|why| {
            let hint = "a recipient begins with age1";
            Failure::Guard(format!(
                "{RECIPIENTS}:{}: this is no age recipient: {why}; {hint}",
                index + 1
            ))
        })?);
    }
    if all.is_empty() {
        return Err(Failure::Guard(format!(
            "{RECIPIENTS} names nobody: write an age recipient (age1…) into it"
        )));
    }
    Ok(all)
}

fn encrypt(recipients: &[x25519::Recipient], value: &[u8]) -> Result<Vec<u8>, String> {
    let recipients = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| error.to_string())?;
    let wrapped =
        ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).and_then(|armor| encryptor.wrap_output(armor));
    let written = wrapped.and_then(|mut writer| {
        writer.write_all(value)?;
        writer.finish()?.finish()
    });
    written.map_err(|error| error.to_string())
}

/// Writes a file whole or not at all.
fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// A new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Where it was written.
    pub path: PathBuf,
    /// What others encrypt for it with.
    pub recipient: String,
    /// Whether there was one already, which stays.
    pub existed: bool,
}

/// Makes a key where there is none, and says its recipient.
///
/// # Errors
/// It cannot be written, or what is there is no key.
pub fn make_key() -> Result<NewKey, Failure> {
    let path = key_file().ok_or_else(|| Failure::Other("there is no home folder: set CDK_AGE_KEY_FILE".to_owned()))?;
    let failed = |error: std::io::Error| Failure::Other(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let existed = match file {
        Ok(mut file) => {
            let identity = x25519::Identity::generate();
            let text = Zeroizing::new(format!(
                "# public key: {}\n{}\n",
                identity.to_public(),
                identity.to_string().expose_secret()
            ));
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(failed)?;
            false
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => true,
        Err(error) => return Err(failed(error)),
    };
    let mut lines = Vec::new();
    let identities = identities(&path).map_err(Failure::Other)?;
    let written = identities.write_recipients_file(&mut lines);
    written.map_err(|error| Failure::Other(format!("{}: {error}", path.display())))?;
    let text = String::from_utf8_lossy(&lines);
    let recipient = text.lines().next().unwrap_or_default().to_owned();
    Ok(NewKey {
        path,
        recipient,
        existed,
    })
}
