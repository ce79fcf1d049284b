//! The table as its two sides see it.

#[cfg(loom)]
mod models;

use super::{
    copies::{Copies, Front},
    counts::TagCounts,
    equipment::{Equipment, EquipmentStatus, Stale},
    error::{TagDeclareError, TagWriteError},
    handle::{Tag, TagId, TagWrite},
    scan::{Staleness, TagScan},
    value::{TagKind, TagValue},
    view::EquipmentView,
    writer::Tags,
};
use crate::ground::{
    id::EquipmentId,
    time::{Now, Tick, Wall},
};
use std::{collections::HashMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// So many milliseconds after the beginning, on both clocks; the wall clock began at 1,000,000.
fn at(millis: u64) -> Now {
    Now { tick: Tick(millis * 1_000_000), wall: Wall(1_000_000 + millis as i64) }
}

/// One equipment, with a tag of each kind.
struct Press {
    tags: Tags,
    scan: TagScan,
    id: EquipmentId,
    on: Tag<bool>,
    count: Tag<i64>,
    speed: Tag<f64>,
    recipe: Tag<str>,
}

fn press(stale: Stale) -> Press {
    let press = Equipment::new("P1", "프레스", stale)
        .tag("on", TagKind::Bool)
        .tag("count", TagKind::I64)
        .tag("speed", TagKind::F64)
        .tag("recipe", TagKind::Text);
    let (tags, scan) = Tags::builder().equipment(press).build().unwrap();
    let id = tags.equipment("P1").unwrap();
    Press {
        id,
        on: tags.tag(id, "on").unwrap(),
        count: tags.tag(id, "count").unwrap(),
        speed: tags.tag(id, "speed").unwrap(),
        recipe: tags.tag(id, "recipe").unwrap(),
        tags,
        scan,
    }
}

impl Press {
    fn view(&self) -> EquipmentView<'_> {
        self.scan.view(self.id).unwrap()
    }

    /// Its own tags as of a look now.
    fn values(&mut self) -> Vec<Option<TagValue<'_>>> {
        self.scan.look(at(0));
        self.view().tags().map(|(_, value)| value).collect()
    }
}

