//! Where a repository is read from: the work tree, a git revision, a subfolder, a shallow clone, no git at all.

use std::path::Path;

use cdk::source::manifest::Manifest;
use cdk::source::{ReadError, Repository, SourceError};
use git2::{IndexAddOption, Oid, Signature};

use crate::check::Folder;

fn commit(git: &git2::Repository, message: &str) -> Oid {
    let mut index = git.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["*"], None).unwrap();
    index.write().unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    let who = Signature::now("T", "t@example.com").unwrap();
    let parent = git.head().ok().map(|head| head.peel_to_commit().unwrap());
    git.commit(
        Some("HEAD"),
        &who,
        &who,
        message,
        &tree,
        &parent.iter().collect::<Vec<_>>(),
    )
    .unwrap()
}

fn read(path: &Path, rev: Option<&str>) -> Manifest {
    Repository::find(path).unwrap().read(rev).unwrap()
}

fn refused(path: &Path, rev: &str) -> SourceError {
    match Repository::find(path).unwrap().read(Some(rev)) {
        Err(ReadError::Source(error)) => error,
        other => panic!("{other:?}"),
    }
}

const SERVICE: &str = "services: {web: {image: \"web:1\"}}\n";

#[test]
fn a_revision_is_read_without_a_checkout() {
    let folder = Folder::new(&[("s.yaml", SERVICE)]);
    let git =
        git2::Repository::init_opts(folder.path(), git2::RepositoryInitOptions::new().initial_head("main")).unwrap();
    assert_eq!(
        read(folder.path(), None).revision.commit,
        None,
        "there is no commit yet"
    );
    let first = commit(&git, "web 1\n\nmore words");
    git.tag_lightweight("v1", git.find_commit(first).unwrap().as_object(), false)
        .unwrap();
    folder.write("s.yaml", "services: {web: {image: \"web:2\"}}\n");
    folder.write("t.yaml", "services: {new: {image: \"new:1\"}}\n");
    commit(&git, "web 2");

    let old = read(folder.path(), Some("HEAD~1"));
    assert!(old.texts[Path::new("s.yaml")].contains("web:1") && !old.texts.contains_key(Path::new("t.yaml")));
    let revision = &old.revision;
    assert_eq!(revision.commit, Some(first.to_string()));
    assert_eq!(
        (
            revision.branch.as_deref(),
            revision.tag.as_deref(),
            revision.subject.as_str()
        ),
        (None, Some("v1"), "web 1")
    );
    assert!(read(folder.path(), None).texts.contains_key(Path::new("t.yaml")));
    assert_eq!(
        read(folder.path(), Some("main")).revision.branch.as_deref(),
        Some("main")
    );
    assert_eq!(read(folder.path(), None).revision.branch.as_deref(), Some("main"));

    git.set_head_detached(first).unwrap();
    assert_eq!(read(folder.path(), None).revision.branch, None);
    let error = refused(folder.path(), "nowhere");
    assert!(
        matches!(error, SourceError::NoRevision { shallow: false, .. }),
        "{error}"
    );
    std::fs::write(git.path().join("shallow"), format!("{first}\n")).unwrap();
    let error = refused(folder.path(), "HEAD~7");
    assert!(
        error.to_string().contains("shallow") && error.hint().unwrap().contains("--unshallow"),
        "{error}"
    );
}

#[test]
fn only_what_was_read_makes_it_dirty() {
    let folder = Folder::new(&[("s.yaml", SERVICE)]);
    let git = git2::Repository::init(folder.path()).unwrap();
    commit(&git, "first");
    let dirty = || read(folder.path(), None).revision.dirty;
    assert!(!dirty());
    folder.write("README.md", "not read");
    assert!(!dirty(), "a file that is not included");
    folder.write("t.yaml", "vars: {a: 1}\n");
    assert!(dirty(), "an untracked file that is included");
    std::fs::remove_file(folder.path().join("t.yaml")).unwrap();
    folder.write("s.yaml", "services: {web: {image: \"web:2\"}}\n");
    assert!(dirty(), "a change");
    std::fs::remove_file(folder.path().join("s.yaml")).unwrap();
    assert!(dirty(), "a file that is gone");
    folder.write("s.yaml", SERVICE);
    assert!(!dirty());
    assert!(!read(folder.path(), Some("HEAD")).revision.dirty);
}

#[test]
fn a_repository_may_be_a_folder_of_another() {
    let folder = Folder::new(&[("s.yaml", SERVICE)]);
    let outer = tempfile::tempdir().unwrap();
    let git = git2::Repository::init(outer.path()).unwrap();
    commit(&git, "nothing yet");
    let inner = outer.path().join("clusters/shop");
    std::fs::create_dir_all(inner.join("deep")).unwrap();
    for file in ["cdk.yaml", "hosts.yaml", "s.yaml"] {
        std::fs::copy(folder.path().join(file), inner.join(file)).unwrap();
    }
    commit(&git, "the shop");
    let manifest = read(&inner.join("deep"), Some("HEAD"));
    assert_eq!(
        manifest
            .texts
            .keys()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>(),
        ["cdk.yaml", "hosts.yaml", "s.yaml"]
    );
    assert!(!read(&inner, None).revision.dirty);
    let error = refused(&inner, "HEAD~1");
    assert!(error.to_string().contains("clusters/shop/cdk.yaml"), "{error}");
}

#[test]
fn without_git_there_are_files_but_no_revisions() {
    let folder = Folder::new(&[]);
    assert_eq!(read(folder.path(), None).revision.to_string(), "not in git");
    assert!(matches!(refused(folder.path(), "HEAD"), SourceError::NotInGit { .. }));
    let empty = tempfile::tempdir().unwrap();
    let error = Repository::find(empty.path()).unwrap_err();
    assert!(error.hint().unwrap().contains("cdk init"), "{error}");
    assert!(Repository::find(&empty.path().join("missing")).is_err());
}

#[test]
fn patterns_find_files_in_order_and_follow_no_links() {
    let folder = Folder::new(&[
        (
            "cdk.yaml",
            "cluster: {name: shop, include: [hosts.yaml, \"services/**/*.yaml\"]}\n",
        ),
        ("services/b.yaml", "services: {b: {image: b}}\n"),
        ("services/a/c.yaml", "services: {c: {image: c}}\n"),
        ("services/.hidden.yaml", "services: {hidden: {image: h}}\n"),
        ("services/note.txt", "not YAML: ["),
    ]);
    let names =
        |whole: &cdk::resolve::desired::Desired| whole.services.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&folder.check().unwrap()), ["b", "c"]);
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("services/link.yaml")).unwrap();
    let rejected = folder.check().unwrap_err();
    assert!(rejected.problems[0].message.contains("symbolic link"), "{rejected:?}");
}
