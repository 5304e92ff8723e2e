use super::*;

#[test]
fn what_is_late_rings_once_and_the_rest_does_not() {
    let roster = Rc::new(Roster::default());
    let (early, late) = (roster.enter(None), roster.enter(None));
    early.set_due(Side::Read, 10);
    late.set_due(Side::Write, 20);
    roster.sweep(15);
    assert_eq!((early.alarm(), late.alarm()), (Some(Alarm::Due), None));
    early.reset();
    roster.sweep(25);
    assert_eq!((early.alarm(), late.alarm()), (None, Some(Alarm::Due)));
}

#[test]
fn leaving_in_any_order_keeps_the_roster_whole() {
    let roster = Rc::new(Roster::default());
    let mut watches: Vec<_> = (0..10).map(|_| roster.enter(None)).collect();
    for index in [3, 0, 5, 1] {
        watches.remove(index);
    }
    assert_eq!(roster.len(), watches.len());
    for watch in &watches {
        assert!(Rc::ptr_eq(&roster.watches.borrow()[watch.slot.get()], &watch.watch));
    }
}

#[test]
fn only_what_is_idle_makes_room() {
    let roster = Rc::new(Roster::default());
    let (idle, busy) = (roster.enter(None), roster.enter(None));
    idle.set_idle_since(100);
    assert_eq!(roster.make_room(10, 500), 0);
    assert_eq!(roster.make_room(10, 1100), 1);
    assert_eq!((idle.alarm(), busy.alarm()), (Some(Alarm::Evict), None));
}

#[test]
fn who_never_asked_makes_room_before_who_did() {
    let roster = Rc::new(Roster::default());
    let watches: Vec<_> = (0..4).map(|_| roster.enter(None)).collect();
    for (watch, has_asked) in watches.iter().zip([true, false, true, false]) {
        watch.set_idle_since(0);
        if has_asked {
            watch.set_has_asked();
        }
    }
    let rung = || -> Vec<_> { watches.iter().map(|watch| watch.alarm().is_some()).collect() };
    assert_eq!(roster.make_room(3, 2000), 2);
    assert_eq!(rung(), [false, true, false, true]);
    assert_eq!(roster.make_room(1, 2000), 1);
    assert_eq!(rung(), [true, true, false, true]);
}

#[test]
fn one_look_after_the_other_sees_all() {
    let roster = Rc::new(Roster::default());
    let watches: Vec<_> = (0..3 * LOOKED_AT).map(|_| roster.enter(None)).collect();
    let last = &watches[3 * LOOKED_AT - 1];
    last.set_idle_since(0);
    let found: usize = (0..3).map(|_| roster.make_room(1, 2000)).sum();
    assert_eq!((found, last.alarm()), (1, Some(Alarm::Evict)));
}
