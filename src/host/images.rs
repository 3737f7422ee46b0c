//! The verbs for images: list, ask the registry, pull. Called by `engine` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListImagesOptions, RemoveImageOptions, TagImageOptionsBuilder,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::dialect::docker::engine;
use crate::host::call::{CHANGE, SMALL, in_words, within};
use crate::host::{Credentials, HostError};
use crate::model::image::{Digest, ImageFacts, ImageRef, RegistryImage};

/// A pull may take as long as it likes, but must say something within this time.
const STALL: Duration = Duration::from_secs(300);

/// A registry may be far, and the engine asks it several times.
const REGISTRY: Duration = Duration::from_secs(20);

/// How many images of one host are inspected at once.
const INSPECTS: usize = 4;

/// All images that have a name, by id; those in `inspect` (ids or names) with their defaults.
pub async fn list(docker: &Docker, inspect: &[String]) -> Result<BTreeMap<String, ImageFacts>, HostError> {
    let list = docker.list_images(None::<ListImagesOptions>);
    let listed = within("list images", SMALL, list).await?;
    let mut images: BTreeMap<String, ImageFacts> = listed
        .into_iter()
        .map(|summary| (summary.id.clone(), engine::listed(&summary)))
        .filter(|(_, facts)| !facts.tags.is_empty() || !facts.digests.is_empty())
        .collect();
    let asked: BTreeSet<&str> = inspect.iter().filter_map(|name| to_inspect(&images, name)).collect();
    let asked: Vec<&str> = asked.into_iter().collect();
    let found: Vec<Option<(String, ImageFacts)>> = stream::iter(asked)
        .map(|name| inspect_one(docker, name))
        .buffer_unordered(INSPECTS)
        .try_collect()
        .await?;
    for (id, facts) in found.into_iter().flatten() {
        // An inspection says less of an image's place among the others.
        let listed = images.remove(&id).unwrap_or_default();
        let facts = ImageFacts {
            parent: listed.parent,
            size: listed.size,
            created: listed.created,
            ..facts
        };
        images.insert(id, facts);
    }
    Ok(images)
}

/// What to inspect for a wanted name: the id that it has in the list, so that nothing is asked twice; an id itself; or
/// a name that engines list under a shorter one. Every other name is not there.
fn to_inspect<'a>(images: &'a BTreeMap<String, ImageFacts>, name: &'a str) -> Option<&'a str> {
    let named = |facts: &ImageFacts| facts.tags.iter().chain(&facts.digests).any(|known| known == name);
    let hub = ["docker.io/", "index.docker.io/", "library/"];
    match images.iter().find(|(_, facts)| named(facts)) {
        Some((id, _)) => Some(id),
        None => (name.starts_with("sha256:") || hub.iter().any(|prefix| name.starts_with(prefix))).then_some(name),
    }
}

async fn inspect_one(docker: &Docker, name: &str) -> Result<Option<(String, ImageFacts)>, HostError> {
    match within(&format!("inspect image {name}"), SMALL, docker.inspect_image(name)).await {
        Ok(answer) => {
            let id = answer.id.clone().unwrap_or_default();
            let mut facts = engine::image(answer);
            let known = facts.tags.iter().chain(&facts.digests).any(|known| known == name);
            if !known && !name.starts_with("sha256:") {
                facts.tags.push(name.to_owned());
            }
            Ok(Some((id, facts)))
        }
        Err(HostError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id of an image that is known by this digest in any repository; none where there is none.
pub async fn id_of(docker: &Docker, digest: &Digest) -> Result<Option<String>, HostError> {
    let images = list(docker, &[]).await?;
    Ok(images
        .into_iter()
        .find(|(_, facts)| facts.has_digest(digest))
        .map(|(id, _)| id))
}

/// An image, as its registry has it now.
pub async fn registry_image(
    docker: &Docker,
    image: &ImageRef,
    auth: Option<&Credentials>,
) -> Result<RegistryImage, HostError> {
    let name = name_of(image);
    let ask = docker.inspect_registry_image(&name, auth.map(credentials));
    let answer = within(&format!("ask the registry for {name}"), REGISTRY, ask).await?;
    engine::in_registry(answer).map_err(|why| HostError::Refused(format!("the registry's answer for {name}: {why}")))
}

/// Brings an image; where it came by its digest, it gets the tag that git writes as well.
pub async fn pull(
    docker: &Docker,
    image: &ImageRef,
    digest: Option<&Digest>,
    auth: Option<&Credentials>,
) -> Result<(), HostError> {
    let name = digest.map_or_else(|| name_of(image), |digest| image.pinned(digest));
    let call = format!("pull {name}");
    let options = CreateImageOptionsBuilder::new().from_image(&name).build();
    let mut progress = docker.create_image(Some(options), None, auth.map(credentials));
    loop {
        match tokio::time::timeout(STALL, progress.next()).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(in_words(&call, &error)),
            Ok(None) => break,
            Err(_) => return Err(HostError::Deadline { call, after: STALL }),
        }
    }
    let (Some(_), Some(tag)) = (digest, image.tag()) else {
        return Ok(());
    };
    let options = TagImageOptionsBuilder::new().repo(image.name()).tag(tag).build();
    within(&format!("tag {name}"), CHANGE, docker.tag_image(&name, Some(options))).await
}

/// Removes an image, by its other names first. Nothing is forced: what a container uses, running or not, the engine keeps and says so.
pub async fn remove(docker: &Docker, id: &str, names: &[String]) -> Result<(), HostError> {
    let names = names.iter().map(String::as_str).chain([id]);
    for name in names {
        let removed = docker.remove_image(name, None::<RemoveImageOptions>, None);
        match within(&format!("remove image {name}"), CHANGE, removed).await {
            // It went with another of its names.
            Ok(_) | Err(HostError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How an engine is asked for an image: by its tag, or by its digest where git writes that alone.
fn name_of(image: &ImageRef) -> String {
    image.tagged().unwrap_or_else(|| image.to_string())
}

fn credentials(of: &Credentials) -> DockerCredentials {
    DockerCredentials {
        username: Some(of.username.clone()),
        password: Some(of.password.clone()),
        serveraddress: Some(of.registry.clone()),
        ..DockerCredentials::default()
    }
}
