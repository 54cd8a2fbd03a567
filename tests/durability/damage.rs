//! A server does not start on files that another one has, or that are not as
//! they were written: it names them and ends with a code.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    clients::{case, event},
    server::{Server, refused},
};

const CASE: &str = "durability.damage";
/// The code of errors that have none of their own, as `livecheck --help` tells.
const FAILED: Option<i32> = Some(6);

/// A directory with a live and a finished execution, stopped cleanly.
async fn used() -> TempDir {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let mut clients = server.clients().await;
    let hour = Duration::from_secs(3600);
    clients.apply(case(CASE, &["sent"], hour)).await;
    for id in ["live", "finished"] {
        clients.submit(CASE, id).await.unwrap();
    }
    clients
        .signal(event(CASE, "finished", "sent"))
        .await
        .unwrap();
    clients.report(CASE, "finished").await;
    server.stop().await;
    data
}

/// The only file in a directory whose name this holds for.
fn find(directory: &Path, wanted: impl Fn(&str) -> bool) -> PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|one| one.unwrap());
    let mut found = entries.filter(|one| wanted(&one.file_name().to_string_lossy()));
    let one = found.next().expect("there is such a file").path();
    assert!(found.next().is_none(), "there is one such file");
    one
}

/// Turns the bits of some bytes.
fn damage(path: &Path, offset: u64, len: usize) {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.unwrap();
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset).unwrap();
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    file.write_all_at(&bytes, offset).unwrap();
}

async fn is_refused(data: &Path, file: &Path) {
    let (code, text) = refused(data).await;
    assert_eq!(code, FAILED, "{text}");
    let error = text.lines().last().unwrap_or_default();
    assert!(error.starts_with("error: "), "{text}");
    assert!(error.contains(&file.display().to_string()), "{text}");
}

#[tokio::test]
async fn a_second_server_on_a_directory_is_refused() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let (code, text) = refused(data.path()).await;
    assert_eq!(code, FAILED, "{text}");
    let pid = server.pid().as_raw_pid();
    let expected = format!(
        "error: data directory {} is in use by process {pid}; stop it or choose another \
         --data-dir\n",
        data.path().display()
    );
    assert!(text.ends_with(&expected), "{text}");

    // The first one is none the worse for it.
    let mut clients = server.clients().await;
    clients
        .apply(case(CASE, &["sent"], Duration::from_secs(60)))
        .await;
    server.stop().await;
}

#[tokio::test]
async fn a_damaged_segment_is_refused() {
    let data = used().await;
    let segment = find(&data.path().join("journal"), |name| {
        name.ends_with(".segment")
    });
    let intact = fs::read(&segment).unwrap();
    // The header, the first frame, and one in the midst of others.
    for offset in [20, 512 + 100, 1024 + 60] {
        damage(&segment, offset, 1);
        is_refused(data.path(), &segment).await;
        fs::write(&segment, &intact).unwrap();
    }
    Server::start(data.path()).await.stop().await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let data = used().await;
    let snapshot = find(&data.path().join("journal"), |name| {
        name.starts_with("snapshot-")
    });
    let len = fs::metadata(&snapshot).unwrap().len();
    for offset in [0, 30, len - 1] {
        damage(&snapshot, offset, 1);
        is_refused(data.path(), &snapshot).await;
        damage(&snapshot, offset, 1);
    }
    Server::start(data.path()).await.stop().await;
}

#[tokio::test]
async fn a_damaged_archive_is_refused() {
    let data = used().await;
    let archive = find(data.path(), |name| name == "archive.sqlite");
    let intact = fs::read(&archive).unwrap();
    // What SQLite knows a file by, the list of the tables, and the tables.
    for (offset, len) in [(0, 16), (100, 4000), (8192, intact.len() - 8192)] {
        damage(&archive, offset, len);
        is_refused(data.path(), &archive).await;
        fs::write(&archive, &intact).unwrap();
    }
    Server::start(data.path()).await.stop().await;
}
