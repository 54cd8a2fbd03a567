//! The clock, passed in wherever time is needed; nothing else reads one.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread::Thread,
    time::Duration,
};

use chrono::{DateTime, SubsecRound, Utc};

use crate::model::Time;

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, in whole microseconds. It can be stepped.
    fn wall(&self) -> Time;

    /// Time since an arbitrary start, suspended time included. Never steps.
    fn boot(&self) -> Duration;

    /// Unparks a thread whenever the clock is moved by hand. The clocks of the
    /// operating system never are.
    fn wake_on_step(&self, _thread: Thread) {}
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Time {
        Utc::now().trunc_subsecs(6)
    }

    fn boot(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or_default(),
            u32::try_from(now.tv_nsec).unwrap_or_default(),
        )
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(Time, Duration)>,
    sleepers: Mutex<Vec<Thread>>,
}

impl ManualClock {
    /// A clock that stands at `wall`.
    pub fn new(wall: Time) -> Self {
        ManualClock {
            now: Mutex::new((wall, Duration::ZERO)),
            sleepers: Mutex::default(),
        }
    }

    /// A clock that stands at a fixed time of 2026.
    pub fn fixed() -> Self {
        Self::new(DateTime::from_timestamp(1_780_000_000, 0).unwrap_or_default())
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        now.0 += by;
        now.1 += by;
        drop(now);
        let sleepers = self.sleepers.lock();
        let sleepers = sleepers.unwrap_or_else(PoisonError::into_inner);
        sleepers.iter().for_each(Thread::unpark);
    }

    /// Steps the wall clock alone, as an operator or NTP does.
    pub fn step_wall(&self, to: Time) {
        self.lock().0 = to;
    }

    fn lock(&self) -> MutexGuard<'_, (Time, Duration)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Time {
        self.lock().0
    }

    fn boot(&self) -> Duration {
        self.lock().1
    }

    fn wake_on_step(&self, thread: Thread) {
        let sleepers = self.sleepers.lock();
        sleepers
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
    }
}
