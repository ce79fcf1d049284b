//! A line of machines: they work in cycles, wait, are stopped, have faults. Now and then the line changes to another product, for which each machine is
//! stopped and set up. Now and then one of their PLCs falls silent: nothing is written for its machines any more, and it is up to the server to say so.

use super::seconds;
use andon::{
    Equipment, EquipmentId, EquipmentStatus, Stale, Tag, TagDeclareError, TagKind, TagScan, TagWrite, Tags,
};
use fastrand::Rng;
use std::time::Duration;

const SEED: u64 = 17;
const MACHINES_PER_PLC: usize = 4;
/// Until the first PLC falls silent: soon, so that whoever tries the server sees it.
const FIRST_OUTAGE: u32 = seconds(3);
/// How long a PLC is silent beyond its machines' deadline.
const SILENT_BEYOND: u32 = seconds(5);

const NAMES: [&str; 17] = [
    "Upper 로봇 용접",
    "Lower 로봇 용접",
    "프레임 투입",
    "프레임 클램프",
    "사이드 로봇 용접",
    "도어 로봇 용접",
    "실러 도포",
    "비전 검사",
    "너트 러너",
    "리벳 체결",
    "헤밍 프레스",
    "레이저 마킹",
    "리크 테스트",
    "치수 측정",
    "이송 컨베이어",
    "적재 로봇",
    "완성품 반출",
];
/// What is made, each by a recipe of its own.
const RECIPES: [&str; 3] = ["SP3-LH", "SP3-RH", "MQ4-LH"];
const ALARMS: [&str; 4] = ["E101 wire feed", "E204 no part", "E310 torque", "E417 light curtain"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Cycle,
    Wait,
    /// Somebody has stopped it: to change a tool, say.
    Stop,
    Fault,
}

struct Machine {
    id: EquipmentId,
    good_tag: Tag<i64>,
    bad_tag: Tag<i64>,
    cycle_tag: Tag<f64>,
    heat_tag: Tag<f64>,
    recipe_tag: Tag<str>,
    alarm_tag: Tag<str>,
    doing: Doing,
    /// Steps of this that are left.
    left: u32,
    good: i64,
    bad: i64,
    /// What the last cycle took, in steps.
    cycle: u32,
    heat: f64,
    /// Of [`RECIPES`].
    recipe: usize,
    alarm: &'static str,
}

/// See the module.
pub(crate) struct Line {
    tags: Tags,
    machines: Vec<Machine>,
    rng: Rng,
    /// What the line is to make, of [`RECIPES`], and the steps until that is something else.
    recipe: usize,
    batch: u32,
    /// The PLC that is silent.
    silent: Option<usize>,
    /// Steps until that changes.
    until: u32,
    outage: u32,
}

impl Line {
    /// So many machines, which are stale when nothing was written for that time; `None`: never.
    pub(crate) fn build(
        machines: usize,
        stale_after: Option<Duration>,
    ) -> Result<(Self, TagScan), TagDeclareError> {
        let stale = stale_after.map_or(Stale::never(), Stale::after);
        let code = |n| format!("KRCWO12ELOA{}", 101 + n);
        let equipment = (0..machines).map(|n| {
            let name = NAMES[n % NAMES.len()];
            let name =
                if n < NAMES.len() { name.into() } else { format!("{name} {}호기", n / NAMES.len() + 1) };
            Equipment::new(code(n), name, stale)
                .tag("good_count", TagKind::I64)
                .tag("bad_count", TagKind::I64)
                .tag("cycle_s", TagKind::F64)
                .tag("temperature", TagKind::F64)
                .tag("recipe", TagKind::Text)
                .tag("alarm", TagKind::Text)
        });
        let (tags, scan) = equipment.fold(Tags::builder(), andon::TagsBuilder::equipment).build()?;
        let mut rng = Rng::with_seed(SEED);
        let machine = |n| {
            let id = tags.equipment(&code(n)).expect("declared above");
            Ok(Machine {
                id,
                good_tag: tags.tag(id, "good_count")?,
                bad_tag: tags.tag(id, "bad_count")?,
                cycle_tag: tags.tag(id, "cycle_s")?,
                heat_tag: tags.tag(id, "temperature")?,
                recipe_tag: tags.tag(id, "recipe")?,
                alarm_tag: tags.tag(id, "alarm")?,
                doing: Doing::Wait,
                left: rng.u32(0..seconds(3)),
                good: rng.i64(200..500),
                bad: rng.i64(0..10),
                cycle: seconds(8),
                heat: 24.0,
                recipe: 0,
                alarm: "",
            })
        };
        let machines = (0..machines).map(machine).collect::<Result<_, TagDeclareError>>()?;
        let deadline = stale_after.map_or(0, |after| seconds(after.as_secs() as u32));
        let outage = deadline + SILENT_BEYOND;
        let (silent, until, recipe, batch) = (None, FIRST_OUTAGE, 0, seconds(90));
        Ok((Self { tags, machines, rng, recipe, batch, silent, until, outage }, scan))
    }

