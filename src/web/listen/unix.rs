//! Unix sockets: a file that the owner and its group may connect to, taken over where nobody listens any more, and removed at
//! the end.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Read and write for the owner and the group: connecting is writing (unix(7)). Others are kept out; a folder can do more.
const MODE: u32 = 0o660;

/// A socket that is listened on.
#[derive(Debug)]
pub(in crate::web) struct Socket {
    listener: UnixListener,
    /// Its file, where it is ours to remove.
    file: Option<File>,
}

/// A file with the number by which it is known again.
#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Listens there.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        clear(path).await?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        let inode = fs::symlink_metadata(path)?.ino();
        Ok(Self { listener, file: Some(File { path: path.to_owned(), inode }) })
    }

    /// One that somebody else opened, and keeps.
    pub(super) const fn of(listener: UnixListener) -> Self {
        Self { listener, file: None }
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

/// Removes a socket that nobody listens on: that of a process which was killed. Anything else stays.
async fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => return Err(ErrorKind::AlreadyExists.into()),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(ErrorKind::AddrInUse.into()), // it may be another's, even where it doesn't let us in
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Some(File { path, inode }) = &self.file else { return };
        // A successor may have put its own there.
        if fs::symlink_metadata(path).is_ok_and(|found| found.ino() == *inode) {
            let _ = fs::remove_file(path); // whoever starts next clears it
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.listener.local_addr().ok();
        match address.as_ref().and_then(|address| address.as_pathname()) {
            Some(path) => write!(f, "unix://{}", path.display()),
            None => f.write_str("a Unix socket without a path"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::{ListenAddress, Listener};
    use super::*;

    #[tokio::test]
    async fn it_is_for_owner_and_group_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let socket = Socket::bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(socket.to_string(), format!("unix://{}", path.display()));
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_taken_over_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap()); // leaves its file behind, as a kill does
        let socket = Socket::bind(&path).await.unwrap();
        let says = async |path: &Path| {
            let address = ListenAddress::Unix(path.to_owned());
            let error = Listener::on(&address).await.unwrap_err().to_string();
            error.rsplit(": ").next().unwrap().to_owned()
        };
        assert_eq!(says(&path).await, "another program listens there");
        fs::remove_file(&path).unwrap();
        let successor = Socket::bind(&path).await.unwrap();
        drop(socket);
        assert!(path.exists(), "the successor's stays");
        drop(successor);
        fs::write(&path, "no socket").unwrap();
        assert_eq!(says(&path).await, "there is a file that is no socket");
        assert_eq!(says(&folder.path().join("nowhere/a.sock")).await, "there is no such folder");
    }
}
