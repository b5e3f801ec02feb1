//! Listening Unix sockets. The owner and the group may connect. Binding replaces a stale socket file; dropping the socket
//! removes its file.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use tokio::net::{UnixListener, UnixStream};

/// Read and write for the owner and the group: connecting requires write permission (unix(7)). Others have no access.
/// The permissions of the directory can restrict it further.
const MODE: u32 = 0o660;

/// A listening Unix socket.
#[derive(Debug)]
pub(in crate::web) struct Socket {
    listener: UnixListener,
    /// The file to remove on drop. `None` for a socket passed by systemd.
    file: Option<File>,
}

/// A socket file. Its inode distinguishes it from a later file at the same path.
#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Listens on the path.
    #[expect(clippy::disallowed_methods, reason = "this is where clients are listened for")]
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        clear(path).await?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        let inode = fs::symlink_metadata(path)?.ino();
        Ok(Self { listener, file: Some(File { path: path.to_owned(), inode }) })
    }

    /// Wraps a socket passed by systemd, which keeps its file.
    pub(super) const fn from_listener(listener: UnixListener) -> Self {
        Self { listener, file: None }
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

/// Removes the socket file of a killed process, on which no process listens. Fails if anything else is at the path.
#[expect(
    clippy::disallowed_methods,
    reason = "whether anybody listens on a socket is found out by connecting"
)]
async fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => return Err(ErrorKind::AlreadyExists.into()),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(ErrorKind::AddrInUse.into()), // may be in use, even if connecting fails for another reason
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Some(File { path, inode }) = &self.file else { return };
        // A successor may have bound its own socket to the path.
        if fs::symlink_metadata(path).is_ok_and(|found| found.ino() == *inode) {
            let _ = fs::remove_file(path); // if this fails, the next start removes the file
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
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap()); // leaves its file, like a killed process
        let socket = Socket::bind(&path).await.unwrap();
        let says = async |path: &Path| {
            let address = ListenAddress::Unix(path.to_owned());
            let error = Listener::on(&address).await.unwrap_err().to_string();
            error.rsplit(": ").next().unwrap().to_owned()
        };
        assert_eq!(says(&path).await, "another program is listening there");
        fs::remove_file(&path).unwrap();
        let successor = Socket::bind(&path).await.unwrap();
        drop(socket);
        assert!(path.exists(), "the successor's stays");
        drop(successor);
        fs::write(&path, "no socket").unwrap();
        assert_eq!(says(&path).await, "a file that is not a socket exists there");
        assert_eq!(says(&folder.path().join("nowhere/a.sock")).await, "no such directory");
    }
}