    /// A tenth of a second of it.
    pub(crate) fn step(&mut self) {
        if self.until == 0 {
            let plcs = self.machines.len().div_ceil(MACHINES_PER_PLC);
            (self.silent, self.until) = match self.silent {
                None => (Some(self.rng.usize(0..plcs)), self.outage),
                Some(_) => (None, self.rng.u32(seconds(20)..seconds(60))),
            };
        }
        self.until -= 1;
        if self.batch == 0 {
            self.recipe = (self.recipe + 1) % RECIPES.len();
            self.batch = self.rng.u32(seconds(120)..seconds(300));
        }
        self.batch -= 1;
        for (n, machine) in self.machines.iter_mut().enumerate() {
            // A machine goes on working while its PLC says nothing.
            machine.step(&mut self.rng, self.recipe);
            if self.silent != Some(n / MACHINES_PER_PLC) {
                let written = self.tags.update(machine.id, &machine.values());
                written.expect("one writer, and tags that there are");
            }
        }
    }
}

impl Machine {
    fn step(&mut self, rng: &mut Rng, recipe: usize) {
        let ambient = if self.doing == Doing::Cycle { 61.0 } else { 24.0 };
        self.heat += (ambient - self.heat) / 200.0;
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        if self.doing == Doing::Cycle {
            let is_good = rng.u32(0..40) > 0;
            self.good += i64::from(is_good);
            self.bad += i64::from(!is_good);
        }
        self.alarm = "";
        let is_other = std::mem::replace(&mut self.recipe, recipe) != recipe;
        let next = match (self.doing, rng.u32(0..100)) {
            _ if is_other => Doing::Stop,
            (Doing::Cycle, 0..3) => Doing::Fault,
            (Doing::Cycle, 3..6) => Doing::Stop,
            (Doing::Cycle, 6..25) => Doing::Wait,
            // Whoever mends it looks before starting it again.
            (Doing::Fault, _) => Doing::Stop,
            _ => Doing::Cycle,
        };
        let time = match next {
            Doing::Cycle => seconds(6)..seconds(11),
            Doing::Wait => seconds(1)..seconds(5),
            Doing::Stop => seconds(5)..seconds(20),
            Doing::Fault => seconds(4)..seconds(15),
        };
        (self.doing, self.left) = (next, rng.u32(time));
        match next {
            Doing::Cycle => self.cycle = self.left,
            Doing::Fault => self.alarm = ALARMS[rng.usize(0..ALARMS.len())],
            Doing::Wait | Doing::Stop => {}
        }
    }

    /// All it has to say, written as one. The rule makes running, idle or error of it; only "stopped" must be said.
    fn values(&self) -> [TagWrite<'_>; 9] {
        let stopped = (self.doing == Doing::Stop).then_some(EquipmentStatus::Stopped);
        [
            self.id.status_tag().to(self.doing == Doing::Cycle),
            self.id.error_tag().to(self.doing == Doing::Fault),
            TagWrite::status(self.id, stopped),
            self.good_tag.to(self.good),
            self.bad_tag.to(self.bad),
            self.cycle_tag.to(f64::from(self.cycle) / f64::from(seconds(1))),
            // To half a degree, or it would change all the time.
            self.heat_tag.to((self.heat * 2.0).round() / 2.0),
            self.recipe_tag.to(RECIPES[self.recipe]),
            self.alarm_tag.to(self.alarm),
        ]
    }
}
