//! The contract of [`Journal`](livecheck::journal::Journal), checked against
//! every implementation by one suite.
//!
//! A new implementation needs a [`Subject`](subject::Subject) and a module at
//! the end of this file.

mod appending;
mod following;
mod keeping;
mod model;
mod probe;
mod reopening;
mod subject;

macro_rules! checks {
    ($subject:expr; $($module:ident: $check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                crate::$module::$check(&$subject);
            }
        )*
    };
}

/// What holds for every journal.
macro_rules! contract {
    ($subject:expr) => {
        checks! { $subject;
            appending: positions_have_no_gaps,
            appending: times_rise_whatever_the_wall_clock_does,
            appending: the_order_of_every_appender_is_kept,
            appending: over_the_bound_only_what_must_be_queued_is_taken,
            appending: partitions_are_sequences_of_their_own,
            appending: closing_stores_what_is_queued_and_refuses_the_rest,
            following: a_follower_sees_what_came_before_and_after,
            following: tickets_behind_which_one_follows_are_refused,
            following: one_follows_at_a_time,
            following: following_while_others_append_has_no_gap,
            following: closing_wakes_the_follower,
            following: tickets_that_nobody_took_are_refused_in_the_end,
            keeping: reading_goes_up_to_the_head,
            keeping: what_lies_behind_the_head_is_refused,
            keeping: trimming_keeps_what_was_not_asked_for,
            keeping: the_two_newest_snapshots_are_kept,
            model: any_schedule_does_what_a_list_does,
        }
    };
}

/// What holds for journals that outlive the process.
macro_rules! durable {
    ($subject:expr) => {
        checks! { $subject;
            reopening: everything_is_there_when_opened_again,
            reopening: times_rise_across_openings,
            reopening: a_place_has_one_journal_at_a_time,
        }
    };
}

mod memory_of_1 {
    contract! { crate::subject::Memory { partitions: 1 } }
}

mod memory_of_4 {
    contract! { crate::subject::Memory { partitions: 4 } }
}

mod local {
    contract! { crate::subject::Local }
    durable! { crate::subject::Local }
}