#[test]
fn what_is_written_is_read() {
    let mut p = press(Stale::never());
    assert_eq!(p.values(), [None; 4], "nothing was written yet");
    let names: Vec<&str> = p.view().tags().map(|(name, _)| name).collect();
    assert_eq!((p.view().code(), p.view().name()), ("P1", "프레스"));
    assert_eq!(names, ["on", "count", "speed", "recipe"]);
    let longest = "가나다라마바사아자차.";
    assert_eq!(longest.len(), 31);
    for (on, count, speed, recipe) in [
        (false, 0, 0.0, ""),
        (true, i64::MIN, f64::MIN_POSITIVE, longest),
        (false, -1, -0.0, "x"),
        (true, i64::MAX, f64::MAX, "\u{0}"),
    ] {
        p.tags.set(p.on, on).unwrap();
        p.tags.set(p.count, count).unwrap();
        p.tags.set(p.speed, speed).unwrap();
        p.tags.set(p.recipe, recipe).unwrap();
        let expected: [TagValue<'_>; 4] = [on.into(), count.into(), speed.into(), recipe.into()];
        assert_eq!(p.values(), expected.map(Some));
    }
}

#[test]
fn what_is_not_finite_is_no_value_and_counted() {
    let mut p = press(Stale::never());
    for (value, count) in [(f64::NAN, 1), (f64::INFINITY, 2), (f64::NEG_INFINITY, 3)] {
        p.tags.set(p.speed, 1.0).unwrap();
        p.tags.set(p.speed, value).unwrap();
        assert_eq!(p.values()[2], None);
        assert_eq!(p.scan.counts().tag_values_not_finite, count);
    }
}

#[test]
fn an_update_is_all_or_nothing() {
    let mut p = press(Stale::never());
    p.tags.update(p.id, &[p.count.to(1), p.speed.to(1.0), p.recipe.to("one")]).unwrap();
    let one = [None, Some(1.into()), Some(1.0.into()), Some("one".into())];
    assert_eq!(p.values(), one);
    let other = p.tags.clone();
    let long = "a text of thirty-two bytes -----";
    let elsewhere = EquipmentId::from_bits(p.id.to_bits() + 1);
    let status = TagId::new(p.id, 0);
    for (fault, error) in [
        (p.recipe.to(long), TagWriteError::TextTooLong { given: 32 }),
        (elsewhere.status_tag().to(true), TagWriteError::OtherEquipment),
        (TagId::new(p.id, 7).to_value(true.into()), TagWriteError::UnknownTag),
        (TagId::new(p.id, u16::MAX).to_value(true.into()), TagWriteError::UnknownTag),
        (
            p.count.id().to_value(1.5.into()),
            TagWriteError::WrongKind { expected: TagKind::I64, given: TagKind::F64 },
        ),
        (
            status.to_value(1.into()),
            TagWriteError::WrongKind { expected: TagKind::Bool, given: TagKind::I64 },
        ),
    ] {
        let writes = [p.id.error_tag().to(true), p.count.to(2), fault, p.speed.to(2.0)];
        assert_eq!(other.update(p.id, &writes), Err(error));
        assert_eq!(p.values(), one, "{error:?}");
        assert!(!p.view().error_tag());
    }
    let many = vec![p.count.to(3); 129];
    assert_eq!(other.update(p.id, &many), Err(TagWriteError::TooManyWrites { given: 129 }));
    assert_eq!(p.values(), one);
    assert_eq!(p.scan.counts().tag_writes_refused, 7);
    other.update(p.id, &many[1..]).unwrap();
    assert_eq!(p.values()[1], Some(3.into()), "128 are taken");
}

#[test]
fn a_second_writer_is_busy_and_the_first_goes_on() {
    let mut p = press(Stale::never());
    let record = p.tags.table.slot(0).unwrap().clone();
    let claim = record.copies.claim().unwrap();
    assert_eq!(p.tags.set(p.count, 1), Err(TagWriteError::Busy));
    assert_eq!(p.tags.touch(p.id), Err(TagWriteError::Busy));
    assert_eq!(p.values()[1], None, "a reader is not held up by a claim");
    drop(claim);
    assert_eq!(p.values()[1], None, "a claim given up publishes nothing");
    p.tags.set(p.count, 2).unwrap();
    assert_eq!(p.values()[1], Some(2.into()));
    assert_eq!(p.scan.counts().tag_writes_busy, 2);
}

#[test]
fn status_follows_the_rule() {
    use EquipmentStatus::{Disconnected, Error, Idle, Running, Stopped};
    let mut p = press(Stale::never());
    p.scan.look(at(0));
    assert_eq!((p.view().status(), p.view().connection()), (Disconnected, false), "never written");
    p.tags.touch(p.id).unwrap();
    p.scan.look(at(0));
    assert_eq!((p.view().status(), p.view().connection()), (Idle, true));
    for (connection, error, status, shown) in [
        (true, false, false, Idle),
        (true, false, true, Running),
        (true, true, true, Error),
        (true, true, false, Error),
        (false, true, true, Disconnected),
        (false, false, false, Disconnected),
    ] {
        let flags =
            [p.id.connection().to(connection), p.id.error_tag().to(error), p.id.status_tag().to(status)];
        p.tags.update(p.id, &flags).unwrap();
        p.scan.look(at(0));
        let view = p.view();
        assert_eq!((view.connection(), view.error_tag(), view.status_tag()), (connection, error, status));
        assert_eq!(view.status(), shown);
        for explicit in [Running, Idle, Stopped, Error, Disconnected] {
            p.tags.set_status(p.id, Some(explicit)).unwrap();
            p.scan.look(at(0));
            assert_eq!(p.view().status(), explicit);
            assert_eq!(p.view().connection(), connection);
        }
        p.tags.update(p.id, &[TagWrite::status(p.id, None)]).unwrap();
        p.scan.look(at(0));
        assert_eq!(p.view().status(), shown, "left to the tags again");
    }
}

#[test]
fn words_are_those_of_the_wire_and_errors_name_the_way_out() {
    use EquipmentStatus::{Disconnected, Error, Idle, Running, Stopped};
    let words = [Running, Idle, Stopped, Error, Disconnected].map(|status| status.to_string());
    assert_eq!(words, ["running", "idle", "stopped", "error", "disconnected"]);
    let kinds = [TagKind::Bool, TagKind::I64, TagKind::F64, TagKind::Text].map(|kind| kind.to_string());
    assert_eq!(kinds, ["bool", "i64", "f64", "text"]);
    let wrong = TagWriteError::WrongKind { expected: TagKind::F64, given: TagKind::Text }.to_string();
    assert!(wrong.contains("holds f64, not text"), "{wrong}");
    let long = TagWriteError::TextTooLong { given: 40 }.to_string();
    assert!(long.contains("40 bytes") && long.contains("up to 31"), "{long}");
    assert!(TagWriteError::Busy.to_string().contains("next cycle"));
    let full = TagDeclareError::Full { capacity: 7 }.to_string();
    assert!(full.contains("7 equipment") && full.contains("more room"), "{full}");
}

#[test]
fn last_updated_is_what_was_given_or_when_it_was_seen() {
    let mut p = press(Stale::never());
    p.scan.look(at(1));
    assert_eq!(p.view().last_updated(), None);
    p.tags.set(p.count, 1).unwrap();
    p.scan.look(at(2));
    assert_eq!(p.view().last_updated(), Some(at(2).wall));
    p.scan.look(at(3));
    assert_eq!(p.view().last_updated(), Some(at(2).wall), "nothing was written");
    p.tags.set_at(Wall(-7), p.count, 1).unwrap();
    p.scan.look(at(4));
    assert_eq!(p.view().last_updated(), Some(Wall(-7)));
    p.tags.update_at(Wall(9), p.id, &[p.count.to(1)]).unwrap();
    p.tags.touch(p.id).unwrap();
    p.scan.look(at(5));
    assert_eq!(p.view().last_updated(), Some(at(5).wall), "the last write gave no time");
}

#[test]
fn an_equal_value_is_a_write_and_no_change() {
    let mut p = press(Stale::never());
    assert_eq!(p.scan.looks(), 0);
    assert_eq!(p.scan.look(at(0)).number, 1);
    let news = |scan: &TagScan, look| scan.changed_since(look).count();
    assert_eq!(news(&p.scan, 0), 1, "a newcomer is news");
    p.tags.set(p.count, 1).unwrap();
    p.scan.look(at(0));
    assert_eq!(news(&p.scan, 1), 1);
    p.tags.set_at(Wall(5), p.count, 1).unwrap();
    p.scan.look(at(0));
    assert_eq!((p.view().written_in(), p.view().changed_in()), (3, 2));
    assert_eq!(news(&p.scan, 2), 0);
    p.tags.set(p.id.error_tag(), true).unwrap();
    p.scan.look(at(0));
    assert_eq!((p.view().written_in(), p.view().changed_in()), (4, 4));
    // The first write of all changes what is shown, even if no value differs.
    let mut silent = press(Stale::never());
    silent.scan.look(at(0));
    silent.tags.touch(silent.id).unwrap();
    silent.scan.look(at(0));
    assert_eq!(silent.view().changed_in(), 2);
}

#[test]
fn who_stops_writing_is_shown_as_disconnected_and_comes_back_by_writing() {
    let mut p = press(Stale::after(SECOND));
    let told = |stale| Some(Staleness { equipment: EquipmentId::from_bits(0), stale });
    let look = |p: &mut Press, millis| {
        let look = p.scan.look(at(millis));
        assert!(look.staleness.len() <= 1);
        look.staleness
            .first()
            .map(|turn| Staleness { equipment: EquipmentId::from_bits(0), ..*turn })
            .inspect(|_| assert_eq!(look.staleness[0].equipment, p.id))
    };
    assert_eq!(look(&mut p, 0), None);
    p.tags.update(p.id, &[p.count.to(1), TagWrite::status(p.id, Some(EquipmentStatus::Running))]).unwrap();
    assert_eq!(look(&mut p, 100), None);
    assert_eq!(look(&mut p, 1_099), None, "never early");
    assert!(!p.view().is_stale() && p.view().connection());
    assert_eq!(look(&mut p, 1_100), told(true));
    assert!(p.view().is_stale() && !p.view().connection());
    assert_eq!(p.view().status(), EquipmentStatus::Disconnected, "above an explicit status");
    assert_eq!(p.view().changed_in(), p.scan.looks());
    assert_eq!(p.view().last_updated(), Some(at(100).wall));
    assert_eq!(p.scan.stale(), 1);
    assert_eq!(look(&mut p, 5_000), None, "told once");
    // An equal value proves life as well as any.
    p.tags.set(p.count, 1).unwrap();
    assert_eq!(look(&mut p, 5_001), told(false));
    assert_eq!((p.view().status(), p.scan.stale()), (EquipmentStatus::Running, 0));
    assert_eq!(p.view().changed_in(), p.scan.looks());
    // Written in time, whatever the deadline says.
    p.tags.touch(p.id).unwrap();
    assert_eq!(look(&mut p, 9_000), None);
    assert_eq!(look(&mut p, 9_999), None);
    assert_eq!(look(&mut p, 10_000), told(true));
    assert_eq!(p.scan.counts().equipment_staled, 2);
}

#[test]
fn who_never_writes_is_stale_after_the_deadline_unless_it_has_none() {
    let mut p = press(Stale::after(SECOND));
    p.scan.look(at(5_000));
    assert!(p.scan.look(at(5_999)).staleness.is_empty());
    assert_eq!(p.scan.look(at(6_000)).staleness.len(), 1);
    let mut never = press(Stale::never());
    never.tags.touch(never.id).unwrap();
    never.scan.look(at(0));
    assert!(never.scan.look(Now { tick: Tick(u64::MAX), ..at(0) }).staleness.is_empty());
    assert!(never.view().connection());
}

#[test]
fn the_next_look_is_in_time_for_every_deadline() {
    let never = Equipment::new("N", "", Stale::never());
    let (tags, mut scan) = Tags::builder().equipment(never).room(2, 0).build().unwrap();
    assert_eq!(scan.next_deadline(), Some(Tick(0)), "not seen yet");
    scan.look(at(10));
    assert_eq!(scan.next_deadline(), None);
    let slow = tags.declare(Equipment::new("S", "", Stale::after(8 * SECOND))).unwrap();
    assert_eq!(scan.next_deadline(), Some(at(10).tick), "a newcomer is looked at");
    scan.look(at(20));
    assert_eq!(scan.next_deadline(), Some(at(2_020).tick), "a quarter of the deadline");
    let quick = tags.declare(Equipment::new("Q", "", Stale::after(SECOND))).unwrap();
    scan.look(at(1_000));
    assert_eq!(scan.next_deadline(), Some(at(1_250).tick), "a quarter of the shortest");
    scan.look(at(1_900));
    assert_eq!(scan.next_deadline(), Some(at(2_000).tick), "what is due before that");
    assert_eq!(scan.look(at(2_000)).staleness, [Staleness { equipment: quick, stale: true }]);
    assert_eq!(scan.next_deadline(), Some(at(2_250).tick), "so that it is seen to come back");
    scan.look(at(8_000));
    assert_eq!(scan.next_deadline(), Some(at(8_020).tick));
    assert_eq!(scan.look(at(8_020)).staleness, [Staleness { equipment: slow, stale: true }]);
}

#[test]
fn the_source_is_lost_and_back() {
    let mut p = press(Stale::never());
    assert_eq!(p.scan.look(at(0)).source_lost, None);
    p.tags.source_lost();
    assert_eq!(p.scan.look(at(0)).source_lost, Some(true));
    assert!(p.scan.source_lost());
    assert_eq!(p.scan.look(at(0)).source_lost, None, "told once");
    p.tags.source_back();
    p.tags.source_lost();
    assert_eq!(p.scan.look(at(0)).source_lost, None, "only the newest counts");
    p.tags.source_back();
    assert_eq!(p.scan.look(at(0)).source_lost, Some(false));
}

#[test]
fn handles_of_elsewhere_are_errors() {
    let mut p = press(Stale::never());
    let q = press(Stale::never());
    assert_ne!(p.id, q.id);
    let made_up = EquipmentId::from_bits(p.id.to_bits() + 1);
    for stranger in [q.id, made_up, EquipmentId::from_bits(u64::MAX)] {
        assert_eq!(p.tags.touch(stranger), Err(TagWriteError::UnknownEquipment));
        assert_eq!(p.tags.set(stranger.error_tag(), true), Err(TagWriteError::UnknownEquipment));
        assert_eq!(p.tags.add_tag::<bool>(stranger, "x"), Err(TagDeclareError::UnknownEquipment));
        assert_eq!(p.tags.tag::<bool>(stranger, "x"), Err(TagDeclareError::UnknownEquipment));
        assert!(p.scan.view(stranger).is_none());
    }
    p.scan.look(at(0));
    assert_eq!(p.scan.counts().tag_handles_unknown, 6);
    assert_eq!(p.scan.counts().tag_declarations_refused, 3);
}

#[test]
fn handles_are_plain_values() {
    fn plain<T: Copy + Send + Sync + 'static>() {}
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    plain::<EquipmentId>();
    plain::<TagId>();
    plain::<Tag<f64>>();
    plain::<Tag<str>>();
    shared::<Tags>();
    sent::<TagScan>();
    assert_eq!(size_of::<Tag<str>>(), 12);
}

#[test]
fn declarations_are_checked() {
    let (tags, mut scan) = Tags::builder()
        .equipment(Equipment::new("A", "", Stale::never()).tag("x", TagKind::I64).room_for_tags(2))
        .room(2, 1)
        .build()
        .unwrap();
    let plain = |code: &str| Equipment::new(code, "", Stale::never());
    let a = tags.equipment("A").unwrap();
    assert_eq!(tags.equipment("a"), None);
    let why = |error: TagDeclareError| error.to_string();
    for (bad, expected) in [
        (plain("A"), "two equipment"),
        (plain(""), "1 to 256"),
        (plain(&"c".repeat(257)), "1 to 256"),
        (Equipment::new("B", "n".repeat(257), Stale::never()), "up to 256"),
        (Equipment::new("B", "", Stale::after(Duration::from_millis(99))), "100 ms"),
        (plain("B").room_for_tags(2), "room"),
        (plain("B").room_for_tags(usize::MAX).tag("x", TagKind::Bool), "up to 64"),
        (plain("B").tag("", TagKind::Bool), "1 to 128"),
        (plain("B").tag("t".repeat(129), TagKind::Bool), "1 to 128"),
        (plain("B").tag("connection", TagKind::Bool), "every equipment"),
    ] {
        let error = why(tags.declare(bad).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    // What was refused left nothing behind.
    let b = tags.declare(plain(&"b".repeat(256)).room_for_tags(1)).unwrap();
    scan.look(at(0));
    assert_eq!(scan.equipment().count(), 2);
    for (name, expected) in [("x", "of this name"), ("status_tag", "every equipment"), ("", "1 to 128")] {
        let error = why(tags.add_tag::<f64>(a, name).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    let text = tags.add_tag::<str>(a, "y").unwrap();
    let last = tags.add_tag::<str>(a, &"z".repeat(128)).unwrap();
    assert!(why(tags.add_tag::<bool>(a, "one more").unwrap_err()).contains("room_for_tags"));
    assert_eq!(tags.tag::<str>(a, "y"), Ok(text));
    assert_eq!(tags.tag::<bool>(a, "connection"), Ok(a.connection()));
    assert!(why(tags.tag::<f64>(a, "y").unwrap_err()).contains("tag::<str>"));
    assert!(why(tags.tag::<f64>(a, "w").unwrap_err()).contains("not declared"));
    let x = tags.tag::<i64>(a, "x").unwrap();
    let full = "thirty-one bytes, all of it ---";
    tags.update(a, &[x.to(-1), last.to(full), text.to(full)]).unwrap();
    scan.look(at(0));
    let values: Vec<_> = scan.view(a).unwrap().tags().map(|(_, value)| value).collect();
    assert_eq!(values, [Some((-1).into()), Some(full.into()), Some(full.into())]);
    tags.add_tag::<f64>(b, "f").unwrap();
    let before = scan.look(at(0)).number - 1;
    let changed: Vec<_> = scan.changed_since(before).map(|view| view.id()).collect();
    assert_eq!(changed, [b], "one tag more is a change, of its equipment alone");
    tags.declare(plain("C")).unwrap();
    assert_eq!(tags.declare(plain("D")), Err(TagDeclareError::Full { capacity: 3 }));
    scan.look(at(0));
    assert_eq!(scan.counts(), TagCounts { tag_declarations_refused: 15, ..TagCounts::default() });
    // The builder checks by the same rules, its own limit on later equipment left aside.
    let double = Tags::builder().equipment(plain("E").room_for_tags(64)).equipment(plain("E"));
    assert_eq!(double.build().unwrap_err(), TagDeclareError::CodeTaken { code: "E".into() });
    let many = Tags::builder().room(usize::MAX, 0).equipment(plain("E"));
    assert_eq!(many.memory_ceiling(), usize::MAX);
    let wide = Tags::builder().equipment(plain("E").room_for_tags(usize::MAX));
    assert_eq!(wide.memory_ceiling(), usize::MAX);
    assert!(why(wide.build().unwrap_err()).contains("up to 64"));
    assert_eq!(many.build().unwrap_err(), TagDeclareError::Full { capacity: 65_536 });
}

/// What a table holds, as plain values.
#[derive(Default)]
struct Model {
    values: HashMap<TagId, Option<Value>>,
    written: bool,
    flags: [bool; 3],
}

/// Equipment, the tags of its own, and what they hold.
type Modelled = (EquipmentId, Vec<(TagId, TagKind)>, Model);

#[derive(Clone, PartialEq, Debug)]
enum Value {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(String),
}

impl Value {
    fn given(&self) -> TagValue<'_> {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::I64(value) => (*value).into(),
            Self::F64(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
        }
    }

    /// What a reader is to see of it.
    fn shown(self) -> Option<Self> {
        match self {
            Self::F64(value) if !value.is_finite() => None,
            other => Some(other),
        }
    }
}

fn drawn(rng: &mut fastrand::Rng, kind: TagKind) -> Value {
    match kind {
        TagKind::Bool => Value::Bool(rng.bool()),
        TagKind::I64 => Value::I64(rng.i64(..)),
        TagKind::F64 => Value::F64(*rng.choice(&[0.0, -1.5, f64::NAN, f64::INFINITY, 1e300]).unwrap()),
        TagKind::Text => {
            let length = rng.usize(0..12);
            Value::Text((0..length).map(|_| *rng.choice(&['a', 'é', '가']).unwrap()).collect())
        }
    }
}

/// Against plain values, under random writes, faults, looks and late declarations.
#[test]
fn agrees_with_a_naive_model() {
    let kinds = [TagKind::Bool, TagKind::I64, TagKind::F64, TagKind::Text];
    for seed in 0..if cfg!(miri) { 2 } else { 100 } {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (tags, mut scan) = Tags::builder().room(4, 6).build().unwrap();
        let mut all: Vec<Modelled> = Vec::new();
        for step in 0..if cfg!(miri) { 60 } else { 500 } {
            let which = rng.usize(..all.len().max(1));
            match (rng.u8(0..12), all.get_mut(which)) {
                (0, _) | (_, None) => {
                    let stale = Stale::never();
                    let drawn: Vec<TagKind> = rng.choose_multiple(kinds, 3);
                    let new = Equipment::new(format!("E{step}"), "", stale).room_for_tags(3);
                    let new =
                        drawn.iter().zip(0..).fold(new, |new, (kind, n)| new.tag(format!("t{n}"), *kind));
                    let expected = all.len() < 4;
                    let declared = tags.declare(new);
                    assert_eq!(declared.is_ok(), expected, "seed {seed}");
                    if let Ok(id) = declared {
                        let own = drawn.iter().zip(3..).map(|(kind, n)| (TagId::new(id, n), *kind)).collect();
                        all.push((id, own, Model::default()));
                    }
                }
                (1, Some((id, own, _))) => {
                    let tag = tags.add_tag::<str>(*id, &format!("t{}", own.len()));
                    assert_eq!(tag.is_ok(), own.len() < 6, "seed {seed}");
                    own.extend(tag.map(|tag| (tag.id(), TagKind::Text)));
                }
                (2..9, Some((id, own, model))) => {
                    let mut news = Vec::new();
                    for _ in 0..rng.usize(0..4) {
                        let (tag, kind) = *rng.choice(own.iter()).unwrap();
                        news.push((tag, drawn(&mut rng, kind)));
                    }
                    let flag = rng.u16(0..3);
                    let on = rng.bool();
                    let mut writes: Vec<_> =
                        news.iter().map(|(tag, value)| tag.to_value(value.given())).collect();
                    writes.push(TagId::new(*id, flag).to_value(on.into()));
                    let too_long = news.iter().any(|(_, v)| matches!(v, Value::Text(t) if t.len() > 31));
                    assert_eq!(tags.update(*id, &writes).is_err(), too_long, "seed {seed}");
                    if !too_long {
                        model.values.extend(news.into_iter().map(|(tag, value)| (tag, value.shown())));
                        model.flags[usize::from(flag)] = if flag == 2 { !on } else { on };
                        model.written = true;
                    }
                }
                (_, Some(_)) => {
                    scan.look(at(step));
                    for (id, own, model) in &all {
                        let view = scan.view(*id).unwrap();
                        assert_eq!(view.status_tag(), model.flags[0], "seed {seed}");
                        assert_eq!(view.error_tag(), model.flags[1], "seed {seed}");
                        assert_eq!(view.connection(), model.written && !model.flags[2], "seed {seed}");
                        let values: Vec<_> = view.tags().map(|(_, value)| value).collect();
                        let expected: Vec<_> = own
                            .iter()
                            .map(|(tag, _)| model.values.get(tag).and_then(Option::as_ref).map(Value::given))
                            .collect();
                        assert_eq!(values, expected, "seed {seed}, step {step}");
                    }
                }
            }
        }
    }
}

/// The words are plain memory: who reads them without the other's knowledge would meet the writer.
#[test]
fn a_second_reader_is_turned_away_while_the_first_reads() {
    let copies = Copies::new(4);
    let write = |value| {
        let mut claim = copies.claim().unwrap();
        claim.store(1, [value]);
        claim.publish();
    };
    write(7);
    let mut within = None;
    assert!(copies.take(&mut Front::default(), |words| {
        within = Some(copies.take(&mut Front::default(), |_| unreachable!("it is being read")));
        // As often as it takes to come back to any copy that nobody is known to read.
        (8..16).for_each(write);
        assert_eq!(words[1], 7);
    }));
    assert_eq!(within, Some(false));
    assert!(copies.take(&mut Front::default(), |words| assert_eq!(words[1], 15)));
}

#[test]
fn what_a_write_given_up_had_stored_is_never_seen() {
    let (copies, mut front) = (Copies::new(40), Front::default());
    for round in 0..8 {
        let mut claim = copies.claim().unwrap();
        claim.store(20, [99]);
        drop(claim);
        let mut claim = copies.claim().unwrap();
        claim.store(1, [round + 1]);
        claim.publish();
        assert!(copies.take(&mut front, |words| assert_eq!((words[1], words[20]), (round + 1, 0))));
    }
}

/// Equipment with 64 texts has one line more than a word has bits.
#[test]
fn the_last_lines_of_the_largest_equipment_are_kept_up() {
    let (copies, mut front) = (Copies::new(33 * 16), Front::default());
    let places = [5, 31 * 16 + 1, 32 * 16 + 1, 32 * 16 - 1];
    let mut expected = vec![0; 33 * 16];
    for round in 0..32 {
        let at = places[round % places.len()];
        let mut claim = copies.claim().unwrap();
        claim.store(at, [round as u32 + 1, 7]);
        claim.publish();
        expected[at..at + 2].copy_from_slice(&[round as u32 + 1, 7]);
        // Not each time, so that both copies of a pair are written.
        if round % 3 == 0 {
            assert!(copies.take(&mut front, |words| assert_eq!(words, expected)));
        }
    }
}

/// It is no part of a write that came to nothing.
#[test]
fn what_is_not_finite_is_counted_with_its_write() {
    let Press { tags, mut scan, id, speed, count, .. } = press(Stale::never());
    let writes = [speed.to(f64::NAN), TagId::new(id, count.id().index()).to_value(TagValue::Bool(true))];
    assert!(tags.update(id, &writes).is_err());
    scan.look(at(1));
    let counts = scan.counts();
    assert_eq!((counts.tag_writes_refused, counts.tag_values_not_finite), (1, 0));
}
