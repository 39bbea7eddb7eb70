//! How a process that serves takes its memory. It must not know what it serves.

/// The allocator asks for huge pages, of which a server at rest uses little: they cost a third of its memory at rest,
/// and time under load, since the kernel clears them whole (`docs/adr/0012-allocator.md`).
pub(crate) fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay in use");
    }
}
