//! Calls that stand twice, for a normal scheduler and for a dirty one.
//!
//! On a normal scheduler such a call answers `:long`, having changed nothing, when it would
//! read a file, wait for a lock, or take more than some 100 us; then the caller makes the
//! dirty one, whose name ends in `_dirty`. What is known to be large goes there at once.
//!
//! Some stand a third time, to be tried on a dirty one: they answer `:long`, too, when some
//! milliseconds were not enough ([`TRIED`]). So what is short need not wait for what is not.

use std::time::Duration;

/// How long a call that is tried may take. A question whose blocks have to be read takes a
/// millisecond or two; beside other busy threads several times as long.
pub(crate) const TRIED: Duration = Duration::from_millis(20);

/// The kind of scheduler that a call is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// It must not be kept.
    Normal,
    /// It may wait, but not for long.
    Tried,
    /// It may wait.
    Dirty,
}

impl On {
    /// That of an attribute `schedule`.
    pub(crate) const fn of(schedule: &str) -> Self {
        match schedule.as_bytes() {
            b"Normal" => Self::Normal,
            _ => Self::Dirty,
        }
    }

    /// `most` on a normal scheduler, no bound on a dirty one.
    pub(crate) fn at_most(self, most: usize) -> usize {
        match self {
            Self::Normal => most,
            Self::Tried | Self::Dirty => usize::MAX,
        }
    }
}

/// One function under several names, each on a scheduler of its own:
///
/// ```text
/// twins! {
///     size: "Normal", size_dirty: "DirtyCpu";
///     fn(env, on; index: IndexRef) -> Term<'a> { ... }
/// }
/// ```
///
/// `env` is an `Env<'a>`, and `on`, which may be left out, the [`On`] of the one that is
/// called. `Tried` in the place of a scheduler is a dirty I/O one on which it is tried.
macro_rules! twins {
    (
        $(#[$doc:meta])*
        $($name:ident: $schedule:tt),+;
        fn $arguments:tt -> $answer:ty $body:block
    ) => {
        $($crate::schedulers::twins!(@one $name $schedule $arguments $answer $body);)+
    };
    (@one $name:ident Tried $arguments:tt $answer:ty $body:block) => {
        $crate::schedulers::twins!(
            @nif $name "DirtyIo" ($crate::schedulers::On::Tried) $arguments $answer $body
        );
    };
    (@one $name:ident $schedule:tt $arguments:tt $answer:ty $body:block) => {
        $crate::schedulers::twins!(
            @nif $name $schedule ($crate::schedulers::On::of($schedule)) $arguments $answer $body
        );
    };
    (
        @nif $name:ident $schedule:tt ($kind:expr)
        ($env:ident $(, $on:ident)?; $($arguments:tt)+) $answer:ty $body:block
    ) => {
        #[rustler::nif(schedule = $schedule)]
        fn $name<'a>(env: rustler::Env<'a>, $($arguments)+) -> $answer {
            // What Rustler generates knows it by this name, from here.
            let $env = env;
            $(let $on = const { $kind };)?
            $body
        }
    };
}

pub(crate) use twins;
