//! The files that the YAML names: where they are read from, and what is said where they cannot be.

use cdk::source::Repository;
use cdk::source::named::NoContent;
use git2::{IndexAddOption, Signature};

use crate::check::Folder;

pub fn commit(git: &git2::Repository) {
    let mut index = git.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    let who = Signature::now("T", "t@example.com").unwrap();
    let parent = git.head().ok().map(|head| head.peel_to_commit().unwrap());
    git.commit(Some("HEAD"), &who, &who, "c", &tree, &parent.iter().collect::<Vec<_>>())
        .unwrap();
}

#[test]
fn named_files_come_from_the_same_tree_as_the_yaml() {
    let folder = Folder::new(&[
        (
            "s.yaml",
            "services: {web: {image: \"web:1\"}}\nconfigs: {c: {template: ./templates/../templates/c.j2}}\n",
        ),
        ("templates/c.j2", "old"),
    ]);
    let git = git2::Repository::init(folder.path()).unwrap();
    commit(&git);
    let read = |rev| Repository::find(folder.path()).unwrap().read(rev).unwrap();
    let content = |rev| String::from_utf8(read(rev).files.get("templates/c.j2").unwrap().to_vec()).unwrap();
    assert!(!read(None).revision.dirty);
    folder.write("templates/c.j2", "new");
    assert_eq!(
        (content(None), content(Some("HEAD"))),
        ("new".to_owned(), "old".to_owned())
    );
    assert!(
        read(None).revision.dirty,
        "a file that the YAML names is part of the repository"
    );
    commit(&git);
    assert!(!read(None).revision.dirty);
    assert_eq!(
        (content(Some("HEAD")), content(Some("HEAD~1"))),
        ("new".to_owned(), "old".to_owned())
    );
}

#[test]
fn what_cannot_be_read_at_a_revision_is_not_read_at_all() {
    let folder = Folder::new(&[
        (
            "cdk.yaml",
            "cluster: {name: shop, include: [hosts.yaml, services/*.yaml]}\n",
        ),
        (
            "services/s.yaml",
            "configs:\n  a: {file: beside.txt}\n  b: {file: ../x}\n  c: {file: /etc/passwd}\n  d: {file: services}\n  \
             e: {file: link/passwd}\n  f: {file: serv.yaml}\n  g: {file: other.yml}\n  h: {file: services/beside.txt/x}\n",
        ),
        ("services/beside.txt", "x"),
        ("other.yaml", ""),
    ]);
    std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
    let files = Repository::find(folder.path()).unwrap().read(None).unwrap().files;
    let near = |name: &str| NoContent::Missing {
        near: Some(name.to_owned()),
    };
    let nothing = NoContent::Missing { near: None };
    for (name, why) in [
        ("beside.txt", near("services/beside.txt")),
        ("../x", NoContent::Outside),
        ("/etc/passwd", NoContent::Outside),
        ("services", NoContent::Folder),
        ("link/passwd", NoContent::Link),
        ("serv.yaml", nothing.clone()),
        ("other.yml", near("other.yaml")),
        ("services/beside.txt/x", nothing),
        ("{{ vars.x }}", NoContent::Template),
    ] {
        assert_eq!(files.get(name), Err(&why), "{name}");
        assert!(!why.hint().is_empty() && !why.to_string().is_empty());
    }
    assert_eq!(files.found().count(), 0, "{files:?}");
}
