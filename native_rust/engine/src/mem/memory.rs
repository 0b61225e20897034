//! The pools of memory that all databases of a process share.

use std::sync::{Arc, OnceLock};

use super::pool::Pool;
use super::share::Share;
use crate::limits::Limits;

/// What is taken for the memory of a machine that does not say how much it has.
pub const UNKNOWN: usize = 1 << 30;

/// The pools of one process (of one [`crate::Catalog`]).
#[derive(Debug, Clone)]
pub struct Memory {
    /// Work under way: request bodies, answers, open transactions, queues, what
    /// percentiles gather. Bounded by [`Limits::work_bytes`].
    pub work: Arc<Pool>,
    /// Indexes of all open databases. Bounded by [`Limits::index_bytes`].
    pub indexes: Arc<Pool>,
    /// What subscribers want to hear of. Bounded by [`Limits::filter_bytes`].
    pub(crate) filters: Arc<Pool>,
    /// What uploads may have of the memory for work.
    pub(crate) uploads: Arc<Share>,
    /// What to do when much was freed.
    freed: Arc<OnceLock<fn()>>,
}

impl Memory {
    /// Empty pools of the sizes that the limits name.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let index_bytes = match limits.index_bytes {
            0 => available().unwrap_or(UNKNOWN) / 4 * 3,
            bytes => bytes,
        };
        let work = Pool::new(limits.work_bytes, "work_bytes");
        Self {
            uploads: Share::new(&work),
            work,
            indexes: Pool::new(index_bytes, "index_bytes"),
            filters: Pool::new(limits.filter_bytes, "filter_bytes"),
            freed: Arc::default(),
        }
    }

    /// Have `work` done each time that the indexes of a database were freed: allocators
    /// that keep what is freed can be told to give it back to the system. It is called
    /// on a thread that nobody waits for. The first one stays.
    pub fn when_freed(&self, work: fn()) {
        self.freed.get_or_init(|| work);
    }

    /// Much was freed.
    pub(crate) fn freed(&self) {
        if let Some(work) = self.freed.get() {
            work();
        }
    }
}

/// Bytes of memory that this process may use: what the machine has, or what the control
/// group allows that it runs in. Nothing where neither can be known. Looked up once.
#[must_use]
pub fn available() -> Option<usize> {
    static BYTES: OnceLock<Option<usize>> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let (total, group) = match system.total_memory() {
            // /proc/meminfo is hidden from some services. Without it the control group's
            // limits must not be asked for either: that panics.
            0 => (of_kernel(), group_limit()),
            total => (
                Some(total),
                system.cgroup_limits().map(|limits| limits.total_memory),
            ),
        };
        least(total, group)
    })
}

/// The smaller of what is known. A limit that nobody has set is greater than any machine.
fn least(total: Option<u64>, group: Option<u64>) -> Option<usize> {
    let known = [total, group].into_iter().flatten();
    let known = known.filter(|bytes| (1..1 << 62).contains(bytes));
    let bytes = known.min()?;
    Some(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// What the machine has, by a call of the kernel.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn of_kernel() -> Option<u64> {
    let found = rustix::system::sysinfo();
    found.totalram.checked_mul(found.mem_unit.into())
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn of_kernel() -> Option<u64> {
    None
}

/// The limit of the control group, of either version; "max" is none.
fn group_limit() -> Option<u64> {
    let files = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let read = |file| std::fs::read_to_string(file).ok()?.trim().parse().ok();
    files.into_iter().find_map(read)
}

#[cfg(test)]
mod tests {
    use super::{available, group_limit, least, of_kernel};

    #[test]
    fn the_least_of_what_is_known_is_taken() {
        assert_eq!(least(Some(8 << 30), Some(1 << 30)), Some(1 << 30));
        assert_eq!(least(Some(8 << 30), None), Some(8 << 30));
        assert_eq!(least(None, Some(1 << 30)), Some(1 << 30));
        // What the kernel says where no limit is set, in version 1.
        assert_eq!(least(None, Some(0x7fff_ffff_ffff_f000)), None);
        assert_eq!(least(Some(0), Some(u64::MAX)), None);
    }

    #[test]
    fn the_kernel_says_the_same_as_the_files_of_proc() {
        if cfg!(target_os = "linux") {
            let asked = least(of_kernel(), group_limit()).unwrap_or(0);
            let read = available().unwrap_or(0);
            assert!(asked / 2 < read && read / 2 < asked, "{asked} and {read}");
        }
    }
}
