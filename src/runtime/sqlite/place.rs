//! Where the file lies, and whether the file that lies there is still the one that was opened.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

/// The path of a store's file and of what SQLite keeps beside it, free of links and of the current directory.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    /// The write-ahead log: what was committed last is in there.
    pub(super) log: PathBuf,
    /// Locked for as long as a store has the file.
    pub(super) owner: PathBuf,
    folder: PathBuf,
}

/// Which files lie at a place at some moment. Looked up by name, never by opening: closing any descriptor of a file drops all locks that
/// the process has on it (POSIX), also those of SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    file: Option<FileId>,
    log: Option<FileId>,
}

/// Device and inode; where there is no such thing, that there is a file.
type FileId = (u64, u64);

impl Place {
    /// Finds the place of a file that may not exist yet, in a folder that does.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let file = match path.canonicalize() {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = path.file_name().ok_or(error)?;
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.unwrap_or(Path::new(".")).canonicalize()?.join(name)
            }
            Err(error) => return Err(error),
        };
        let beside = |suffix: &str| {
            let mut name = OsString::from(&file);
            name.push(suffix);
            PathBuf::from(name)
        };
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self { log: beside("-wal"), owner: beside("-owner"), folder, file })
    }

    /// Which files lie here now.
    pub(super) fn identity(&self) -> Identity {
        Identity { file: file_id(&self.file), log: file_id(&self.log) }
    }

    pub(super) fn has_folder(&self) -> bool {
        self.folder.is_dir()
    }

    /// Bytes of the write-ahead log.
    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// Makes the names of new files as safe against power loss as their contents.
    #[cfg(unix)]
    pub(super) fn sync_folder(&self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()
    }

    /// A folder cannot be synced here; its names are the file system's own affair.
    #[cfg(not(unix))]
    pub(super) fn sync_folder(&self) -> io::Result<()> {
        self.folder.metadata().map(|_| ())
    }
}

impl Identity {
    /// Whether both files are there.
    pub(super) fn is_whole(&self) -> bool {
        self.file.is_some() && self.log.is_some()
    }
}

#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> Option<FileId> {
    // A file that is open cannot be moved or removed here.
    fs::metadata(path).ok().map(|_| (0, 0))
}
